import { describe, expect, test } from 'bun:test';
import type { Delta } from '../../../../src/core/delta.ts';
import { ERRORS, type ErrorCode } from '../../../../src/core/error-catalogue.ts';
import { foldAll } from '../../../../src/core/fold.ts';
import { Cancelled } from '../../../../src/core/turn-view.ts';
import { DifferentAnswer } from '../../../../src/turn/answer/overlap.ts';
import { rescueOf } from '../../../../src/turn/answer/rescue.ts';
import { asked, attempt, broken, candidate, rescueFor, say } from '../rescued.ts';

const CANDIDATES = ['one', 'two', 'three'].map(candidate);

/** A text that was cut. */
const TEXT = [say.message(0), say.text(0, 'one tw')];
/** A call that was cut. */
const CALL = [say.call(0), say.arguments(0, '{"a')];
const REASONING = [say.reasoning(0), say.reason(0, 'Hm')];

const rescue = (deltas: Delta[], failure: unknown = broken(), ask = asked()) =>
  rescueOf(foldAll(deltas), failure, ask, CANDIDATES);

/** The order in which a rescue calls the candidates, after calls to these providers broke off one after another. */
const order = (providers: string[], failure: unknown = broken()) =>
  rescue([...providers.map(attempt), ...TEXT], failure)?.candidates.map(({ provider }) => provider);

describe('a rescue', () => {
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

  test('follows certain failures of a call, and no other failures', () => {
    const codes = Object.keys(ERRORS) as ErrorCode[];
    expect(codes.filter((code) => rescue([attempt(), ...TEXT], broken(code))).sort()).toEqual(RESCUED);
    expect(rescue([attempt(), ...TEXT], new Cancelled('It is not wanted.'))).toBeUndefined();
    expect(rescue([attempt(), ...TEXT], new Error('unforeseen'))).toBeUndefined();
  });

  test('happens at most four times in a turn', () => {
    const calls = (count: number) => [...Array.from({ length: count }, () => attempt()), ...TEXT];
    expect(rescue(calls(4))).toBeDefined();
    expect(rescue(calls(5))).toBeUndefined();
  });

  test('is not counted where the gateway died', () => {
    const stopped = { ...attempt(), cause: 'gateway_stopped' } as Delta;
    const deaths = Array.from({ length: 9 }, () => stopped);
    expect(rescue([attempt(), ...deaths, ...TEXT], broken('gateway_stopped'))).toBeDefined();
    expect(rescue([attempt(), ...deaths, ...TEXT])).toBeDefined();
    const failed = Array.from({ length: 4 }, () => ({ ...attempt(), cause: 'provider_error' }) as Delta);
    expect(rescue([attempt(), ...deaths, ...failed, ...TEXT])).toBeUndefined();
    expect(rescue([attempt(), ...failed, ...TEXT], broken('gateway_stopped'))).toBeDefined();
  });

  test('calls a candidate first again that only the death of the gateway cut off', () => {
    const stopped = { ...attempt('two'), cause: 'gateway_stopped' } as Delta;
    const deltas = [attempt('two'), stopped, ...TEXT];
    const { candidates } = rescue(deltas, broken('gateway_stopped'))!;
    expect(candidates.map(({ provider }) => provider)).toEqual(['two', 'three', 'one']);
  });

  test('continues a turn that had no answer when its process died', () => {
    expect(rescue([], broken('gateway_stopped'))).toMatchObject({
      text: '',
      candidates: CANDIDATES,
      discard: [],
    });
  });
});

