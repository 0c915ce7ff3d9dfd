import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { type Candidate, candidateKey } from '../../../../src/core/candidate.ts';
import type { AnsweredBy } from '../../../../src/core/outcome.ts';
import type { PlacedIntent } from '../../../../src/core/turn.ts';
import type { Price } from '../../../../src/core/usage.ts';
import { expectedCacheReadOf, type RouteSource, routeOf } from '../../../../src/turn/start/route.ts';
import { costOf } from '../../../../src/usage/prices.ts';
import { asks, directoryOf, groupOf, memberOf } from '../../routing/directory.ts';

/** Affinity and the expected cost: what a route takes from the session of its turn. */

const NOW = 10_000_000_000;
const MINUTE = 60_000;

interface Case {
  members: Partial<Candidate & { order: number }>[];
  strategy?: 'round_robin' | 'least_cost';
  /** The turn before. */
  last?: AnsweredBy;
  agoMs?: number;
  totalTokens?: number;
  intent?: Partial<PlacedIntent>;
  /** Of the prompt; `undefined` where it does not fit. */
  tokens?(candidate: Candidate): number | undefined;
  answerTokens?(candidate: Candidate): number | undefined;
  held?: string[];
}

function routed({
  members,
  strategy = 'round_robin',
  last,
  agoMs = 0,
  totalTokens = 0,
  intent = {},
  held = [],
  ...given
}: Case) {
  const all = members.map(({ provider = 'a', ...rest }) => memberOf(provider, rest));
  const branch = last ? [{ turn: { answeredBy: last, completedAt: NOW - agoMs }, totalTokens }] : [];
  const services = { a: {}, b: {}, anthropic: {}, openai: { cacheMs: 10 * MINUTE } };
  const source = {
    intent: { ...asks({}), state: { kind: 'new' }, ...intent },
    session: { branch },
    contexts: {
      fitting(candidate: Candidate) {
        const tokens = given.tokens ? given.tokens(candidate) : 100;
        return tokens === undefined ? undefined : { tokens, repeatedTokens: tokens, droppedTokens: 0 };
      },
      tokensFor: given.tokens ?? (() => 100),
      asCounted: (_: Candidate, estimated: number) => estimated,
    },
  };
  const path = {
    directory: directoryOf({ services }),
    clock: () => NOW,
    routing: {
      healthOf: (candidate: Candidate) => ({
        ...{ isAvailable: !held.includes(candidateKey(candidate)), inFlight: 0 },
        answerTokens: given.answerTokens?.(candidate),
      }),
      ...{ connectMs: () => undefined, random: () => 0.5, turnOf: () => 0 },
    },
  };
  const chosen = { name: 'team', groups: [groupOf(all, strategy)], tooLong: [], refused: [] };
  return routeOf(
    chosen,
    ...([source, path] as unknown as [Parameters<typeof routeOf>[1], Parameters<typeof routeOf>[2]]),
  );
}

const first = (given: Case): string => candidateKey(routed(given).candidates[0]!);
const answered = (provider: string, by: Partial<AnsweredBy> = {}): AnsweredBy => ({
  ...{ provider, protocol: 'openai-chat', model: 'm' },
  ...by,
});
const AB = [{ provider: 'a' }, { provider: 'b' }];

describe('affinity', () => {
  test('prefers the claw of the turn before', () => {
    expect(first({ members: AB })).toBe('a/m');
    expect(first({ members: AB, last: answered('b') })).toBe('b/m');
    expect(routed({ members: AB, last: answered('b') }).reason).toBe('affinity');
  });

  test('knows a model by the name with which it was called', () => {
    expect(first({ members: AB, last: answered('b', { model: 'm-2026', calledModel: 'm' }) })).toBe('b/m');
  });

  test.each<[string, Partial<Case>, string]>([
    ['just before the cache is cleared', { agoMs: 5 * MINUTE - 1 }, 'b/m'],
    ['when the cache is cleared', { agoMs: 5 * MINUTE }, 'a/m'],
    ['for another model', { last: answered('b', { model: 'other' }) }, 'a/m'],
    ['for another instance', { last: answered('b', { instance: '2' }) }, 'a/m'],
    ['while it is held back', { held: ['b/m'] }, 'a/m'],
    [
      'after marks for an hour that it does not read',
      { agoMs: 6 * MINUTE, intent: { marks: [{ ttl: '1h' }] as never } },
      'a/m',
    ],
  ])('has its reason: %s', (_, given, expected) => {
    expect(first({ members: AB, last: answered('b'), ...given })).toBe(expected);
  });

  test('lasts as long as the cache of its provider', () => {
    const members = [{ provider: 'a' }, { provider: 'openai' }];
    expect(first({ members, last: answered('openai'), agoMs: 9 * MINUTE })).toBe('openai/m');
    expect(first({ members, last: answered('openai'), agoMs: 11 * MINUTE })).toBe('a/m');
    const claude: Case = {
      members: [{ provider: 'a' }, { provider: 'anthropic', protocol: 'anthropic' }],
      ...{
        last: answered('anthropic', { protocol: 'anthropic' }),
        intent: { marks: [{ ttl: '1h' }] as never },
      },
    };
    expect(first({ ...claude, agoMs: 59 * MINUTE })).toBe('anthropic/m');
    expect(first({ ...claude, agoMs: 61 * MINUTE })).toBe('a/m');
    expect(first({ ...claude, agoMs: 6 * MINUTE, intent: {} })).toBe('a/m');
  });

  test('is for one credential', () => {
    const members = ['1', '2', '3'].map((instance) => ({ provider: 'a', instance }));
    for (const instance of ['1', '2', '3'])
      expect(first({ members, last: answered('a', { instance }) })).toBe(`a/m@${instance}`);
  });
});

