import { describe, expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadCatalogue } from '../../../src/claws/catalogue/catalogue.ts';
import { modelTable, type SourceCatalogue, tableText } from '../../../src/claws/catalogue/import.ts';
import { PROVIDERS } from '../../../src/claws/catalogue/providers.ts';
import { perMillion } from '../../../src/core/usage.ts';

const catalogue = loadCatalogue();

describe('the rows of providers', () => {
  test('are many, and every name, key variable and URL variable belongs to only one of them', () => {
    expect(PROVIDERS.length).toBeGreaterThanOrEqual(40);
    const names = PROVIDERS.flatMap(({ id, aliases = [] }) => [id, ...aliases]);
    const variables = PROVIDERS.flatMap((row) => [...row.keyVariables, ...row.baseUrlVariables]);
    expect(names.length).toBe(new Set(names).size);
    expect(variables.length).toBe(new Set(variables).size);
    expect(names).not.toContain('local');
  });

  test('have well-formed ids, URLs and variables', () => {
    for (const row of PROVIDERS) {
      expect(row.id).toMatch(/^[a-z][a-z0-9-]*$/);
      expect(row.baseUrl).toMatch(row.local ? /^http:\/\/127\.0\.0\.1:\d+\/v1$/ : /^https:\/\/[^\s]+[^/]$/);
      expect(row.keyVariables.length).toBeGreaterThan(0);
      for (const name of [...row.keyVariables, ...row.baseUrlVariables])
        expect(name).toMatch(/^[A-Z][A-Z0-9_]+$/);
      expect(row.baseUrlVariables[0]).toBe(`${row.id.toUpperCase().replaceAll('-', '_')}_BASE_URL`);
    }
  });

  test('are found by id and by alias', () => {
    expect(catalogue.provider('google')?.id).toBe('gemini');
    expect(catalogue.provider('gemini')?.baseUrl).toBe('https://generativelanguage.googleapis.com');
    expect(catalogue.provider('openai')?.protocols).toEqual(['openai-responses', 'openai-chat']);
    expect(catalogue.provider('unknown')).toBeUndefined();
  });
});

describe('models', () => {
  test('have limits, prices and capabilities', () => {
    expect(catalogue.model('openai', 'gpt-5.4')).toEqual({
      provider: 'openai',
      id: 'gpt-5.4',
      context: 1_050_000,
      inputLimit: 922_000,
      output: 128_000,
      price: {
        input: perMillion(2.5),
        output: perMillion(15),
        cacheRead: perMillion(0.25),
        tiers: [
          { above: 272_000, input: perMillion(5), output: perMillion(22.5), cacheRead: perMillion(0.5) },
        ],
      },
      input: ['text', 'image', 'pdf'],
      tools: true,
      reasoning: true,
      structuredOutput: true,
      attachment: true,
      deprecated: false,
    });
    expect(catalogue.model('anthropic', 'claude-opus-4-5')?.price?.cacheWrite).toBe(perMillion(6.25));
    expect(catalogue.model('gemini', 'gemini-2.0-flash')?.deprecated).toBe(true);
  });

  test('are found by alias of the provider', () => {
    expect(catalogue.model('google', 'gemini-2.5-pro')?.provider).toBe('gemini');
    expect(catalogue.models('together_ai')).toEqual(catalogue.models('together'));
  });

  test.each([
    ['openai', 'gpt-5-2025-08-07', 'gpt-5'],
    ['openai', 'gpt-4o-2024-08-06', 'gpt-4o-2024-08-06'],
    ['openai', 'gpt-4-0613', 'gpt-4'],
    ['gemini', 'gemini-2.0-flash-001', 'gemini-2.0-flash'],
    ['anthropic', 'claude-3-5-sonnet-latest', 'claude-3-5-sonnet-20241022'],
    ['anthropic', 'claude-opus-4-6@20260101', 'claude-opus-4-6'],
  ])('%s/%s gives %s', (provider, asked, found) => {
    expect(catalogue.model(provider, asked)?.id).toBe(found);
  });

  test('that no provider lists are not guessed', () => {
    expect(catalogue.model('openai', 'gpt-5x')).toBeUndefined();
    expect(catalogue.model('unknown', 'gpt-5')).toBeUndefined();
    expect(catalogue.models('unknown')).toEqual([]);
    expect(catalogue.models('ollama')).toEqual([]);
    expect(catalogue.model('openai', '__proto__')).toBeUndefined();
    expect(catalogue.models('constructor')).toEqual([]);
  });

  test('are chat models', () => {
    const all = catalogue.providers.flatMap(({ id }) => catalogue.models(id));
    expect(all.length).toBeGreaterThan(1000);
    expect(all.filter(({ id }) => /embed|rerank|whisper/.test(id))).toEqual([]);
    expect(all.filter(({ context, output }) => context <= 1 || output <= 1)).toEqual([]);
  });

  test('are offered by providers, and providers of their own models come first', () => {
    expect(catalogue.providersOf('gpt-5')[0]).toBe('openai');
    expect(catalogue.providersOf('openai/gpt-oss-120b')).toContain('groq');
    expect(catalogue.providersOf('no-such-model')).toEqual([]);
  });

  test('are suggested for a mistyped name', () => {
    const names = catalogue.models('anthropic').map(({ id }) => id);
    expect(catalogue.nearest('claude-opus-4.8', names, 1)).toEqual(['claude-opus-4-8']);
  });
});

describe('the import', () => {
  const source: SourceCatalogue = {
    openai: {
      models: {
        'z-last': { modalities: { input: ['text'], output: ['text'] }, limit: { context: 10, output: 5 } },
        'a-first': {
          tool_call: true,
          modalities: { input: ['text', 'image'], output: ['text'] },
          limit: { context: 100, input: 80, output: 50 },
          cost: {
            input: 1,
            output: 2,
            cache_read: 0,
            cache_write: 1.25,
            tiers: [{ input: 2, output: 4, tier: { size: 50 } }],
          },
        },
        'text-embedding-1': {
          modalities: { input: ['text'], output: ['text'] },
          limit: { context: 9, output: 9 },
        },
        painter: { modalities: { input: ['text'], output: ['image'] }, limit: { context: 9, output: 9 } },
      },
    },
    unknown: { models: {} },
  };

  test('keeps the chat models of the known providers, sorted, in short rows', () => {
    expect(modelTable(source)).toEqual({
      openai: [
        ['a-first', 33, 100, 50, [1, 2, null, 1.25], 80, [50, 2, 4]],
        ['z-last', 0, 10, 5],
      ],
    });
  });

  test('can read the table that it wrote', () => {
    const again = loadCatalogue(JSON.parse(tableText(modelTable(source))));
    expect(again.model('openai', 'z-last')?.price).toBeUndefined();
    expect(again.model('openai', 'a-first')).toMatchObject({
      inputLimit: 80,
      price: { cacheWrite: perMillion(1.25), tiers: [{ above: 50, input: perMillion(2) }] },
      input: ['text', 'image'],
      tools: true,
    });
  });

  const path =
    process.env.MODEL_CATALOGUE ?? join(import.meta.dir, '../../../../shared/data/model-catalogue.json');
  test.skipIf(!existsSync(path))(
    'of the published catalogue gives models.json (skipped where that is not here)',
    async () => {
      const committed = new URL('../../../src/claws/catalogue/models.json', import.meta.url);
      expect(tableText(modelTable(await Bun.file(path).json()))).toBe(await Bun.file(committed).text());
    },
  );
});
