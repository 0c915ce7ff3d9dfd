import { describe, expect, test } from 'bun:test';
import {
  AutomaticCache,
  blocksOf,
  LIFETIME_MS,
  MarkedCache,
  type PromptBlock,
} from '../simulators/provider/prompt-cache.ts';

/** A block of so many tokens. */
const block = (tokens: number, letter: string, isMarked = false): PromptBlock => ({
  text: letter.repeat(4 * tokens),
  isMarked,
});

function clock() {
  const at = { ms: 0 };
  return { at, now: () => at.ms };
}

describe('a cache of every prompt', () => {
  const prompt = [block(1_100, 'a'), block(200, 'b')];

  test('reads an equal prefix in steps of 128 tokens, from 1,024 on', () => {
    const cache = new AutomaticCache(clock().now);
    expect(cache.call('key', 'm', prompt)).toEqual({ input: 1_300, cached: 0, wrote: 0, wroteHour: 0 });
    expect(cache.call('key', 'm', prompt).cached).toBe(1_280);
    expect(cache.call('key', 'm', [block(1_100, 'a'), block(200, 'c')]).cached).toBe(1_024);
  });

  test('does not cache a shorter prompt, nor one that begins otherwise', () => {
    const cache = new AutomaticCache(clock().now);
    cache.call('key', 'm', [block(1_000, 'a')]);
    expect(cache.call('key', 'm', [block(1_000, 'a')]).cached).toBe(0);
    cache.call('key', 'm', prompt);
    expect(cache.call('key', 'm', [block(1, 'x'), ...prompt]).cached).toBe(0);
  });

  test('shares nothing between credentials and models, and forgets what is not used', () => {
    const { at, now } = clock();
    const cache = new AutomaticCache(now);
    cache.call('key', 'm', prompt);
    expect(cache.call('other', 'm', prompt).cached).toBe(0);
    expect(cache.call('key', 'other', prompt).cached).toBe(0);
    at.ms = LIFETIME_MS - 1;
    expect(cache.call('key', 'm', prompt).cached).toBe(1_280);
    at.ms = 2 * LIFETIME_MS - 1;
    expect(cache.call('key', 'm', prompt).cached).toBe(0);
  });
});

describe('a cache of marked prompts', () => {
  const first = [block(1_100, 'a', true), block(50, 'b', true)];

  test('writes up to the last mark, and reads up to the longest earlier one', () => {
    const cache = new MarkedCache(clock().now);
    expect(cache.call('key', 'm', first)).toEqual({ input: 1_150, cached: 0, wrote: 1_150, wroteHour: 0 });
    const second = [block(1_100, 'a', true), block(50, 'b'), block(10, 'c'), block(40, 'd', true)];
    expect(cache.call('key', 'm', second)).toEqual({ input: 1_200, cached: 1_150, wrote: 50, wroteHour: 0 });
    expect(cache.call('other', 'm', second).cached).toBe(0);
  });

  test('needs a mark, and 1,024 tokens before it', () => {
    const cache = new MarkedCache(clock().now);
    const bare = [block(2_000, 'a')];
    cache.call('key', 'm', bare);
    expect(cache.call('key', 'm', bare)).toEqual({ input: 2_000, cached: 0, wrote: 0, wroteHour: 0 });
    cache.call('key', 'm', [block(1_000, 'b', true)]);
    expect(cache.call('key', 'm', [block(1_000, 'b', true)])).toEqual({
      input: 1_000,
      cached: 0,
      wrote: 0,
      wroteHour: 0,
    });
  });

  test('looks back 20 blocks from a mark', () => {
    const cache = new MarkedCache(clock().now);
    const after = (count: number) => [
      block(1_100, 'a'),
      ...Array.from({ length: count }, () => block(1, 'b')).map((each, index) =>
        index === count - 1 ? { ...each, isMarked: true } : each,
      ),
    ];
    cache.call('key', 'm', [block(1_100, 'a', true)]);
    expect(cache.call('key', 'm', after(21)).cached).toBe(0);
    expect(cache.call('key', 'm', after(20)).cached).toBe(1_100);
  });
});

test('the blocks of a request have its tools, instructions and messages, without marks in their text', () => {
  const mark = { cache_control: { type: 'ephemeral' } };
  const blocks = blocksOf({
    tools: [{ name: 'find' }],
    system: [{ type: 'text', text: 'Be brief.', ...mark }],
    messages: [{ role: 'user', content: 'Hello' }],
  });
  expect(blocks).toEqual([
    { text: '{"name":"find"}', isMarked: false },
    { text: '{"type":"text","text":"Be brief."}', isMarked: true },
    { text: 'user {"type":"text","text":"Hello"}', isMarked: false },
  ]);
});
