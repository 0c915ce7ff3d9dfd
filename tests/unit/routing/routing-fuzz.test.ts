import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { type Candidate, candidateKey } from '../../../src/core/candidate.ts';
import type { Tenant } from '../../../src/core/request.ts';
import { type Matches, type ProviderWishes, STRATEGIES } from '../../../src/core/routing.ts';
import { choose } from '../../../src/routing/choose.ts';
import { UNLIMITED } from '../../../src/routing/money-budget.ts';
import { order } from '../../../src/routing/order.ts';
import { type GroupMember, resolve } from '../../../src/routing/resolve.ts';
import { rank } from '../../../src/routing/strategies.ts';
import {
  ABLE,
  asks,
  directoryOf,
  factsOf,
  groupOf,
  memberOf,
  randomFrom,
  type TestFacts,
} from './directory.ts';

const PROVIDERS = ['a', 'b', 'c', 'd', 'e', 'f'];
const weights = fc
  .array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 5 })
  .filter((list) => list.some((weight) => weight > 0));
const weighted = (list: readonly number[]): GroupMember[] =>
  list.map((weight, index) => memberOf(PROVIDERS[index]!, { weight, order: index }));

const firstOf = (
  members: readonly GroupMember[],
  facts: TestFacts,
  strategy: (typeof STRATEGIES)[number] = 'weighted',
) => rank(groupOf(members, strategy), facts)[0]!.candidate.provider;

/** How often each provider comes first. */
function sharesOf(count: number, first: (number: number) => string): Record<string, number> {
  const shares: Record<string, number> = {};
  for (let number = 0; number < count; number++) {
    const provider = first(number);
    shares[provider] = (shares[provider] ?? 0) + 1 / count;
  }
  return shares;
}

/** Five standard deviations. */
const tolerance = (share: number, count: number): number =>
  5 * Math.sqrt((share * (1 - share)) / count) + 1e-9;

function expectShares(list: readonly number[], count: number, shares: Record<string, number>): void {
  const total = list.reduce((sum, weight) => sum + weight, 0);
  list.forEach((weight, index) => {
    const wanted = weight / total;
    const off = Math.abs((shares[PROVIDERS[index]!] ?? 0) - wanted);
    expect(off).toBeLessThanOrEqual(tolerance(wanted, count));
  });
}

describe('a split by weight', () => {
  const COUNT = 4_000;

  test('converges to the weights over many requests', () => {
    fc.assert(
      fc.property(weights, fc.integer(), (list, seed) => {
        const members = weighted(list);
        const facts = factsOf({ random: randomFrom(seed) });
        expectShares(
          list,
          COUNT,
          sharesOf(COUNT, () => firstOf(members, facts)),
        );
      }),
      { seed: 1, numRuns: 30 },
    );
  });

  test('converges to the weights over many sessions, and is the same for each request of one', () => {
    fc.assert(
      fc.property(weights, fc.string({ maxLength: 8 }), (list, prefix) => {
        const members = weighted(list);
        const first = (number: number) => firstOf(members, factsOf({ sticky: `${prefix}${number}` }));
        expectShares(list, COUNT, sharesOf(COUNT, first));
        expect(first(1)).toBe(first(1));
      }),
      { seed: 1, numRuns: 30 },
    );
  });

  test('moves only the sessions of a candidate that is removed, and moves them by the weights of the others', () => {
    fc.assert(
      fc.property(weights, fc.nat(), (list, pick) => {
        fc.pre(list.filter((weight) => weight > 0).length > 1);
        const members = weighted(list);
        const removed = members[pick % members.length]!;
        const others = members.filter((member) => member !== removed);
        fc.pre(others.some(({ weight }) => weight > 0));
        for (let session = 0; session < 500; session++) {
          const facts = factsOf({ sticky: `s${session}` });
          const before = firstOf(members, facts);
          if (before !== removed.candidate.provider) expect(firstOf(others, facts)).toBe(before);
        }
      }),
      { seed: 1, numRuns: 40 },
    );
  });
});

