import { describe, expect, test } from 'bun:test';
import { candidateName } from '../../../src/core/candidate.ts';
import type { Directory, Service } from '../../../src/core/directory.ts';
import type { Tenant } from '../../../src/core/request.ts';
import type { Alias } from '../../../src/core/routing.ts';
import { type CapabilitiesOf, type Choice, type Chosen, choose } from '../../../src/routing/choose.ts';
import { UNLIMITED } from '../../../src/routing/money-budget.ts';

const ONE = { instances: [{ weight: 1 }], collectsData: true, cacheMs: 300_000 };

const SERVICES: Record<string, Service> = {
  anthropic: {
    ...ONE,
    provider: 'anthropic',
    protocols: ['anthropic'],
    ready: false,
    turnOnWith: 'ANTHROPIC_API_KEY',
  },
  groq: {
    ...ONE,
    provider: 'groq',
    protocols: ['openai-chat'],
    ready: false,
    turnOnWith: 'claws.groq.enabled',
  },
  openai: { ...ONE, provider: 'openai', protocols: ['openai-chat', 'openai-responses'], ready: true },
  gemini: { ...ONE, provider: 'gemini', protocols: ['gemini'], ready: true },
  mistral: { ...ONE, provider: 'mistral', protocols: ['openai-chat'], ready: true },
};

const ALIASES: Record<string, string[]> = {
  careful: ['anthropic/claude', 'openai/gpt'],
  off: ['anthropic/claude', 'groq/gpt-oss'],
  fast: ['mistral/small', 'gemini/flash', 'mistral/small'],
};

const MAKERS: Record<string, string[]> = { gpt: ['openai', 'mistral'] };

const directory: Directory = {
  service: (provider) => SERVICES[provider],
  limits: () => ({}),
  services: () => [],
  providersOf: (model) => MAKERS[model] ?? [],
  alias: (name) => {
    const models = ALIASES[name];
    return models && { alias: aliasOf(name, models) };
  },
  names: () => [],
};

function aliasOf(name: string, models: readonly string[]): Alias {
  const members = models.map((model, order) => ({ model, weight: 1, order }));
  return { name, members, strategy: 'ordered', rules: [], tooLong: [], refused: [] };
}

const EVERYTHING = {
  ...{ choices: true, logprobs: true, refuses: [] },
  ...{ lackedTools: () => [], lackedSettings: () => [] },
};
const ABLE: CapabilitiesOf = () => EVERYTHING;

const ASKED: Omit<Choice, 'model' | 'fallbacks' | 'settings'> = {
  ...{ dialect: 'chat', metadata: {}, extra: {}, input: [], policy: {} },
  vocabulary: 'openai-chat',
};

const chosen = (
  model: string,
  fallbacks: string[] = [],
  {
    settings = {},
    capabilities = ABLE,
    policy = {},
  }: { settings?: Choice['settings']; capabilities?: CapabilitiesOf; policy?: Choice['policy'] } = {},
) =>
  namesOf(
    choose({ ...ASKED, model, fallbacks, settings, policy }, ROOT, {
      directory,
      capabilities,
      budget: UNLIMITED,
    }),
  );

const ROOT = { tenant: 'acme' as Tenant, key: 'root' };

/** Without an order: as the request and the aliases name them. */
const namesOf = ({ groups }: Chosen): string[] =>
  groups.flatMap(({ members }) => members.map(({ candidate }) => candidateName(candidate)));

describe('an alias', () => {
  test('skips providers that are not turned on', () => {
    expect(chosen('careful')).toEqual(['openai/gpt']);
  });

  test('names the variable to set where none of its providers is turned on', () => {
    expect(() => chosen('off')).toThrow('set ANTHROPIC_API_KEY');
  });

  test('gives each name once', () => {
    expect(chosen('fast')).toEqual(['mistral/small', 'gemini/flash']);
  });
});

