import { describe, expect, test } from 'bun:test';
import { candidateKey } from '../../../src/core/candidate.ts';
import type { Matches } from '../../../src/core/routing.ts';
import type { Choice, Chosen } from '../../../src/routing/choose.ts';
import { type Group, resolve } from '../../../src/routing/resolve.ts';
import { asks, directoryOf, type Known } from './directory.ts';

const SERVICES: Known['services'] = {
  anthropic: { protocols: ['anthropic'] },
  openai: { protocols: ['openai-responses', 'openai-chat'] },
  openrouter: {},
  groq: { ready: false, turnOnWith: 'GROQ_API_KEY' },
};

const resolved = (known: Partial<Known>, ask: Partial<Choice>, key = 'root') =>
  resolve(asks(ask), key, directoryOf({ services: SERVICES, ...known }));

const keysOf = (groups: readonly Group[]): string[] =>
  groups.flatMap(({ members }) => members.map(({ candidate }) => candidateKey(candidate)));
const names = (known: Partial<Known>, ask: Partial<Choice> | string, key?: string): string[] =>
  keysOf(resolved(known, typeof ask === 'string' ? { model: ask } : ask, key).groups);

describe('a pattern', () => {
  const aliases: Known['aliases'] = {
    'claude-*': { models: ['anthropic/claude-*', 'openrouter/anthropic/claude-*'] },
    'claude-old': { models: ['openai/old'] },
    'cl*': { models: ['openai/never'] },
    '*-latest': { models: ['openai/*'] },
  };

  test('gives its models the text that its star stands for', () => {
    expect(names({ aliases }, 'claude-opus')).toEqual([
      'anthropic/claude-opus',
      'openrouter/anthropic/claude-opus',
    ]);
    expect(names({ aliases }, 'gpt-latest')).toEqual(['openai/gpt']);
  });

  test('comes after an exact name, and the first one of the file counts', () => {
    expect(names({ aliases }, 'claude-old')).toEqual(['openai/old']);
    expect(names({ aliases }, 'claude-latest')).toEqual([
      'anthropic/claude-latest',
      'openrouter/anthropic/claude-latest',
    ]);
    expect(names({ aliases }, 'clue')).toEqual(['openai/never']);
  });

  test('takes its other characters as they are', () => {
    const dotted = { 'gpt.5+(*)': { models: ['openai/*'] } };
    expect(names({ aliases: dotted }, 'gpt.5+(x)')).toEqual(['openai/x']);
    expect(() => names({ aliases: dotted }, 'gptx5+(x)')).toThrow('does not exist');
  });

  test('also stands for a text with line breaks and with no characters', () => {
    expect(names({ aliases }, 'claude-a\nb')[0]).toBe('anthropic/claude-a\nb');
    expect(names({ aliases }, 'claude-')[0]).toBe('anthropic/claude-');
  });

  test('gives its text to its chains and to its last resort', () => {
    const chained: Known['aliases'] = {
      'pro-*': {
        models: ['openai/*'],
        tooLong: ['long-*'],
        refused: ['openrouter/*'],
        lastResort: { model: 'anthropic/*' },
      },
      'long-*': { models: ['openai/*-long'] },
    };
    const { tooLong, refused, lastResort } = resolved({ aliases: chained }, { model: 'pro-x' });
    expect([keysOf(tooLong), keysOf(refused), lastResort?.model]).toEqual([
      ['openai/x-long'],
      ['openrouter/x'],
      'x',
    ]);
  });

  test('gives its text to the name that a rule uses', () => {
    const ruled: Known['aliases'] = {
      'pro-*': { models: ['openai/*'], rules: [{ when: { model: ['*'] }, use: 'claude-*' }] },
      'claude-*': { models: ['anthropic/claude-*'] },
    };
    expect(names({ aliases: ruled }, 'pro-opus')).toEqual(['anthropic/claude-opus']);
  });
});

