import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { gloss } from '../../../../src/context/retrieval/gloss.ts';
import type { Passage } from '../../../../src/context/retrieval/passage.ts';
import { PassageIndex } from '../../../../src/context/retrieval/passage-index.ts';
import { addEach, DAY, found, MONDAY, passage, turnId } from './passages.ts';

const WORDS = 'dog cat walk park went going paint painted sunset Ada Ben yesterday may 7 nuts budget'.split(
  ' ',
);

/** Passages of people or of a chat with an assistant, one for each turn. */
const passages: fc.Arbitrary<Passage[]> = fc
  .array(
    fc.record({
      text: fc.array(fc.constantFrom(...WORDS), { maxLength: 12 }).map((words) => words.join(' ')),
      role: fc.constantFrom('user' as const, 'assistant' as const, 'tool' as const),
      speaker: fc.constantFrom(undefined, 'Ada', 'Ben'),
      pause: fc.integer({ min: 0, max: 3 }),
    }),
    { maxLength: 40 },
  )
  .map((all) => {
    let at = MONDAY;
    return all.map(({ pause, ...rest }, turn) => {
      at += (pause * DAY) / 4;
      return passage(turn, rest.text, { role: rest.role, speaker: rest.speaker, at });
    });
  });

const question = fc
  .array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 6 })
  .map((words) => words.join(' '));

const hits = (index: PassageIndex, text: string) =>
  index.search({ texts: [text], at: MONDAY + 30 * DAY }, 20);

const filled = (all: readonly Passage[]): PassageIndex => {
  const index = new PassageIndex(gloss());
  addEach(index, all);
  return index;
};

describe('an index of passages', () => {
  test('the same passages and query give the same hits', () => {
    fc.assert(
      fc.property(passages, question, (all, text) => {
        const index = filled(all);
        const first = hits(index, text);
        expect(hits(index, text)).toEqual(first);
        expect(hits(filled(all), text)).toEqual(first);
      }),
    );
  });

  test('rewinding and adding again is the same as adding once', () => {
    fc.assert(
      fc.property(passages, passages, fc.nat(), question, (all, others, cut, text) => {
        const kept = all.slice(0, all.length === 0 ? 0 : cut % all.length);
        const index = filled(all);
        hits(index, text);
        expect(index.rewind(kept.at(-1)?.turn ?? null)).toBe(true);
        addEach(
          index,
          others.map((other, at) => ({ ...other, turn: turnId(`b${at}`) })),
        );
        index.rewind(kept.at(-1)?.turn ?? null);
        expect(hits(index, text)).toEqual(hits(filled(kept), text));
        addEach(index, all.slice(kept.length));
        expect(hits(index, text)).toEqual(hits(filled(all), text));
      }),
    );
  });

  test('all hits have a finite score above 0, best first, and none is there twice', () => {
    fc.assert(
      fc.property(passages, question, (all, text) => {
        const scores = hits(filled(all), text).map(({ score }) => score);
        expect(scores.every((score) => Number.isFinite(score) && score > 0)).toBe(true);
        expect(scores).toEqual(scores.toSorted((a, b) => b - a));
        const turns = hits(filled(all), text).map(({ passage: { turn } }) => turn);
        expect(new Set(turns).size).toBe(turns.length);
      }),
    );
  });

  test('nothing of another branch is found after a rewind', () => {
    const index = new PassageIndex();
    addEach(index, [
      passage(1, 'We adopted a dog'),
      passage(2, 'The dog is called Rex'),
      passage(3, 'Rex ate'),
    ]);
    expect(index.rewind(turnId(1))).toBe(true);
    expect(index.last).toBe(turnId(1));
    addEach(index, [passage('b2', 'The dog is called Bello')]);
    expect(found(index, 'What is the dog called? Rex?')).toEqual([
      'The dog is called Bello',
      'We adopted a dog',
    ]);
  });

  test('a rewind to a turn that the index does not hold changes nothing', () => {
    const index = new PassageIndex();
    addEach(index, [passage(1, 'We adopted a dog')]);
    expect(index.rewind(turnId(9))).toBe(false);
    expect(found(index, 'dog')).toEqual(['We adopted a dog']);
  });

  test('an empty index, an empty query and a limit of 0 give no hits', () => {
    const index = new PassageIndex(gloss());
    expect(found(index, 'dog')).toEqual([]);
    addEach(index, [passage(1, 'We adopted a dog'), passage(2, '')]);
    expect(index.search({ texts: [], at: MONDAY }, 5)).toEqual([]);
    expect(found(index, '…')).toEqual([]);
    expect(found(index, 'dog', 0)).toEqual([]);
  });
});

describe('hostile texts', () => {
  const within = (ms: number, work: () => void): void => {
    const start = performance.now();
    work();
    expect(performance.now() - start).toBeLessThan(ms);
  };

  test('a megabyte without spaces, of marks, of letters and of different words', () => {
    const index = new PassageIndex(gloss());
    const texts = ['x', '?', '[', '1', 'é', '漢', '\u0301', 'on ', 'a b1 '].map((piece) =>
      piece.repeat(Math.ceil(1_000_000 / piece.length)),
    );
    texts.push(Array.from({ length: 150_000 }, (_, number) => `w${number}`).join(' '));
    within(10_000, () =>
      addEach(
        index,
        texts.map((text, turn) => passage(turn, text)),
      ),
    );
    within(2_000, () => {
      for (const text of texts) index.search({ texts: [text, text], at: MONDAY }, 10);
    });
  });

  test('a query of 100,000 terms', () => {
    const index = new PassageIndex(gloss());
    addEach(
      index,
      Array.from({ length: 2_000 }, (_, turn) => passage(turn, `w${turn} w${turn + 1} w${turn % 7}`)),
    );
    const text = Array.from({ length: 100_000 }, (_, number) => `w${number}`).join(' ');
    within(500, () => expect(index.search({ texts: [text], at: MONDAY }, 10)).toHaveLength(10));
  });

  test('times that are no numbers, far away, or not in order', () => {
    const index = new PassageIndex(gloss());
    addEach(
      index,
      [Number.NaN, Number.POSITIVE_INFINITY, -1e18, 8.64e15, 0].map((at, turn) =>
        passage(turn, 'We met yesterday, two weeks ago, 300 years ago and on 30 February', { at }),
      ),
    );
    for (const at of [Number.NaN, 8.64e15, -8.64e15]) {
      expect(index.search({ texts: ['What about last Tuesday, when we met?'], at }, 10)).not.toEqual([]);
    }
  });
});
