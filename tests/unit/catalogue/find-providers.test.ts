import { describe, expect, test } from 'bun:test';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadCatalogue } from '../../../src/claws/catalogue/catalogue.ts';
import { type FindProvidersOptions, findProviders } from '../../../src/claws/find-providers.ts';
import { loadConfig } from '../../../src/config/load.ts';

const { providers: rows } = loadCatalogue();

function find(id: string, options: Partial<FindProvidersOptions> = {}) {
  const found = findProviders({ rows, settings: {}, env: {}, ...options }).find((entry) => entry.id === id);
  if (!found) throw new Error(`${id} was not found`);
  return found;
}

describe('by variables', () => {
  test('a key turns a provider on, and only that one', () => {
    const found = findProviders({ rows, settings: {}, env: { GROQ_API_KEY: 'gsk-1\n', PATH: '/bin' } });
    const on = found.filter(({ state }) => state === 'on');
    expect(on.map(({ id }) => id)).toEqual(['groq']);
    expect(on[0]).toMatchObject({
      collectsData: true,
      connections: [
        {
          weight: 1,
          keyFrom: 'GROQ_API_KEY',
          provider: { id: 'groq', baseUrl: 'https://api.groq.com/openai/v1', apiKey: 'gsk-1', quirks: {} },
        },
      ],
    });
    expect(found).toHaveLength(rows.length);
  });

  test('a provider without a key names the variable that turns it on', () => {
    expect(find('gemini')).toMatchObject({ state: 'off', reason: 'no_key', turnOnWith: 'GEMINI_API_KEY' });
    expect(find('openai', { env: { OPENAI_API_KEY: ' ' } }).state).toBe('off');
    expect(find('ollama')).toMatchObject({
      state: 'off',
      reason: 'not_running',
      turnOnWith: 'OLLAMA_BASE_URL',
    });
  });

  test('the first key that is set counts', () => {
    const env = { GOOGLE_API_KEY: 'b', GEMINI_API_KEY: 'a' };
    expect(find('gemini', { env })).toMatchObject({
      connections: [{ keyFrom: 'GEMINI_API_KEY', provider: { apiKey: 'a' } }],
    });
  });

  test('a variable replaces the base URL, unless it points to the gateway itself', () => {
    const env = { OPENAI_API_KEY: 'k', OPENAI_BASE_URL: 'http://localhost:9999/v1/' };
    expect(find('openai', { env })).toMatchObject({
      connections: [{ baseUrlFrom: 'OPENAI_BASE_URL', provider: { baseUrl: 'http://localhost:9999/v1' } }],
    });
    expect(find('openai', { env, ownPort: 9999 })).toMatchObject({
      connections: [{ provider: { baseUrl: 'https://api.openai.com/v1' } }],
    });
    const elsewhere = { OPENAI_API_KEY: 'k', OPENAI_BASE_URL: 'https://proxy.example:9999/v1' };
    expect(find('openai', { env: elsewhere, ownPort: 9999 })).toMatchObject({
      connections: [{ provider: { baseUrl: 'https://proxy.example:9999/v1' } }],
    });
  });
});

describe('by settings', () => {
  test('each setting takes precedence over the variables', () => {
    const settings = {
      openai: {
        apiKey: 'file',
        baseUrl: 'http://proxy/v1',
        enabled: true,
        protocol: 'openai-chat',
        quirks: { developerRole: false, noStreamOptions: undefined },
      },
    } as const;
    expect(
      find('openai', { settings, env: { OPENAI_API_KEY: 'env', OPENAI_BASE_URL: 'http://env/v1' } }),
    ).toMatchObject({
      protocols: ['openai-chat'],
      connections: [
        {
          keyFrom: 'claws.openai.api_key',
          baseUrlFrom: 'claws.openai.base_url',
          provider: {
            baseUrl: 'http://proxy/v1',
            apiKey: 'file',
            quirks: { maxTokensField: 'max_completion_tokens', developerRole: false },
          },
        },
      ],
    });
  });

  test('they can turn a provider off', () => {
    const settings = { google: { enabled: false, quirks: {} } };
    expect(find('gemini', { settings, env: { GEMINI_API_KEY: 'k' } })).toMatchObject({
      state: 'off',
      reason: 'disabled',
      turnOnWith: 'claws.google.enabled',
    });
  });

  test('a provider with a base URL needs no key, and a local server with settings no detection', () => {
    const settings = {
      openai: { baseUrl: 'http://keyless/v1', enabled: true, quirks: {} },
      ollama: { enabled: true, quirks: {} },
    };
    expect(find('openai', { settings })).toMatchObject({
      state: 'on',
      connections: [{ provider: { baseUrl: 'http://keyless/v1' } }],
    });
    expect(find('ollama', { settings })).toMatchObject({
      connections: [{ provider: { baseUrl: 'http://127.0.0.1:11434/v1' } }],
    });
  });

  test('a provider that the operator defined comes last', () => {
    const settings = {
      mine: { baseUrl: 'http://h/v1', protocol: 'anthropic', apiKey: 'k', enabled: true, quirks: {} },
      half: { enabled: true, quirks: {} },
    } as const;
    const found = findProviders({ rows, settings, env: {} });
    expect(found).toHaveLength(rows.length + 1);
    expect(found.at(-1)).toMatchObject({
      id: 'mine',
      state: 'on',
      protocols: ['anthropic'],
      connections: [
        { keyFrom: 'claws.mine.api_key', provider: { id: 'mine', baseUrl: 'http://h/v1', apiKey: 'k' } },
      ],
    });
  });
});

