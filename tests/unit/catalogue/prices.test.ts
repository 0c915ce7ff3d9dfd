import { describe, expect, test } from 'bun:test';
import { loadCatalogue } from '../../../src/claws/catalogue/catalogue.ts';
import { dollars, type NanoDollars, type Price, perMillion, type Usage } from '../../../src/core/usage.ts';
import { costOf as costWith } from '../../../src/usage/prices.ts';

const usage = (fields: Partial<Usage>): Usage => ({
  input: 0,
  output: 0,
  cacheRead: 0,
  cacheWrite: 0,
  reasoning: 0,
  ...fields,
});
/** The cost of a call in the usual tier, which is always exact. */
const costOf = (used: Usage, price: Price): NanoDollars => {
  const { amount, estimated } = costWith(used, price);
  expect(estimated).toBe(false);
  return amount;
};
const nano = (value: number) => value as NanoDollars;

const SONNET: Price = {
  input: perMillion(3),
  output: perMillion(15),
  cacheRead: perMillion(0.3),
  cacheWrite: perMillion(3.75),
};

test('input and output', () => {
  // 1,000 × $3/M = $0.003; 500 × $15/M = $0.0075
  expect(costOf(usage({ input: 1000, output: 500 }), SONNET)).toBe(nano(10_500_000));
  expect(dollars(costOf(usage({ input: 1000, output: 500 }), SONNET))).toBe(0.0105);
  expect(costOf(usage({}), SONNET)).toBe(nano(0));
});

test('cached and written tokens are parts of the input', () => {
  // 10,000 in all: 7,000 read × $0.30/M = $0.0021; 2,000 written × $3.75/M = $0.0075; 1,000 × $3/M = $0.003
  const cached = usage({ input: 10_000, cacheRead: 7000, cacheWrite: 2000 });
  expect(costOf(cached, SONNET)).toBe(nano(12_600_000));
});

test('without a price of their own they cost the same as other input', () => {
  const plain: Price = { input: perMillion(2), output: perMillion(8) };
  const cached = usage({ input: 1000, output: 100, cacheRead: 400, cacheWrite: 100, reasoning: 60 });
  // 1,000 × $2/M + 100 × $8/M = $0.0028
  expect(costOf(cached, plain)).toBe(nano(2_800_000));
});

test('reasoning is a part of the output', () => {
  const price: Price = { input: perMillion(0.4), output: perMillion(1.2), reasoning: perMillion(4) };
  // 100 × $1.20/M + 900 × $4/M = $0.00372
  expect(costOf(usage({ output: 1000, reasoning: 900 }), price)).toBe(nano(3_720_000));
});

test('a long prompt has its own prices, for the whole call', () => {
  const price: Price = {
    input: perMillion(2.5),
    output: perMillion(15),
    tiers: [
      { above: 272_000, input: perMillion(5), output: perMillion(22.5), cacheRead: perMillion(0.5) },
      { above: 500_000, input: perMillion(10), output: perMillion(45) },
    ],
  };
  // At the limit: 272,000 × $2.50/M = $0.68
  expect(costOf(usage({ input: 272_000 }), price)).toBe(nano(680_000_000));
  // Above it: 172,000 × $5/M + 100,001 × $0.50/M + 1,000 × $22.50/M = $0.86 + $0.0500005 + $0.0225
  const long = usage({ input: 272_001, cacheRead: 100_001, output: 1000 });
  expect(costOf(long, price)).toBe(nano(932_500_500));
  expect(costOf(usage({ input: 600_000 }), price)).toBe(nano(6_000_000_000));
});

test('prices below a nanodollar per token stay exact, and the sum is rounded once', () => {
  // $0.0625/M is 62,500 picodollars per token: 3 tokens are 187.5 nanodollars.
  const price: Price = { input: perMillion(0.0625), output: perMillion(0) };
  expect(costOf(usage({ input: 3 }), price)).toBe(nano(188));
  expect(costOf(usage({ input: 1_000_000 }), price)).toBe(nano(62_500_000));
});

