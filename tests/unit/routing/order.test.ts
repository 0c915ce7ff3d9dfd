import { describe, expect, test } from 'bun:test';
import { type Candidate, candidateKey } from '../../../src/core/candidate.ts';
import type { Alias, ProviderWishes, Strategy } from '../../../src/core/routing.ts';
import type { Chosen } from '../../../src/routing/choose.ts';
import { order } from '../../../src/routing/order.ts';
import type { GroupMember } from '../../../src/routing/resolve.ts';
import { rank } from '../../../src/routing/strategies.ts';
import { factsOf, groupOf, memberOf, type TestFacts } from './directory.ts';

const of = (
  providers: string,
  changes: (provider: string) => Partial<GroupMember & Candidate> = () => ({}),
): GroupMember[] =>
  [...providers].map((provider, index) => memberOf(provider, { order: index, ...changes(provider) }));

const firstOf = (
  members: readonly GroupMember[],
  strategy: Strategy,
  facts: Partial<TestFacts> = {},
): string =>
  rank(groupOf(members, strategy), factsOf(facts))
    .map(({ candidate }) => candidate.instance ?? candidate.provider)
    .join('');

const ALIAS: Alias = { name: 'team', strategy: 'ordered', members: [], rules: [], tooLong: [], refused: [] };

interface Case {
  strategy?: Strategy;
  others?: GroupMember[];
  chosen?: Partial<Chosen>;
  provider?: ProviderWishes;
  warm?: string;
  held?: string;
  facts?: Partial<TestFacts>;
}

const routed = (
  members: GroupMember[],
  { strategy = 'ordered', others = [], chosen = {}, provider, ...given }: Case = {},
) => {
  const { warm = '', held = '', facts = {} } = given;
  const all: Chosen = {
    ...{ name: 'team', alias: ALIAS, tooLong: [], refused: [], ...chosen },
    groups: [groupOf(members, strategy), ...others.map((member) => groupOf([member]))],
  };
  return order(all, {
    ...factsOf({
      healthOf: ({ provider: id }) => ({ isAvailable: !held.includes(id), inFlight: 0 }),
      ...facts,
    }),
    wishes: provider && { provider },
    isWarm: (candidate) => warm !== '' && candidate.provider === warm,
    providerId: (name) => name.toLowerCase(),
  });
};
const orderOf = (members: GroupMember[], given: Case = {}): string =>
  routed(members, given)
    .candidates.map(({ provider }) => provider)
    .join('');