test('round_robin is fair: each model is first equally often, however many instances it has', () => {
  const instances = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(instances, fc.integer({ min: 1, max: 9 }), (list, rounds) => {
      const members = list.flatMap((count, index) =>
        Array.from({ length: count }, (_, instance) =>
          memberOf(PROVIDERS[index]!, { order: index, ...(count > 1 && { instance: `${instance}` }) }),
        ),
      );
      const facts = factsOf({ random: randomFrom(rounds) });
      const count = rounds * list.length;
      const shares = sharesOf(count, () => firstOf(members, facts, 'round_robin'));
      for (const [index] of list.entries()) expect(shares[PROVIDERS[index]!]).toBeCloseTo(1 / list.length, 9);
    }),
    { seed: 1 },
  );
});

describe('lowest_latency', () => {
  test('measures every candidate, and then does not send everything to one of several', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 3, maxLength: 6 }),
        fc.integer(),
        (ms, seed) => {
          const members = weighted(ms.map(() => 1));
          const measured = new Map<string, number>();
          const facts = factsOf({
            random: randomFrom(seed),
            healthOf: ({ provider }) => ({
              isAvailable: true,
              inFlight: 0,
              firstTokenMs: measured.get(provider),
            }),
          });
          const call = () => {
            const provider = firstOf(members, facts, 'lowest_latency');
            measured.set(provider, ms[PROVIDERS.indexOf(provider)]!);
            return provider;
          };
          for (let calls = 0; calls < 40 * ms.length; calls++) call();
          expect(measured.size).toBe(ms.length);
          const shares = sharesOf(600, call);
          expect(Math.max(...Object.values(shares))).toBeLessThan(0.9);
        },
      ),
      { seed: 1, numRuns: 40 },
    );
  });

  test('prefers the faster one of two', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000 }), fc.integer({ min: 1, max: 5_000 }), (a, b) => {
        fc.pre(a !== b);
        const healthOf: TestFacts['healthOf'] = ({ provider }) => ({
          ...{ isAvailable: true, inFlight: 1, firstTokenMs: provider === 'a' ? a : b },
        });
        expect(firstOf(weighted([1, 9]), factsOf({ healthOf }), 'lowest_latency')).toBe(a < b ? 'a' : 'b');
      }),
      { seed: 1 },
    );
  });
});

