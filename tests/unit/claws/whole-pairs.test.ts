import { expect, test } from 'bun:test';
import { WholePairs } from '../../../src/claws/whole-pairs.ts';
import type { Delta } from '../../../src/core/delta.ts';

const text = (value: string, more: { index?: number; part?: number; logprobs?: unknown[] } = {}): Delta => ({
  type: 'text-delta',
  index: 0,
  part: 0,
  text: value,
  ...more,
});
const end: Delta = { type: 'item-end', index: 0 };

const whole = (...bursts: Delta[][]): Delta[] => {
  const pairs = new WholePairs();
  return bursts.flatMap((burst) => [...pairs.push(burst)]);
};

test('a burst without cut pairs is passed on as it is', () => {
  const burst = [text('a'), text('😀')];
  expect(new WholePairs().push(burst)).toBe(burst);
});

test('a pair that comes in two deltas stays whole', () => {
  expect(whole([text('a\ud83d')], [text('\ude00b')])).toEqual([text('a'), text('😀b')]);
  expect(whole([text('\ud83d'), text('\ude00')])).toEqual([text('😀')]);
  const args = (value: string): Delta => ({ type: 'arguments-delta', index: 1, text: value });
  expect(whole([args('"\ud83d'), text('x'), args('\ude00"')])).toEqual([args('"'), text('x'), args('😀"')]);
});

test('a half that stays alone becomes U+FFFD', () => {
  expect(whole([text('a\ud83d'), text('b')], [text('\ude00'), end])).toEqual([
    text('a'),
    text('\ufffdb'),
    text('\ufffd'),
    end,
  ]);
  expect(whole([text('a\ud83d')], [end])).toEqual([text('a'), text('\ufffd'), end]);
  expect(whole([text('\ud83d'), text('\ude00', { part: 1 }), end])).toEqual([
    text('\ufffd'),
    text('\ufffd', { part: 1 }),
    end,
  ]);
});

test('log probabilities stay with their text', () => {
  expect(whole([text('\ud83d', { logprobs: [1] })], [text('\ude00', { logprobs: [2] })])).toEqual([
    text('😀', { logprobs: [1, 2] }),
  ]);
  expect(whole([text('a\ud83d', { logprobs: [1] })], [text('\ude00')])).toEqual([
    text('a', { logprobs: [1] }),
    text('😀'),
  ]);
});

test('whole items have no lone halves', () => {
  const item = (value: string): Delta => ({
    type: 'item-end',
    index: 0,
    item: { type: 'message', role: 'assistant', content: [{ type: 'refusal', refusal: value }] },
  });
  expect(whole([item('no \ud83d')])).toEqual([item('no \ufffd')]);
});