describe('a strategy', () => {
  test('ordered: by order, then by the draw of the weights', () => {
    expect(
      firstOf(
        of('abc', (id) => ({ order: id === 'c' ? 0 : 1 })),
        'ordered',
      )[0],
    ).toBe('c');
    expect(firstOf(of('abc'), 'ordered')).toBe('abc');
  });

  test('weighted: a weight of zero comes last, and several keep their order', () => {
    expect(
      firstOf(
        of('abc', (id) => ({ weight: id === 'b' ? 1 : 0 })),
        'weighted',
      ),
    ).toBe('bac');
  });

  test('round_robin: each model in turn; its instances share its turn by weight', () => {
    const members = [
      memberOf('a', { instance: 'x' }),
      memberOf('a', { instance: 'y' }),
      memberOf('b'),
      memberOf('c'),
    ];
    const facts = factsOf();
    const firsts = Array.from(
      { length: 6 },
      () => rank(groupOf(members, 'round_robin'), facts)[0]!.candidate.provider,
    );
    expect(firsts.join('')).toBe('abcabc');
    expect(firstOf(members, 'round_robin', { turnOf: () => 1 }).slice(0, 2)).toBe('bc');
  });

  test('round_robin: the others share the turns of a model that is held back', () => {
    const members = [memberOf('a', { instance: 'x' }), memberOf('a', { instance: 'y' }), ...of('bcd')];
    const held = new Set(['c/m', 'a/m@x']);
    const facts = factsOf({
      healthOf: (candidate) => ({ isAvailable: !held.has(candidateKey(candidate)), inFlight: 0 }),
    });
    const firsts = () =>
      Array.from({ length: 9 }, () =>
        candidateKey(rank(groupOf(members, 'round_robin'), facts)[0]!.candidate),
      );
    expect(firsts().join(' ')).toBe(Array(3).fill('a/m@y b/m d/m').join(' '));
    for (const { candidate } of members) held.add(candidateKey(candidate));
    expect(new Set(rank(groupOf(members, 'round_robin'), facts))).toEqual(new Set(members));
  });

  test('least_cost: models without a known price come last', () => {
    const costs: Record<string, number> = { b: 3, c: 1 };
    expect(firstOf(of('abc'), 'least_cost', { cost: ({ provider }) => costs[provider] })).toBe('cba');
  });

  test('highest_throughput: the fastest first; one that was never measured is measured', () => {
    const speeds: Record<string, number> = { a: 10, b: 80 };
    const healthOf: TestFacts['healthOf'] = ({ provider }) => ({
      ...{ isAvailable: true, inFlight: 0, tokensPerSecond: speeds[provider] },
    });
    expect(firstOf(of('ab'), 'highest_throughput', { healthOf })).toBe('ba');
    expect(firstOf(of('abc'), 'highest_throughput', { healthOf })).toBe('cba');
  });

  test('highest_throughput: one call at a time measures a model, and not soon after one that failed', () => {
    const health =
      (facts: object): TestFacts['healthOf'] =>
      ({ provider }) => ({
        isAvailable: true,
        inFlight: 0,
        ...(provider === 'a' ? { tokensPerSecond: 9 } : facts),
      });
    expect(firstOf(of('ab'), 'highest_throughput', { healthOf: health({ inFlight: 1 }) })).toBe('ab');
    expect(firstOf(of('ab'), 'highest_throughput', { healthOf: health({ hasFailed: true }) })).toBe('ab');
  });

  test('nearest: in the own region, then the one that connects fastest, then those that were never connected', () => {
    const times: Record<string, number> = { a: 30, b: 20, c: 90 };
    const connectMs = ({ provider }: Candidate) => times[provider];
    const members = of('abcd', (id) => ({ region: id === 'c' ? 'eu' : 'us' }));
    expect(firstOf(members, 'nearest', { connectMs, region: 'eu' })).toBe('cbad');
    expect(firstOf(members, 'nearest', { connectMs })).toBe('bacd');
  });

  test('lowest_latency: the time of a whole answer counts', () => {
    const known: Record<string, object> = {
      a: { firstTokenMs: 100, tokensPerSecond: 10, answerTokens: 100 },
      b: { firstTokenMs: 500, tokensPerSecond: 100, answerTokens: 100 },
    };
    const healthOf: TestFacts['healthOf'] = ({ provider }) => ({
      isAvailable: true,
      inFlight: 0,
      ...known[provider],
    });
    expect(firstOf(of('ab'), 'lowest_latency', { healthOf })).toBe('ba');
  });

  test('lowest_latency: one call at a time measures a model', () => {
    const busy =
      (inFlight: number): TestFacts['healthOf'] =>
      ({ provider }) => ({ isAvailable: true, inFlight, firstTokenMs: provider === 'a' ? 900 : undefined });
    expect(firstOf(of('ab'), 'lowest_latency', { healthOf: busy(0) })).toBe('ba');
    expect(firstOf(of('ab'), 'lowest_latency', { healthOf: busy(1) })).toBe('ab');
  });
});