describe('fallbacks', () => {
  test('come after every candidate of the model, in their order', () => {
    expect(chosen('gpt', ['mistral/small', 'gemini/pro'])).toEqual([
      'openai/gpt',
      'mistral/gpt',
      'mistral/small',
      'gemini/pro',
    ]);
  });

  test('may be aliases and bare names', () => {
    expect(chosen('gemini/pro', ['fast', 'gpt'])).toEqual([
      'gemini/pro',
      'mistral/small',
      'gemini/flash',
      'openai/gpt',
      'mistral/gpt',
    ]);
  });

  test('that name a candidate a second time do not add it again', () => {
    expect(chosen('openai/gpt', ['careful', 'gemini/flash', 'fast', 'openai/gpt'])).toEqual([
      'openai/gpt',
      'gemini/flash',
      'mistral/small',
    ]);
  });

  test('replace a model that cannot be called, and are skipped if they cannot be called', () => {
    expect(chosen('unknown/x', ['anthropic/claude', 'gemini/pro', 'off', 'unknown'])).toEqual(['gemini/pro']);
  });

  test('are not compared with all names while any candidate can be called', () => {
    const withoutNames: Directory = {
      ...directory,
      names: () => {
        throw new Error('all names were read');
      },
    };
    const choice: Choice = { ...ASKED, model: 'unknown', fallbacks: ['gemini/pro'], settings: {} };
    expect(
      namesOf(choose(choice, ROOT, { directory: withoutNames, capabilities: ABLE, budget: UNLIMITED })),
    ).toEqual(['gemini/pro']);
  });

  test('that cannot be called either leave the failure of the model', () => {
    expect(() => chosen('groq/gpt-oss', ['unknown', 'anthropic/claude'])).toThrow('set claws.groq.enabled');
    expect(() => chosen('unknown', ['groq/gpt-oss'])).toThrow('The model "unknown" does not exist here.');
  });

  test('must support the settings, as the model must', () => {
    const capabilities: CapabilitiesOf = ({ provider }) => ({
      ...EVERYTHING,
      choices: provider === 'mistral',
      logprobs: provider === 'openai',
    });
    const several = { settings: { n: 2 }, capabilities };
    expect(chosen('gemini/pro', ['openai/gpt', 'fast'], several)).toEqual(['mistral/small']);
    expect(() => chosen('unknown', ['gemini/pro', 'openai/gpt'], several)).toThrow(
      'gemini/pro does not support `n`.',
    );
  });
});

describe('tools', () => {
  const tools = [{ type: 'function', name: 'f' }, { type: 'mcp' }] as Choice['settings']['tools'];
  const capabilities: CapabilitiesOf = ({ provider }) => ({
    ...EVERYTHING,
    lackedTools: () => (provider === 'openai' ? [] : [1]),
  });

  test('skip the candidates that lack one', () => {
    const given = { settings: { tools }, capabilities };
    expect(chosen('gemini/pro', ['openai/gpt', 'fast'], given)).toEqual(['openai/gpt']);
    expect(() => chosen('gemini/pro', ['fast'], given)).toThrow(
      'gemini/pro does not support `tools[1]` (a tool of the type "mcp").',
    );
  });

  test('skip none where the policy leaves them out', () => {
    const given = { settings: { tools }, capabilities, policy: { dropTools: true } };
    expect(chosen('gemini/pro', ['openai/gpt'], given)).toEqual(['gemini/pro', 'openai/gpt']);
  });
});

test('an answer in a form that only some servers know needs one that speaks the dialect', () => {
  const settings = { format: { type: 'grammar' } } as unknown as Choice['settings'];
  expect(chosen('gemini/pro', ['mistral/small'], { settings })).toEqual(['mistral/small']);
  expect(() => chosen('gemini/pro', [], { settings })).toThrow('answers of the format "grammar"');
});

test('a provider that is turned off is not reported as one without a key', () => {
  expect(() => chosen('groq/gpt-oss')).toThrow('not turned on here: set claws.groq.enabled');
});
