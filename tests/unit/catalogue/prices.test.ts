import { expect, test } from 'bun:test';
import { loadCatalogue } from '../../../src/claws/catalogue/catalogue.ts';
import { dollars, type NanoDollars, type Price, perMillion, type Usage } from '../../../src/core/usage.ts';
import { costOf } from '../../../src/usage/prices.ts';

const usage = (fields: Partial<Usage>): Usage => ({
  input: 0,
  output: 0,
  cacheRead: 0,
  cacheWrite: 0,
  reasoning: 0,
  ...fields,
});
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