test('contradictory counts never give a negative part', () => {
  // More cached than there was input: 50 × $0.30/M; more reasoning than output: 10 × $15/M.
  const odd = usage({ input: 40, cacheRead: 50, output: 10, reasoning: 30 });
  expect(costOf(odd, SONNET)).toBe(nano(15_000 + 150_000));
});

test('a free model costs nothing', () => {
  expect(costOf(usage({ input: 5, output: 5 }), { input: perMillion(0), output: perMillion(0) })).toBe(
    nano(0),
  );
});

test('every price of the catalogue is a whole number of picodollars, exactly as listed', () => {
  const catalogue = loadCatalogue();
  const fractions: string[] = [];
  for (const { id } of catalogue.providers) {
    for (const { id: model, price } of catalogue.models(id)) {
      const { tiers = [], ...base } = price ?? { input: 0, output: 0 };
      for (const amount of [base, ...tiers].flatMap((entry) => Object.values(entry))) {
        if (amount !== undefined && !Number.isSafeInteger(amount)) fractions.push(`${id}/${model}`);
      }
    }
  }
  expect(fractions).toEqual([]);
});

describe('service tiers', () => {
  const price: Price = { ...SONNET, multipliers: { flex: 0.5, priority: 2, fast: 6, us: 1.1 } };
  const used = usage({ input: 1000, output: 100 });
  // 1,000 × $3/M + 100 × $15/M = $0.0045
  const usual = 4_500_000;
  const exact = (amount: number) => ({ amount: nano(amount), estimated: false });
  const estimate = (amount: number) => ({ amount: nano(amount), estimated: true });

  test('the tier that answered is charged, not the requested one', () => {
    expect(costWith({ ...used, tier: 'flex' }, price)).toEqual(exact(usual / 2));
    expect(costWith({ ...used, tier: 'priority' }, price, 'auto')).toEqual(exact(usual * 2));
    expect(costWith({ ...used, tier: 'default' }, price, 'priority')).toEqual(exact(usual));
  });

  test('where no tier is named, the requested one makes an estimate', () => {
    expect(costWith(used, price, 'flex')).toEqual(estimate(usual / 2));
    for (const asked of ['auto', 'default', 'standard_only', 'on_demand', undefined])
      expect(costWith(used, price, asked)).toEqual(exact(usual));
  });

  test('a tier without a known price makes an estimate with the listed price', () => {
    expect(costWith({ ...used, tier: 'scale' }, price)).toEqual(estimate(usual));
    expect(costWith({ ...used, tier: 'constructor' }, price)).toEqual(estimate(usual));
    expect(costWith({ ...used, tier: 'flex' }, SONNET)).toEqual(estimate(usual));
  });

  test('modes multiply', () => {
    const modes = ['fast', 'us'];
    expect(costWith({ ...used, tier: 'default', modes }, price)).toEqual(exact(Math.round(usual * 6.6)));
    expect(costWith({ ...used, modes: ['moon'] }, price)).toEqual(estimate(usual));
  });
});

describe('cache writes for an hour', () => {
  // 200 plain × $3/M = $0.0006; 300 × $3.75/M = $0.001125; 500 for an hour.
  const used = usage({ input: 1000, cacheWrite: 800, cacheWriteHour: 500 });

  test('have a price of their own', () => {
    const price: Price = { ...SONNET, cacheWriteHour: perMillion(6) };
    expect(costWith(used, price)).toEqual({ amount: nano(1_725_000 + 3_000_000), estimated: false });
  });

  test('without this price, they cost the same as other writes, as an estimate', () => {
    expect(costWith(used, SONNET)).toEqual({ amount: nano(1_725_000 + 1_875_000), estimated: true });
  });
});

test('audio has prices of its own, and is charged once', () => {
  const price: Price = { ...SONNET, audioInput: perMillion(10), audioOutput: perMillion(40) };
  const used = usage({ input: 100, output: 50, audioInput: 60, audioOutput: 20, reasoning: 10 });
  // 40 × $3/M + 60 × $10/M; 20 × $15/M + 10 × $15/M (reasoning) + 20 × $40/M
  expect(costOf(used, price)).toBe(nano(120_000 + 600_000 + 300_000 + 150_000 + 800_000));
  expect(costOf(used, SONNET)).toBe(nano(300_000 + 750_000));
});
