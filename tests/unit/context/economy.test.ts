import { describe, expect, test } from 'bun:test';
import { assemble } from '../../../src/context/assemble.ts';
import type { Recalled } from '../../../src/context/recalled.ts';
import { cachedPriceOf, type TokenBudget, worthwhileTokens } from '../../../src/context/token-budget.ts';
import type { TurnId } from '../../../src/core/ids.ts';
import { type Item, userMessage } from '../../../src/core/items.ts';
import type { BranchTurn } from '../../../src/core/turn.ts';
import { perMillion } from '../../../src/core/usage.ts';

const TURN = 1_000;

/** A branch of turns with so many tokens each, by their own count. */
function branchOf(turns: number, inputOf: (turn: number) => Item[] = () => [userMessage('said')]) {
  return Array.from({ length: turns }, (_, index) => {
    const turn = { kind: 'ask', id: `turn-${index}`, input: inputOf(index), output: [], metadata: {} };
    return { turn, tokens: TURN, totalTokens: TURN * (index + 1), digest: '', hidden: [] };
  }) as unknown as BranchTurn[];
}

const RECALLED: Recalled = {
  ...{ pins: [], saidAt: new Map(), query: '' },
  hits: Array.from({ length: 400 }, (_, index) => ({
    ...{ turn: `other-${index}` as TurnId, item: `item-${index}`, speaker: 'user', text: 'x', tokens: 100 },
    ...{ at: 0, score: 1 },
  })),
};

function sent(turns: number, budget: Partial<TokenBudget>, input: Item[] = [userMessage('now')]) {
  const branch = branchOf(turns);
  const all = { context: 128_000, answer: 4_000, policy: 'auto', ...budget } as const;
  return assemble({
    ...{ branch, input, settings: {}, recalled: RECALLED, open: () => undefined },
    budget: all,
  });
}

const excerptTokens = (turns: number, budget: Partial<TokenBudget>) => sent(turns, budget).recalledTokens;

describe('the price of cached input', () => {
  const price = (input: number, cacheRead?: number) => ({
    ...{ input: perMillion(input), output: perMillion(1) },
    ...(cacheRead !== undefined && { cacheRead: perMillion(cacheRead) }),
  });

  test('is relative to that of other input, and that of other input where there is none', () => {
    expect(cachedPriceOf(price(2, 0.5))).toBe(0.25);
    expect(cachedPriceOf(price(2))).toBe(1);
    expect(cachedPriceOf(price(2, 6))).toBe(1);
  });

  test('is not known where nothing is paid, or the price is not known', () => {
    expect(cachedPriceOf(price(0))).toBeUndefined();
    expect(cachedPriceOf(undefined)).toBeUndefined();
  });
});

describe('a history that the model has room for', () => {
  test('is sent as a whole where cached input is cheap, or the price is not known', () => {
    for (const cachedPrice of [0.02, 0.1, 0.25, undefined])
      expect(sent(100, { cachedPrice }).droppedTokens).toBe(0);
  });

  test('is sent in part where cached input is dear: at most 30 % of it from 30,000 tokens on', () => {
    for (const cachedPrice of [0.5, 1]) {
      expect(sent(27, { cachedPrice }).droppedTokens).toBe(0);
      for (const turns of [30, 45, 60, 90, 115]) {
        expect(sent(turns, { cachedPrice }).tokens).toBeLessThanOrEqual(0.3 * turns * TURN);
      }
    }
  });

  test('is never sent in part with the policy full', () => {
    expect(sent(100, { cachedPrice: 1, policy: 'full', historyTokens: 5_000 }).keptTurns).toBe(100);
  });

  test('has the operator’s own limit', () => {
    const { tokens, droppedTokens } = sent(100, { cachedPrice: 0.1, historyTokens: 20_000 });
    expect(tokens).toBeLessThanOrEqual(20_010);
    expect(droppedTokens).toBeGreaterThan(80_000);
    expect(worthwhileTokens(100_000, { cachedPrice: 1, historyTokens: 90_000 })).toBe(90_000);
  });
});

describe('excerpts', () => {
  test('cost less than what is left out would cost from the cache', () => {
    for (const turns of [125, 150, 200, 300]) {
      const { droppedTokens, recalledTokens } = sent(turns, { cachedPrice: 0.1 });
      expect(recalledTokens).toBeGreaterThan(500);
      expect(recalledTokens).toBeLessThanOrEqual(0.05 * droppedTokens);
    }
  });

  test('are as many as fit where cached input costs the same, or the price is not known', () => {
    expect(excerptTokens(200, { cachedPrice: undefined })).toBeGreaterThan(15_000);
    expect(excerptTokens(200, { cachedPrice: 1 })).toBeGreaterThan(15_000);
  });
});

describe('a cut', () => {
  const cuts = (cachedPrice: number) => {
    const dropped = Array.from({ length: 200 }, (_, turn) => sent(130 + turn, { cachedPrice }).droppedTokens);
    return new Set(dropped).size;
  };

  test('is rarer the cheaper the cache is', () => {
    expect(cuts(0.1)).toBeLessThan(6);
    expect(cuts(0.02)).toBeLessThan(4);
  });

  test('leaves the turns since the latest message of the user, where the input answers calls', () => {
    const called = { type: 'function_call_output', call_id: 'a', output: 'done' } as Item;
    const branch = branchOf(60, (turn) => (turn === 40 ? [userMessage('task')] : [called]));
    const { keptTurns } = assemble({
      ...{ branch, input: [called], settings: {}, recalled: RECALLED, open: () => undefined },
      budget: { context: 128_000, answer: 4_000, policy: 'auto', cachedPrice: 1 },
    });
    expect(keptTurns).toBeGreaterThanOrEqual(20);
  });
});