describe('instances', () => {
  const one = { name: 'one', apiKey: 'k1', weight: 1 };
  const two = { name: 'two', baseUrl: 'http://two/v1', weight: 3, region: 'us' };

  test('have the key, the base URL and the region of the provider where they have none', () => {
    const settings = {
      openai: { enabled: true, quirks: {}, region: 'eu', dataCollection: 'deny', instances: [one, two] },
    } as const;
    const url = 'https://api.openai.com/v1';
    const quirks = { maxTokensField: 'max_completion_tokens', developerRole: true };
    expect(find('openai', { settings, env: { OPENAI_API_KEY: 'env' } })).toMatchObject({
      state: 'on',
      region: 'eu',
      collectsData: false,
      connections: [
        {
          instance: 'one',
          weight: 1,
          region: 'eu',
          keyFrom: 'claws.openai.instances[0].api_key',
          provider: { id: 'openai', baseUrl: url, apiKey: 'k1', quirks },
        },
        {
          instance: 'two',
          weight: 3,
          region: 'us',
          keyFrom: 'OPENAI_API_KEY',
          baseUrlFrom: 'claws.openai.instances[1].base_url',
          provider: { id: 'openai', baseUrl: 'http://two/v1', apiKey: 'env', quirks },
        },
      ],
    });
  });

  test('turn a provider on that has no key of its own', () => {
    const settings = { openai: { enabled: true, quirks: {}, instances: [one] } };
    expect(find('openai', { settings })).toMatchObject({ state: 'on' });
  });

  test('are enough for a provider of the operator where each has a base URL', () => {
    const mine = { enabled: true, protocol: 'openai-chat', quirks: {} } as const;
    expect(find('mine', { settings: { mine: { ...mine, instances: [two] } } })).toMatchObject({
      state: 'on',
      connections: [{ instance: 'two', provider: { id: 'mine', baseUrl: 'http://two/v1' } }],
    });
    const settings = { mine: { ...mine, instances: [one, two] } };
    expect(findProviders({ rows, settings, env: {} })).toHaveLength(rows.length);
  });
});

test('the loaded configuration has the right shape', async () => {
  const cwd = await mkdtemp(join(tmpdir(), 'providers-'));
  await writeFile(join(cwd, 'clawhold.yaml'), 'claws: { google: { api_key: k, base_url: "http://h/" } }');
  const { claws: settings } = await loadConfig({ cwd, env: {} });
  await rm(cwd, { recursive: true });
  expect(find('gemini', { settings })).toMatchObject({
    connections: [
      {
        keyFrom: 'claws.google.api_key',
        provider: { id: 'gemini', baseUrl: 'http://h', apiKey: 'k', quirks: {} },
      },
    ],
  });
});

test('a detected server is on, with its models', () => {
  const localServers = [{ id: 'ollama', baseUrl: 'http://127.0.0.1:11434/v1', models: ['llama3.2'] }];
  expect(find('ollama', { localServers })).toMatchObject({
    state: 'on',
    connections: [{ baseUrlFrom: 'detected' }],
    detectedModels: ['llama3.2'],
  });
  const env = { OLLAMA_BASE_URL: 'http://elsewhere/v1' };
  expect(find('ollama', { localServers, env })).toMatchObject({
    connections: [{ provider: { baseUrl: 'http://elsewhere/v1' } }],
  });
});