describe('a rule', () => {
  const to = (when: Matches): Known['aliases'] => ({
    team: { models: ['openai/a'], rules: [{ when, use: 'anthropic/b' }] },
  });
  const applies = (when: Matches, ask: Partial<Choice> = {}, key?: string): boolean =>
    names({ aliases: to(when) }, { model: 'team', ...ask }, key)[0] === 'anthropic/b';

  test.each<[string, Matches, Partial<Choice>, string | undefined]>([
    ['the key', { key: ['website'] }, {}, 'website'],
    ['one of several keys', { key: ['app', 'web*'] }, {}, 'website'],
    ['the user', { user: ['u-*'] }, { settings: { safety_identifier: 'u-1' } }, undefined],
    ['the dialect', { dialect: ['responses'] }, { dialect: 'responses' }, undefined],
    ['the model', { model: ['te*'] }, {}, undefined],
    [
      'a header',
      { 'header.x-team': ['science'] },
      { routing: { headers: { 'x-team': 'science' } } },
      undefined,
    ],
    ['metadata', { 'metadata.plan': ['free'] }, { metadata: { plan: 'free' } }, undefined],
    ['metadata whose name has dots', { 'metadata.a.b': ['*'] }, { metadata: { 'a.b': '' } }, undefined],
    ['no condition at all', {}, {}, undefined],
  ])('applies by %s', (_, when, ask, key) => {
    expect(applies(when, ask, key)).toBe(true);
  });

  test.each<[string, Matches, Partial<Choice>]>([
    ['another key', { key: ['website'] }, {}],
    ['a request without a user', { user: ['*'] }, {}],
    ['another dialect', { dialect: ['responses'] }, {}],
    ['a request without headers', { 'header.x-team': ['*'] }, {}],
    ['a header that the object itself has', { 'header.toString': ['*'] }, { routing: { headers: {} } }],
    ['metadata that the object itself has', { 'metadata.constructor': ['*'] }, {}],
    ['other metadata', { 'metadata.plan': ['free'] }, { metadata: { plan: 'freedom' } }],
    ['one of two conditions', { dialect: ['chat'], 'metadata.plan': ['free'] }, {}],
  ])('does not apply to %s', (_, when, ask) => {
    expect(applies(when, ask)).toBe(false);
  });

  test('is the first that applies', () => {
    const rules = ['a', 'b'].map((model) => ({ when: { dialect: ['chat'] }, use: `openai/${model}` }));
    const aliases = { team: { models: ['anthropic/x'], rules } };
    expect(names({ aliases }, 'team')).toEqual(['openai/a']);
  });

  test('may lead to an alias with rules, and its strategy and chains then count', () => {
    const aliases: Known['aliases'] = {
      one: { models: ['openai/1'], rules: [{ when: {}, use: 'two' }], tooLong: ['openai/l1'] },
      two: { models: ['openai/2'], rules: [{ when: {}, use: 'three' }] },
      three: {
        models: ['openai/3', 'openai/4'],
        strategy: 'weighted',
        tooLong: ['openai/l3'],
        refused: ['gone'],
      },
    };
    const { groups, alias, tooLong, refused, name } = resolved({ aliases }, { model: 'one' });
    expect(groups).toMatchObject([{ name: 'one', strategy: 'weighted' }]);
    expect([alias?.name, name, keysOf(groups), keysOf(tooLong), refused]).toEqual([
      ...['three', 'one', ['openai/3', 'openai/4'], ['openai/l3']],
      [],
    ]);
  });

  test('that leads to a model keeps the chains and the limits of its alias', () => {
    const aliases: Known['aliases'] = {
      'first-*': { models: ['openai/1'], rules: [{ when: {}, use: 'team-*' }], refused: ['openai/r1'] },
      'team-*': {
        models: ['openai/2'],
        strategy: 'weighted',
        rules: [{ when: {}, use: 'anthropic/*' }],
        tooLong: ['openrouter/*-long'],
        lastResort: { model: 'openai/*-mini' },
        limits: { turnMs: 5 },
      },
    };
    const { groups, alias, tooLong, refused, lastResort, name } = resolved({ aliases }, { model: 'first-x' });
    expect(groups).toMatchObject([{ name: 'first-x', strategy: 'ordered' }]);
    expect([alias?.name, name, alias?.limits]).toEqual(['team-*', 'first-x', { turnMs: 5 }]);
    expect([keysOf(groups), keysOf(tooLong), keysOf(refused), lastResort?.model]).toEqual([
      ...[['anthropic/x'], ['openrouter/x-long'], []],
      'x-mini',
    ]);
  });

  test.each([
    ['itself', { one: 'one' }],
    ['one that leads back', { one: 'two', two: 'one' }],
  ])('may lead to %s: then the models of an alias of the circle are called', (_, uses) => {
    const aliases = Object.fromEntries(
      Object.entries(uses).map(([name, use]) => [
        name,
        { models: [`openai/${name}`], rules: [{ when: {}, use }] },
      ]),
    );
    expect(names({ aliases }, 'one')).toHaveLength(1);
  });

  test('that leads to a name that cannot be called names it', () => {
    const aliases = { team: { models: ['openai/a'], rules: [{ when: {}, use: 'groq/x' }] } };
    expect(() => names({ aliases }, 'team')).toThrow('set GROQ_API_KEY');
  });
});