describe('the order of a turn', () => {
  test('calls the fallbacks of the request after all members', () => {
    expect(orderOf(of('ab'), { others: of('cd') })).toBe('abcd');
  });

  test('calls those that are held back last, and loses none', () => {
    expect(orderOf(of('ab'), { others: of('cd'), held: 'ac' })).toBe('bdac');
    expect(orderOf(of('ab'), { held: 'ab' })).toBe('ab');
  });

  test('begins with the warm one, if it is not held back', () => {
    expect(routed(of('abc'), { warm: 'c' })).toMatchObject({ reason: 'affinity' });
    expect(orderOf(of('abc'), { warm: 'c' })).toBe('cab');
    expect(orderOf(of('abc'), { warm: 'c', held: 'c' })).toBe('abc');
    expect(routed(of('abc'), { warm: 'c', held: 'c' }).reason).toBe('strategy');
  });

  test('does not prefer a warm fallback to the model that the request asks for', () => {
    expect(orderOf(of('ab'), { others: of('c'), warm: 'c' })).toBe('abc');
  });

  test('by cost prefers the warm one only among equals', () => {
    const cost = (costs: Record<string, number>) => ({ cost: ({ provider }: Candidate) => costs[provider] });
    const asked = { strategy: 'least_cost', warm: 'b' } as const;
    expect(orderOf(of('ab'), { ...asked, facts: cost({ a: 1, b: 2 }) })).toBe('ab');
    expect(orderOf(of('ab'), { ...asked, facts: cost({ a: 2, b: 2 }) })).toBe('ba');
    expect(orderOf(of('ab'), { ...asked, facts: cost({}) })).toBe('ba');
    expect(orderOf(of('ab'), { ...asked, facts: cost({ a: 1 }) })).toBe('ab');
  });

  test.each<[string, ProviderWishes, string, string]>([
    ['order', { order: ['C', 'b'] }, 'cbad', 'wish'],
    ['order, before affinity', { order: ['b'] }, 'bdac', 'wish'],
    ['order with fallbacks', { order: ['d'] }, 'dabc', 'wish'],
    ['order of unknown names', { order: ['x'] }, 'abcd', 'strategy'],
    ['no fallbacks', { allow_fallbacks: false }, 'a', 'strategy'],
    ['no fallbacks, with an order', { allow_fallbacks: false, order: ['c', 'a'] }, 'ca', 'wish'],
    [
      'no fallbacks, with an order of unknown names',
      { allow_fallbacks: false, order: ['x'] },
      'a',
      'strategy',
    ],
  ])('follows %s', (name, provider, expected, reason) => {
    const warm = name.includes('affinity') ? 'd' : '';
    const members = warm ? of('abcd') : of('abc');
    const route = routed(members, { provider, warm, others: warm ? [] : of('d'), strategy: 'ordered' });
    expect([route.candidates.map(({ provider: id }) => id).join(''), route.reason] as string[]).toEqual([
      ...[expected, reason],
    ]);
  });

  test('by `sort` leaves the strategy and affinity', () => {
    const speeds: Record<string, number> = { a: 1, b: 9, c: 5 };
    const healthOf: TestFacts['healthOf'] = ({ provider }) => ({
      ...{ isAvailable: true, inFlight: 0, tokensPerSecond: speeds[provider] },
    });
    const route = routed(of('abc'), { provider: { sort: 'throughput' }, warm: 'a', facts: { healthOf } });
    expect(route).toMatchObject({ strategy: 'highest_throughput', reason: 'strategy' });
    expect(route.candidates.map(({ provider }) => provider).join('')).toBe('bca');
  });

  test('without fallbacks calls no other model where the first is held back', () => {
    expect(orderOf(of('ab'), { others: of('c'), held: 'a', provider: { allow_fallbacks: false } })).toBe('a');
  });

  test('without fallbacks keeps the instances of the first model, and has no chains', () => {
    const members = [
      memberOf('a', { instance: 'x' }),
      memberOf('a', { instance: 'y' }),
      memberOf('b', { order: 1 }),
    ];
    const chains = {
      ...{ tooLong: [groupOf(of('l'))], refused: [groupOf(of('r'))] },
      lastResort: memberOf('z').candidate,
    };
    const route = routed(members, { chosen: chains, provider: { allow_fallbacks: false } });
    expect(route.candidates.map(candidateKey).toSorted()).toEqual(['a/m@x', 'a/m@y']);
    expect(route).toMatchObject({ tooLong: [], refused: [], lastResort: undefined });
    expect(routed(members, { chosen: chains })).toMatchObject({
      ...{ tooLong: [{ provider: 'l' }], refused: [{ provider: 'r' }], lastResort: { provider: 'z' } },
    });
  });

  test.each<[string, GroupMember[], Case, string]>([
    ['the only model', of('a'), {}, 'asked'],
    ['a name that is no alias', of('ab'), { chosen: { alias: undefined } }, 'asked'],
    ['an alias', of('ab'), {}, 'strategy'],
  ])('says why the first one is first: %s', (_, members, given, reason) => {
    expect(routed(members, given).reason).toBe(reason as never);
  });

  test('names the alias as the request does', () => {
    expect(routed(of('ab'), { chosen: { name: 'team-x' } }).alias).toBe('team-x');
    expect(routed(of('ab'), { chosen: { alias: undefined } }).alias).toBeUndefined();
  });

  test('has the limits of the alias, of the key and of the request', () => {
    const limits = { turnMs: 5 };
    expect(routed(of('a'), { chosen: { alias: { ...ALIAS, limits } } }).limits).toEqual([limits]);
  });
});
