import { describe, expect, test } from 'bun:test';
import type { Delta } from '../../../src/core/delta.ts';
import { ERRORS, type ErrorCode } from '../../../src/core/errors.ts';
import { foldAll } from '../../../src/core/fold.ts';
import { Cancelled } from '../../../src/turn/live-turn.ts';
import { isWhole, rescueOf } from '../../../src/turn/rescue.ts';
import { BeganAnew } from '../../../src/turn/seam.ts';
import { asked, attempt, broken, candidate, rescueFor, say } from './rescued.ts';

const CANDIDATES = ['one', 'two', 'three'].map(candidate);

/** A text that was cut. */
const TEXT = [say.message(0), say.text(0, 'one tw')];
/** A call that was cut. */
const CALL = [say.call(0), say.arguments(0, '{"a')];
const THOUGHT = [say.thought(0), say.thinks(0, 'Hm')];

const rescue = (deltas: Delta[], failure: unknown = broken(), ask = asked()) =>
  rescueOf(foldAll(deltas), failure, ask, CANDIDATES);

/** Whom a rescue calls after these have broken off, one after the other. */
const order = (providers: string[], failure: unknown = broken()) =>
  rescue([...providers.map(attempt), ...TEXT], failure)?.candidates.map(({ provider }) => provider);

describe('what is rescued', () => {
  const RESCUED: ErrorCode[] = [
    'gateway_stopped',
    'provider_error',
    'provider_overloaded',
    'provider_protocol_error',
    'provider_timeout',
    'provider_unreachable',
    'rate_limited',
    'stream_interrupted',
  ];

  test('are failures of a call, and nothing else', () => {
    const codes = Object.keys(ERRORS) as ErrorCode[];
    expect(codes.filter((code) => rescue([attempt(), ...TEXT], broken(code))).sort()).toEqual(RESCUED);
    expect(rescue([attempt(), ...TEXT], new Cancelled('It is not wanted.'))).toBeUndefined();
    expect(rescue([attempt(), ...TEXT], new Error('unforeseen'))).toBeUndefined();
  });

  test('is an answer that broke off four times, and not a fifth time', () => {
    const calls = (count: number) => [...Array.from({ length: count }, () => attempt()), ...TEXT];
    expect(rescue(calls(4))).toBeDefined();
    expect(rescue(calls(5))).toBeUndefined();
  });

  test('is a turn that had no answer when its process died', () => {
    expect(rescue([], broken('gateway_stopped'))).toMatchObject({
      said: '',
      candidates: CANDIDATES,
      discard: [],
    });
  });
});

describe('what remains', () => {
  test('of a text is what was said, to be continued where it was cut', () => {
    const parts = [say.message(0), say.text(0, 'one '), say.text(0, 'tw', 1)];
    expect(rescueFor(parts)).toMatchObject({ said: 'one tw', open: { index: 0, part: 1 }, discard: [] });
  });

  test('of a text that had come to its end is the text', () => {
    const { open, ...rest } = rescueFor([...TEXT, say.end(0)]);
    expect(open).toBeUndefined();
    expect(rest).toMatchObject({ said: 'one tw', close: [], discard: [] });
  });

  test('of several texts is all that was said; one of them goes on', () => {
    const deltas = [...TEXT, say.message(1), say.text(1, 'o')];
    expect(rescueFor(deltas)).toMatchObject({ said: 'one two', open: { index: 1 }, close: [0] });
  });

  test('of a thought is the thought', () => {
    expect(rescueFor(THOUGHT)).toMatchObject({ said: '', close: [0], discard: [] });
    expect(rescueFor([...THOUGHT, say.end(0)])).toMatchObject({ said: '', close: [], discard: [] });
  });

  test.each([
    ['half a call', CALL],
    ['a whole call', [...CALL, say.end(0)]],
  ])('of %s is nothing', (_, call) => {
    expect(rescueFor(call)).toMatchObject({ said: '', discard: [0] });
    const after = [...TEXT, say.end(0), say.call(1)];
    expect(rescueFor(after)).toMatchObject({ said: 'one tw', discard: [1] });
  });

  test.each([
    ['a document with a form', TEXT, { format: { type: 'json_object' as const } }],
    ['one of several choices', TEXT, { n: 2 }],
    ['a refusal', [say.message(0), say.refusal(0, 'No')], {}],
  ])('of %s is nothing', (_, deltas, settings) => {
    expect(rescueFor([...THOUGHT.map(moved), ...deltas], asked({ settings }))).toMatchObject({
      said: '',
      close: [],
      discard: [0, 1],
    });
  });

  /** In front of what has number 0. */
  const moved = (delta: Delta): Delta => ({ ...delta, index: 1 }) as Delta;
});

