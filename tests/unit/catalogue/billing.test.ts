import { expect, test } from 'bun:test';
import { billedPrice } from '../../../src/claws/catalogue/billing.ts';
import { loadCatalogue } from '../../../src/claws/catalogue/catalogue.ts';
import { type Price, perMillion } from '../../../src/core/usage.ts';

/** Prices by the general rules of providers, which the catalogue's list does not have. */

const catalogue = loadCatalogue();
const listed = (provider: string, model: string): Price => catalogue.model(provider, model)!.price!;
const factor = (provider: string, model: string, word: string): number | undefined =>
  billedPrice(listed(provider, model), { provider, model }).multipliers?.[word];

test('OpenAI has half prices for flex, and prices of its own for priority', () => {
  expect(factor('openai', 'gpt-5', 'flex')).toBe(0.5);
  // US dollars per million input and output tokens at https://openai.com/api-priority-processing.
  const priority: Record<string, [number, number]> = {
    'gpt-5.5': [12.5, 75],
    'gpt-5.4': [5, 30],
    'gpt-5.4-mini': [1.5, 9],
    'gpt-5.2': [3.5, 28],
    'gpt-5.1': [2.5, 20],
    'gpt-5': [2.5, 20],
    'gpt-5-mini': [0.45, 3.6],
    'gpt-5.1-codex': [2.5, 20],
    'gpt-5-codex': [2.5, 20],
    'gpt-4.1': [3.5, 14],
    'gpt-4o': [4.25, 17],
    'gpt-4o-mini': [0.25, 1],
    'gpt-4o-2024-05-13': [8.75, 26.25],
    'gpt-4o-2024-11-20': [4.25, 17],
    'gpt-4.1-mini': [0.7, 2.8],
    'gpt-4.1-nano': [0.2, 0.8],
    o3: [3.5, 14],
    'o4-mini': [2, 8],
  };
  for (const [model, [input, output]] of Object.entries(priority)) {
    const price = listed('openai', model);
    const times = factor('openai', model, 'priority')!;
    expect([model, Math.round(price.input * times), Math.round(price.output * times)]).toEqual([
      model,
      perMillion(input),
      perMillion(output),
    ]);
  }
});

test('models without a known price for priority have no multiplier', () => {
  for (const model of ['gpt-5.5-pro', 'gpt-5.2-codex', 'gpt-5-pro', 'gpt-5-nano', 'o3-pro', 'o1'])
    expect([model, factor('openai', model, 'priority')]).toEqual([model, undefined]);
  expect(factor('openai', 'gpt-5', 'scale')).toBeUndefined();
  expect(factor('groq', 'openai/gpt-oss-20b', 'performance')).toBeUndefined();
});

test('Anthropic charges 1.25 and 2 times the input for cache writes', () => {
  const model = 'claude-opus-4-8';
  const price = billedPrice(listed('anthropic', model), { provider: 'anthropic', model });
  expect(price).toMatchObject({
    input: perMillion(5),
    cacheWrite: perMillion(6.25),
    cacheWriteHour: perMillion(10),
    multipliers: { fast: 2, us: 1.1 },
  });
  expect(price.multipliers).not.toHaveProperty('priority');
  expect(factor('anthropic', 'claude-opus-4-6', 'fast')).toBe(6);
});

test('the prices of long prompts follow the same rules', () => {
  const tier = { above: 200_000, input: perMillion(6), output: perMillion(22.5) };
  const plain: Price = { input: perMillion(3), output: perMillion(15), tiers: [tier] };
  const { tiers } = billedPrice(plain, { provider: 'anthropic', model: 'm' });
  expect(tiers).toEqual([{ ...tier, cacheWrite: perMillion(7.5), cacheWriteHour: perMillion(12) }]);
});

test('prices that are listed or configured are kept', () => {
  const own: Price = {
    input: perMillion(1),
    output: perMillion(1),
    cacheWrite: perMillion(1),
    cacheWriteHour: perMillion(1),
  };
  const billed = billedPrice(own, { provider: 'anthropic', model: 'm', own: { priority: 3, batch: 1 } });
  expect(billed).toMatchObject({ ...own, multipliers: { priority: 3, batch: 1, us: 1.1 } });
});

test('a provider without rules has its listed prices', () => {
  const price: Price = { input: perMillion(1), output: perMillion(2) };
  expect(billedPrice(price, { provider: 'in-house', model: 'm' })).toEqual(price);
});

test('Gemini has prices for audio, flex and priority', () => {
  expect(listed('gemini', 'gemini-2.5-flash').audioInput).toBe(perMillion(1));
  expect(factor('gemini', 'gemini-2.5-flash', 'flex')).toBe(0.5);
  expect(factor('gemini', 'gemini-2.5-flash', 'priority')).toBe(1.8);
});