describe('what a rescue keeps', () => {
  test('of a text that was cut is the text, to be continued there', () => {
    const parts = [say.message(0), say.text(0, 'one '), say.text(0, 'tw', 1)];
    expect(rescueFor(parts)).toMatchObject({ text: 'one tw', open: { index: 0, part: 1 }, discard: [] });
  });

  test('of a text that had ended is the text', () => {
    const { open, ...rest } = rescueFor([...TEXT, say.end(0)]);
    expect(open).toBeUndefined();
    expect(rest).toMatchObject({ text: 'one tw', close: [], discard: [] });
  });

  test('of several texts is all of them, and the last one is continued', () => {
    const deltas = [...TEXT, say.message(1), say.text(1, 'o')];
    expect(rescueFor(deltas)).toMatchObject({ text: 'one two', open: { index: 1 }, close: [0] });
  });

  test('of reasoning is the reasoning', () => {
    expect(rescueFor(REASONING)).toMatchObject({ text: '', close: [0], discard: [] });
    expect(rescueFor([...REASONING, say.end(0)])).toMatchObject({ text: '', close: [], discard: [] });
  });

  test.each([
    ['half a call', CALL],
    ['a whole call', [...CALL, say.end(0)]],
  ])('of %s is nothing', (_, call) => {
    expect(rescueFor(call)).toMatchObject({ text: '', discard: [0] });
    const after = [...TEXT, say.end(0), say.call(1)];
    expect(rescueFor(after)).toMatchObject({ text: 'one tw', discard: [1] });
  });

  test.each([
    ['a structured output', TEXT, { format: { type: 'json_object' as const } }],
    ['one of several choices', TEXT, { n: 2 }],
    ['a refusal', [say.message(0), say.refusal(0, 'No')], {}],
  ])('of %s is nothing', (_, deltas, settings) => {
    expect(rescueFor([...REASONING.map(moved), ...deltas], asked({ settings }))).toMatchObject({
      text: '',
      close: [],
      discard: [0, 1],
    });
  });

  /** The same delta, for item 1. */
  const moved = (delta: Delta): Delta => ({ ...delta, index: 1 }) as Delta;
});

describe('a caller that cannot be told that parts are void', () => {
  const ask = asked({ whenBroken: 'fail' });

  test.each([
    ['a call', CALL, {}],
    ['a refusal', [say.message(0), say.refusal(0, 'No')], {}],
    ['a structured output', TEXT, { format: { type: 'json_object' as const } }],
  ])('gets no other answer after %s', (_, deltas, settings) => {
    const failing = asked({ whenBroken: 'fail', settings });
    expect(rescue([attempt(), ...deltas], broken(), failing)).toBeUndefined();
    expect(rescue([attempt(), ...deltas], broken(), { ...failing, delivery: 'whole' })).toBeDefined();
  });

  test('gets the rest of a text, or an answer after one without content', () => {
    expect(rescue([attempt(), ...TEXT], broken(), ask)).toBeDefined();
    expect(rescue([attempt(), ...REASONING], broken(), ask)).toBeDefined();
    const structured = asked({ whenBroken: 'fail', settings: { format: { type: 'json_object' } } });
    expect(rescue([attempt(), say.message(0)], broken(), structured)).toMatchObject({ discard: [0] });
  });
});

describe('the candidate that continues', () => {
  test.each([
    ['the one that broke off, a second time', ['one'], ['one', 'two', 'three']],
    ['the next one, where the last one broke off twice', ['one', 'one'], ['two', 'three', 'one']],
    ['the second one, a second time', ['one', 'one', 'two'], ['two', 'three', 'one']],
    ['the one after that', ['one', 'one', 'two', 'two'], ['three', 'one', 'two']],
    [
      'the first one, where the one that broke off is no candidate any more',
      ['gone'],
      ['one', 'two', 'three'],
    ],
  ])('is %s', (_, providers, expected) => {
    expect(order(providers)).toEqual(expected);
  });

  test.each(['provider_timeout', 'provider_overloaded', 'rate_limited'] as const)(
    'is the next one at once after %s',
    (code) => expect(order(['one'], broken(code))).toEqual(['two', 'three', 'one']),
  );
});

describe('after a claw gave a different answer', () => {
  test('another candidate continues', () => {
    expect(rescue([attempt('one'), attempt('two'), ...TEXT], new DifferentAnswer())).toMatchObject({
      text: 'one tw',
      candidates: [{ provider: 'three' }, { provider: 'one' }, { provider: 'two' }],
    });
  });

  test('the answer may start again where all candidates broke off', () => {
    const deltas = [attempt('one'), attempt('two'), attempt('three'), ...TEXT];
    expect(rescue(deltas, new DifferentAnswer())).toMatchObject({ text: '', discard: [0] });
    const fails = asked({ whenBroken: 'fail' });
    expect(rescue(deltas, new DifferentAnswer(), fails)).toMatchObject({ text: 'one tw', discard: [] });
  });
});