describe('instances', () => {
  const services: Known['services'] = {
    ...SERVICES,
    openai: {
      region: 'us',
      instances: [
        { name: 'a', weight: 3 },
        { name: 'b', weight: 1, region: 'eu' },
      ],
    },
  };

  test('are candidates of their own, with their shares of the weight and their regions', () => {
    const aliases = {
      team: {
        models: [
          { model: 'openai/m', weight: 8, order: 0 },
          { model: 'openrouter/m', weight: 2, order: 1 },
        ],
      },
    };
    const { groups } = resolved({ services, aliases }, { model: 'team' });
    const members = groups[0]!.members.map(({ candidate, weight, order }) => ({
      ...{ key: candidateKey(candidate), region: candidate.region, weight, order },
    }));
    expect(members).toEqual([
      { key: 'openai/m@a', region: 'us', weight: 6, order: 0 },
      { key: 'openai/m@b', region: 'eu', weight: 2, order: 0 },
      { key: 'openrouter/m', region: undefined, weight: 2, order: 1 },
    ]);
  });

  test('are in the region that the alias names for the model', () => {
    const aliases = { team: { models: [{ model: 'openai/m', region: 'moon' }] } };
    const { groups } = resolved({ services, aliases }, { model: 'team' });
    expect(groups[0]!.members.map(({ candidate }) => candidate.region)).toEqual(['moon', 'moon']);
  });

  test('of the providers of a bare name keep the order of the providers', () => {
    const makers = { m: ['openai', 'openrouter'] };
    expect(names({ services, makers }, 'm')).toEqual(['openai/m@a', 'openai/m@b', 'openrouter/m']);
    const orders = resolved({ services, makers }, { model: 'm' }).groups[0]!.members.map(
      ({ order }) => order,
    );
    expect(orders).toEqual(orders.toSorted((a, b) => a - b));
  });
});

describe('names', () => {
  const aliases: Known['aliases'] = {
    off: { models: ['groq/x'] },
    team: {
      models: ['openai/a', 'groq/x', 'openai/a', 'anthropic/b'],
      lastResort: { model: 'openrouter/l' },
    },
  };

  test('that cannot be called are skipped, and repeated ones are called once', () => {
    expect(
      names({ aliases }, { model: 'team', fallbacks: ['off', 'openai/a', 'nothing', 'openai/c'] }),
    ).toEqual([...['openai/a', 'anthropic/b', 'openai/c']]);
  });

  test('are all reported by the first of them', () => {
    expect(() => names({ aliases }, { model: 'off', fallbacks: ['nothing'] })).toThrow('set GROQ_API_KEY');
    expect(() => names({ aliases }, { model: 'nothing', fallbacks: ['off'] })).toThrow(
      '"nothing" does not exist',
    );
    expect(() => names({ aliases }, 'tean')).toThrow('Did you mean team?');
  });

  test.each(['openai/', '/x', 'unknown/x', ''])('without a provider or a model do not exist: %p', (name) => {
    expect(() => names({}, name)).toThrow('does not exist here');
  });

  test('of a provider with only some models are the names of these', () => {
    const services = { local: { models: new Set(['recall']) } };
    expect(names({ services }, 'local/recall')).toEqual(['local/recall']);
    expect(() => names({ services }, 'local/other')).toThrow('does not exist here');
  });

  test('of the last resort are a model or a fixed answer', () => {
    expect(resolved({ aliases }, { model: 'team' }).lastResort).toMatchObject({
      provider: 'openrouter',
      model: 'l',
    });
    const fixed = { team: { models: ['openai/a'], lastResort: { answer: 'Sorry.' } } };
    expect(resolved({ aliases: fixed }, { model: 'team' }).lastResort).toMatchObject({ answer: 'Sorry.' });
    const gone = { team: { models: ['openai/a'], lastResort: { model: 'groq/x' } } };
    expect(resolved({ aliases: gone }, { model: 'team' }).lastResort).toBeUndefined();
  });

  test('use the vocabulary of the caller where the provider speaks it', () => {
    const protocolOf = (vocabulary: Choice['vocabulary']) =>
      resolved({}, { model: 'openai/a', vocabulary }).groups[0]!.members[0]!.candidate.protocol;
    expect(protocolOf('openai-chat')).toBe('openai-chat');
    expect(protocolOf('openai-responses')).toBe('openai-responses');
    expect(protocolOf('gemini')).toBe('openai-responses');
  });

  test('of the request stay those of the reply where a fallback is the first that can be called', () => {
    const { groups, alias, name }: Pick<Chosen, 'groups' | 'alias' | 'name'> = resolved(
      { aliases },
      { model: 'off', fallbacks: ['openai/c'] },
    );
    expect([name, alias?.name, keysOf(groups)]).toEqual(['off', 'off', ['openai/c']]);
  });
});