describe('the tokens that are probably in the cache', () => {
  /** The turn before, and the prompt that the candidate gets now. */
  const expected = (before: object | undefined, now: object): number => {
    const turn = { kind: 'ask', answeredBy: answered('a'), completedAt: NOW, receipt: { context: before } };
    const source = {
      session: { branch: [{ turn, tokens: 200, totalTokens: 50_000 }] },
      contexts: {
        fitting: () => ({ tokens: 9_000, repeatedTokens: 5_000, droppedTokens: 40_000, ...now }),
        asCounted: (_: Candidate, estimated: number) => estimated,
      },
      intent: {},
    };
    const path = { directory: directoryOf({ services: { a: { cacheMs: MINUTE } } }), clock: () => NOW };
    return expectedCacheReadOf(
      memberOf('a', {}).candidate,
      ...([source, path] as unknown as [RouteSource, Parameters<typeof expectedCacheReadOf>[2]]),
    );
  };

  test('are those that the prompt before had too', () => {
    expect(expected({ droppedTokens: 40_000 }, {})).toBe(5_000);
    expect(expected(undefined, {})).toBe(5_000);
  });

  test('are without the turn before, where it stood behind excerpts', () => {
    expect(expected({ droppedTokens: 40_000, retrieved: [{ id: 'x', score: 1 }] }, {})).toBe(4_800);
  });

  test('are none after a cut', () => {
    expect(expected({ droppedTokens: 32_000 }, {})).toBe(0);
    // The receipt tells the tokens as the model counts them; the cut is in estimated tokens.
    expect(expected({ droppedTokens: 52_000, cut: 40_000 }, {})).toBe(5_000);
  });
});

describe('least_cost', () => {
  const cents = fc.integer({ min: 0, max: 20_000_000 });
  const rate = {
    ...{ input: cents, output: cents },
    cacheRead: fc.option(cents, { nil: undefined }),
    cacheWrite: fc.option(cents, { nil: undefined }),
  };
  const price = fc.record({
    ...rate,
    tiers: fc.option(
      fc.array(fc.record({ ...rate, above: fc.integer({ min: 1, max: 200_000 }) }), { maxLength: 2 }),
      {
        nil: undefined,
      },
    ),
    multipliers: fc.option(fc.constant({ flex: 0.5, priority: 2 }), { nil: undefined }),
  }) as unknown as fc.Arbitrary<Price>;
  const candidate = fc.record({
    price: fc.option(price, { nil: undefined, freq: 8 }),
    protocol: fc.constantFrom('openai-chat' as const, 'anthropic' as const),
    tokens: fc.option(fc.integer({ min: 1, max: 300_000 }), { nil: undefined, freq: 8 }),
    answer: fc.option(fc.integer({ min: 1, max: 9_000 }), { nil: undefined }),
  });

  test('calls first what costs the least, by brute force', () => {
    fc.assert(
      fc.property(
        fc.array(candidate, { minLength: 2, maxLength: 6 }),
        fc.option(fc.nat(5), { nil: undefined }),
        fc.integer({ min: 0, max: 300_000 }),
        fc.option(fc.integer({ min: 1, max: 4_000 }), { nil: undefined }),
        fc.constantFrom(undefined, 'default', 'flex', 'priority'),
        (all, warm, totalTokens, most, tier) => {
          const members = all.map(({ price: own, protocol }, index) => ({
            ...{ provider: 'a', model: `m${index}`, price: own, protocol, order: index },
          }));
          const indexOf = ({ model }: Pick<Candidate, 'model'>) => Number(model.slice(1));
          const last = warm === undefined ? undefined : answered('a', { model: `m${warm}` });
          const { candidates } = routed({
            ...{ members, strategy: 'least_cost', last, totalTokens },
            tokens: (one) => all[indexOf(one)]!.tokens,
            answerTokens: (one) => all[indexOf(one)]!.answer,
            intent: { settings: { max_output_tokens: most, service_tier: tier } },
          });
          const costs = all.map(({ price: own, protocol, tokens, answer = 500 }, index) => {
            if (!own || tokens === undefined) return Infinity;
            const cacheRead = index === warm ? Math.min(tokens, totalTokens) : 0;
            const cacheWrite = protocol === 'anthropic' ? tokens - cacheRead : 0;
            const output = Math.min(answer, most ?? Infinity);
            return costOf({ input: tokens, output, cacheRead, cacheWrite, reasoning: 0 }, own, tier)
              .amount as number;
          });
          expect(candidates).toHaveLength(all.length);
          const called = candidates.map((one) => costs[indexOf(one)]!);
          expect(called).toEqual(called.toSorted((a, b) => (a === b ? 0 : a - b)));
        },
      ),
      { seed: 1, numRuns: 500 },
    );
  });
});