describe('the order of a turn', () => {
  const providers = fc.subarray(PROVIDERS);
  const member = fc.record({
    ...{ provider: fc.constantFrom(...PROVIDERS), model: fc.constantFrom('m', 'n') },
    ...{ instance: fc.constantFrom(undefined, '1', '2'), weight: fc.integer({ min: 0, max: 3 }) },
    order: fc.nat(3),
  });
  const groups = fc
    .uniqueArray(member, {
      minLength: 1,
      maxLength: 8,
      selector: (one) => candidateKey(memberOf(one.provider, one).candidate),
    })
    .chain((all) => fc.tuple(fc.constant(all), fc.nat(all.length - 1)));
  const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
  const scene = fc.record({
    groups,
    strategy: fc.constantFrom(...STRATEGIES),
    held: providers,
    warm: maybe(fc.constantFrom(...PROVIDERS)),
    wished: maybe(providers),
    sort: maybe(fc.constantFrom('price' as const, 'latency' as const, 'throughput' as const)),
    allow_fallbacks: maybe(fc.boolean()),
    numbers: fc.array(maybe(fc.nat(3)), { minLength: 6, maxLength: 6 }),
    sticky: maybe(fc.string()),
  });

  test('loses and repeats no candidate, and keeps its precedence', () => {
    fc.assert(
      fc.property(
        scene,
        ({ groups: [all, cut], strategy, held, warm, wished, sort, allow_fallbacks, numbers, sticky }) => {
          const members = all.map((one) => memberOf(one.provider, one));
          const provider: ProviderWishes = { order: wished, sort, allow_fallbacks };
          const numberOf = ({ provider: id }: Candidate) => numbers[PROVIDERS.indexOf(id)];
          const isHeld = (candidate: Candidate) => held.includes(candidate.provider);
          const asked = [members.slice(0, cut + 1), members.slice(cut + 1)].filter(
            ({ length }) => length > 0,
          );
          const route = order(
            { name: 'team', groups: asked.map((one) => groupOf(one, strategy)), tooLong: [], refused: [] },
            {
              ...factsOf({ sticky, cost: numberOf, connectMs: numberOf }),
              healthOf: (candidate) => ({
                ...{ isAvailable: !isHeld(candidate), inFlight: 0 },
                ...{ firstTokenMs: numberOf(candidate), tokensPerSecond: numberOf(candidate) },
              }),
              wishes: { provider },
              isWarm: (candidate) => candidate.provider === warm,
              providerId: (name) => name,
            },
          );
          const keys = route.candidates.map(candidateKey);
          expect(new Set(keys).size).toBe(keys.length);
          const every = members.map(({ candidate }) => candidateKey(candidate)).toSorted();
          if (allow_fallbacks === false) {
            expect(keys.length).toBeGreaterThan(0);
            expect(every).toEqual(expect.arrayContaining(keys));
          } else expect(keys.toSorted()).toEqual(every);
          // Those that are held back are last.
          const heldAt = route.candidates.findIndex(isHeld);
          if (heldAt !== -1) expect(route.candidates.slice(heldAt).every(isHeld)).toBe(true);
          // A wish comes before affinity, and affinity is never a candidate that is held back.
          if (route.reason === 'affinity') {
            expect(wished?.some((id) => all.some(({ provider: one }) => one === id)) ?? false).toBe(false);
            expect(warm).toBe(route.candidates[0]!.provider);
            expect(isHeld(route.candidates[0]!)).toBe(false);
          }
        },
      ),
      { seed: 1, numRuns: 2_000 },
    );
  });

  test('has only candidates that `only` names and that the key may use', () => {
    const services = Object.fromEntries(PROVIDERS.map((id) => [id, {}]));
    const models = PROVIDERS.map((id) => `${id}/m`);
    const subset = fc.subarray(PROVIDERS, { minLength: 1 });
    fc.assert(
      fc.property(
        subset,
        subset,
        subset,
        fc.constantFrom(...STRATEGIES),
        (only, allowed, ignore, strategy) => {
          const directory = directoryOf({ services, aliases: { team: { models, strategy } } });
          const wishes = { only, ignore: PROVIDERS.filter((id) => !ignore.includes(id)) };
          const may = PROVIDERS.filter(
            (id) => (only.length === 0 || only.includes(id)) && allowed.includes(id) && ignore.includes(id),
          );
          const rules = { models: allowed.map((id) => `${id}/*`) };
          const work = () =>
            choose(
              asks({ model: 'team', routing: { provider: wishes } }),
              { tenant: 'acme' as Tenant, key: 'k', rules },
              { directory, capabilities: ABLE, budget: UNLIMITED },
            )
              .groups.flatMap(({ members }) => members.map(({ candidate }) => candidate.provider))
              .toSorted();
          if (may.length === 0) expect(work).toThrow();
          else expect(work()).toEqual(may);
        },
      ),
      { seed: 1, numRuns: 300 },
    );
  });
});

test('rules in any form end, and give each candidate once', () => {
  const names = ['a', 'b', 'c', 'd*'];
  const use = fc.constantFrom('a', 'b', 'c', 'dx', 'd*', 'one/m', 'two/*', 'nothing');
  const alias = fc.record({
    models: fc.array(fc.constantFrom('one/m', 'one/n', 'two/m', 'two/*', 'off/m'), {
      minLength: 1,
      maxLength: 4,
    }),
    rules: fc.array(
      fc.record({ when: fc.constantFrom<Matches>({}, { dialect: ['chat'] }, { key: ['x'] }), use }),
      {
        maxLength: 3,
      },
    ),
    tooLong: fc.array(use, { maxLength: 2 }),
  });
  const all = fc.record(Object.fromEntries(names.map((name) => [name, alias])));
  fc.assert(
    fc.property(all, fc.array(use, { minLength: 1, maxLength: 4 }), (aliases, [model, ...fallbacks]) => {
      const directory = directoryOf({ services: { one: {}, two: {}, off: { ready: false } }, aliases });
      try {
        const { groups } = resolve(asks({ model: model!, fallbacks }), 'root', directory);
        const keys = groups.flatMap(({ members }) => members.map(({ candidate }) => candidateKey(candidate)));
        expect(keys.length).toBeGreaterThan(0);
        expect(new Set(keys).size).toBe(keys.length);
      } catch (failure) {
        expect(failure).toMatchObject({
          code: expect.stringMatching(/model_not_found|provider_not_configured/),
        });
      }
    }),
    { seed: 1, numRuns: 500 },
  );
});
