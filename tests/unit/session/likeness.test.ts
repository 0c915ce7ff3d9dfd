import { describe, expect, test } from 'bun:test';
import {
  agreement,
  areAlike,
  readSketches,
  sketchOf,
  withSketch,
  writeSketches,
} from '../../../src/session/likeness.ts';

const like = (a: string, b: string) => areAlike(sketchOf(a), sketchOf(b));
/** `count` different words, beginning with the word number `from`. */
const words = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) =>
    [...String(from + i)].map((digit) => 'abcdefghij'[Number(digit)]).join(''),
  ).join(' ');

const MAIN = 'You are a coding agent. Work in the repository and keep your answers short and precise.';
const TITLE = 'Write a title of at most fifty characters for the conversation of the user.';

describe('openings are alike', () => {
  test('when they are equal', () => {
    expect(like(MAIN, MAIN)).toBe(true);
    expect(like('Be brief.', 'Be brief.')).toBe(true);
  });

  test.each([
    [
      'a billing line',
      'x-anthropic-billing-header: cc_version=2.1.9; cch=1a2b3;\n',
      'x-anthropic-billing-header: cc_version=2.2.0; cch=ffff0;\n',
    ],
    ['a minute', 'It is 10:41 now. ', 'It is 10:42 now. '],
    ['a date', 'Today is Monday, 2 March 2026. ', 'Today is Thursday, 31 December 2026. '],
    ['an ISO date', '2026-03-02T10:00:00Z ', '2026-11-28 '],
  ])('when they differ in %s', (_, a, b) => {
    expect(like(a + MAIN, b + MAIN)).toBe(true);
    expect(agreement(sketchOf(a + MAIN), sketchOf(b + MAIN))).toBe(1);
  });

  test('when a section was added that is shorter than the rest', () => {
    expect(like(words(200), `${words(100)} ${words(100, 1000)} ${words(100, 100)}`)).toBe(true);
  });

  test('when they hold nothing but dates', () => {
    expect(like('2026-03-02', '2026-03-03')).toBe(true);
  });

  test('in a script without spaces', () => {
    const text = '你是一名编程助手请在仓库中工作并保持简短';
    expect(like(`${text}今天是周一`, `${text}今天是周二`)).toBe(true);
    expect(like(text, '为用户的对话写一个不超过五十个字的标题')).toBe(false);
  });
});

describe('openings are not alike', () => {
  test.each([
    ['another task', MAIN, TITLE],
    ['short ones with another word', 'Be brief.', 'Be long.'],
    ['another persona', 'You are a pirate who sings.', 'You are a judge who listens.'],
    ['nothing', MAIN, ''],
    ['one that is a small part of the other', words(50), words(300)],
  ])('%s', (_, a, b) => {
    expect(like(a, b)).toBe(false);
    expect(like(b, a)).toBe(false);
  });
});

test('the agreement of long texts is estimated', () => {
  for (const shared of [0, 500, 1000, 1800]) {
    const a = sketchOf(words(2000));
    const b = sketchOf(`${words(shared)} ${words(2000 - shared, 100_000)}`);
    expect(agreement(a, b)).toBeCloseTo(shared / 2000, 0.9);
    expect(Math.abs(agreement(a, b) - shared / 2000)).toBeLessThan(0.12);
  }
});

test('a sketch is small, and is read as it was written', () => {
  for (const text of ['', MAIN, words(5000)]) {
    const sketch = sketchOf(text);
    const other = sketchOf(TITLE);
    expect(readSketches(writeSketches([sketch, other]))).toEqual([sketch, other]);
    expect(writeSketches([sketch]).length).toBeLessThan(800);
  }
  expect(readSketches(writeSketches([]))).toEqual([]);
});

test('a line remembers its two latest openings, and those that drift', () => {
  const [main, title] = [sketchOf(MAIN), sketchOf(TITLE)];
  expect(withSketch([], main)).toEqual([main]);
  expect(withSketch([main], sketchOf(`It is 10:41. ${MAIN}`))).toBeUndefined();
  expect(withSketch([main], title)).toEqual([title, main]);
  const third = sketchOf('You are a pirate who sings.');
  expect(withSketch([title, main], third)).toEqual([third, title]);
  const drifted = sketchOf(`${MAIN} ${words(8)}`);
  expect(areAlike(main, drifted)).toBe(true);
  expect(withSketch([title, main], drifted)).toEqual([drifted, title]);
});