describe('a caller who cannot be told that parts are void', () => {
  const ask = asked({ whenBroken: 'fail' });

  test.each([
    ['a call', CALL, {}],
    ['a refusal', [say.message(0), say.refusal(0, 'No')], {}],
    ['a document with a form', TEXT, { format: { type: 'json_object' as const } }],
  ])('gets no other answer than that with %s', (_, deltas, settings) => {
    const told = asked({ whenBroken: 'fail', settings });
    expect(rescue([attempt(), ...deltas], broken(), told)).toBeUndefined();
    expect(rescue([attempt(), ...deltas], broken(), { ...told, stream: false })).toBeDefined();
  });

  test('gets the rest of a text, and of what said nothing yet', () => {
    expect(rescue([attempt(), ...TEXT], broken(), ask)).toBeDefined();
    expect(rescue([attempt(), ...THOUGHT], broken(), ask)).toBeDefined();
    const form = asked({ whenBroken: 'fail', settings: { format: { type: 'json_object' } } });
    expect(rescue([attempt(), say.message(0)], broken(), form)).toMatchObject({ discard: [0] });
  });
});

describe('who goes on', () => {
  test.each([
    ['the one that broke off, once more', ['one'], ['one', 'two', 'three']],
    ['the next one, where it broke off twice', ['one', 'one'], ['two', 'three', 'one']],
    ['the next one that it was, once more', ['one', 'one', 'two'], ['two', 'three', 'one']],
    ['the one after that', ['one', 'one', 'two', 'two'], ['three', 'one', 'two']],
    ['the first, where the one that broke off is not among them', ['gone'], ['one', 'two', 'three']],
  ])('is %s', (_, providers, expected) => {
    expect(order(providers)).toEqual(expected);
  });

  test.each(['provider_timeout', 'provider_overloaded', 'rate_limited'] as const)(
    'is the next one at once after %s',
    (code) => expect(order(['one'], broken(code))).toEqual(['two', 'three', 'one']),
  );
});

describe('a claw that gave another answer instead of the rest', () => {
  test('lets another one go on', () => {
    expect(rescue([attempt('one'), attempt('two'), ...TEXT], new BeganAnew())).toMatchObject({
      said: 'one tw',
      candidates: [{ provider: 'three' }, { provider: 'one' }, { provider: 'two' }],
    });
  });

  test('may begin anew where there is no other', () => {
    const deltas = [attempt('one'), attempt('two'), attempt('three'), ...TEXT];
    expect(rescue(deltas, new BeganAnew())).toMatchObject({ said: '', discard: [0] });
    const fails = asked({ whenBroken: 'fail' });
    expect(rescue(deltas, new BeganAnew(), fails)).toMatchObject({ said: 'one tw', discard: [] });
  });
});

test('an answer is whole when every choice has its reason to end, whatever comes after that', () => {
  const finish = (choice: number): Delta => ({ ...say.finish, choice }) as Delta;
  expect(isWhole(foldAll(TEXT), 1)).toBe(false);
  expect(isWhole(foldAll([...TEXT, say.finish]), 1)).toBe(true);
  expect(isWhole(foldAll([...TEXT, finish(1)]), 2)).toBe(false);
  expect(isWhole(foldAll([...TEXT, finish(1), finish(0)]), 2)).toBe(true);
});
