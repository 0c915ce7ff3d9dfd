import { describe, expect, test } from 'bun:test';
import type { Candidate } from '../../../src/core/candidate.ts';
import { Fault } from '../../../src/core/errors.ts';
import type { Item } from '../../../src/core/items.ts';
import type { Tenant } from '../../../src/core/request.ts';
import type { KeyRules, ProviderWishes } from '../../../src/core/routing.ts';
import { perMillion } from '../../../src/core/usage.ts';
import { type CapabilitiesOf, type Choice, choose } from '../../../src/routing/choose.ts';
import { type Able, faultOfLack, lackOf } from '../../../src/routing/filters.ts';
import { UNLIMITED } from '../../../src/routing/money-budget.ts';
import { ABLE, asks, directoryOf, EVERYTHING, type Known, memberOf } from './directory.ts';

interface Case {
  ask?: Partial<Choice>;
  able?: Partial<Able>;
  candidate?: Partial<Candidate>;
  rules?: KeyRules;
  names?: string[];
}

const IDS: Record<string, string> = { google: 'gemini' };
const providerId = (name: string) => IDS[name.toLowerCase()] ?? name.toLowerCase();

const lack = ({ ask = {}, able = {}, candidate = {}, rules, names = ['one/m'] }: Case) =>
  lackOf(
    { ...asks(ask), rules },
    { ...memberOf('one').candidate, ...candidate },
    { ...EVERYTHING, ...able },
    names,
    providerId,
  );
const wishing = (provider: ProviderWishes, rest: Omit<Case, 'ask'> = {}) =>
  lack({ ask: { routing: { provider } }, ...rest });

const user = (...types: string[]): Item =>
  ({ type: 'message', role: 'user', content: types.map((type) => ({ type, text: 'x' })) }) as Item;
const assistant = { type: 'message', role: 'assistant', content: [] } as Item;
const output = { type: 'function_call_output', call_id: 'c', output: 'x' } as Item;

describe('a capability that a model lacks', () => {
  test.each<[string, Case, object]>([
    ['n', { ask: { settings: { n: 2 } }, able: { choices: false } }, { param: 'n' }],
    [
      'log probabilities',
      { ask: { settings: { top_logprobs: 0 } }, able: { logprobs: false } },
      { about: { setting: 'top_logprobs' } },
    ],
    [
      'stop',
      { ask: { settings: { stop: ['x'] } }, able: { refuses: ['stop'] } },
      { about: { setting: 'stop' } },
    ],
    [
      'a format of other servers',
      { ask: { settings: { format: { type: 'grammar' } as never } }, candidate: { protocol: 'gemini' } },
      { about: { setting: 'format' } },
    ],
    [
      'a tool',
      { ask: { settings: { tools: [{ type: 'mcp' as never }] } }, able: { lackedTools: () => [0] } },
      { param: 'tools[0]' },
    ],
  ])('is an error that names it: %s', (_, given, named) => {
    expect(lack(given)).toMatchObject({ code: 'unsupported_parameter', ...named });
  });

  test.each<[string, Case]>([
    ['one choice', { ask: { settings: { n: 1 } }, able: { choices: false } }],
    ['an empty list', { ask: { settings: { stop: [] } }, able: { refuses: ['stop'] } }],
    [
      'a format of all',
      { ask: { settings: { format: { type: 'json_object' } } }, candidate: { protocol: 'gemini' } },
    ],
    [
      'a tool that is left out',
      {
        ask: { settings: { tools: [{ type: 'mcp' as never }] }, policy: { dropTools: true } },
        able: { lackedTools: () => [0] },
      },
    ],
  ])('is no error for %s', (_, given) => {
    expect(lack(given)).toBeUndefined();
  });
});

describe('images and audio', () => {
  const inputs = ['text'];

  test.each<[string, Item[], boolean]>([
    ['an image in the new message', [user('input_text', 'input_image')], true],
    ['audio in the new message', [user('input_audio')], true],
    ['an image before further new messages', [user('input_image'), user('input_text')], true],
    ['an image before a tool output of the same turn', [assistant, user('input_image'), output], true],
    ['an image of an earlier turn', [user('input_image'), assistant, user('input_text')], false],
    ['an image before a call', [user('input_image'), { type: 'function_call' } as Item, output], false],
    ['a file, which may hold text', [user('input_file')], false],
    ['text', [user('input_text')], false],
  ])('%s', (_, input, isLacked) => {
    const found = lack({ ask: { input }, candidate: { inputs } });
    expect(found !== undefined).toBe(isLacked);
    if (found)
      expect(found).toMatchObject({ about: { content: { type: expect.stringMatching(/image|audio/) } } });
  });

  test('are accepted where nothing is known of the model', () => {
    expect(lack({ ask: { input: [user('input_image', 'input_audio')] } })).toBeUndefined();
    expect(
      lack({ ask: { input: [user('input_image')] }, candidate: { inputs: ['text', 'image'] } }),
    ).toBeUndefined();
  });
});

const ASKER = { tenant: 'acme' as Tenant, key: 'root' };

test('a key without money uses only what costs nothing', () => {
  const directory = {
    ...directoryOf({ services: { one: {}, two: {}, three: {} } }),
    limits: (provider: string) =>
      provider === 'two' ? { price: { input: perMillion(0), output: perMillion(0) } } : {},
  };
  const keys: string[] = [];
  const budget = { hasMoney: (tenant: string, key: string) => keys.push(`${tenant} ${key}`) === 0 };
  const chosen = (model: string, fallbacks: string[]) =>
    choose({ ...asks({ model }), fallbacks }, ASKER, { directory, capabilities: ABLE, budget });
  const { groups } = chosen('one/m', ['two/m', 'three/m']);
  expect(groups.flatMap(({ members }) => members.map(({ candidate }) => candidate.provider))).toEqual([
    'two',
  ]);
  expect(() => chosen('one/m', ['three/m'])).toThrow(expect.objectContaining({ code: 'budget_exceeded' }));
  expect(keys).toEqual(['acme root', 'acme root']);
});

describe('the rules of a key', () => {
  const MODEL = { code: 'model_not_allowed', param: 'model' };

  test('allow models by the name of the request, by the full name, and by patterns', () => {
    for (const models of [['team'], ['one/m'], ['one/*'], ['*'], ['x', 'te*']])
      expect(lack({ rules: { models }, names: ['team'] })).toBeUndefined();
    for (const models of [[], ['two/*'], ['one'], ['teams']])
      expect(lack({ rules: { models }, names: ['team'] })).toMatchObject(MODEL);
  });

  test('allow regions, and no candidate without one', () => {
    const regions = ['eu', 'ch'];
    expect(lack({ rules: { regions }, candidate: { region: 'ch' } })).toBeUndefined();
    expect(lack({ rules: { regions }, candidate: { region: 'us' } })).toMatchObject(MODEL);
    expect(lack({ rules: { regions } })).toMatchObject({ what: expect.stringContaining('eu, ch') });
  });

  test('refuse claws that keep data', () => {
    expect(lack({ rules: { dataCollection: 'deny' }, candidate: { collectsData: true } })).toMatchObject(
      MODEL,
    );
    expect(lack({ rules: { dataCollection: 'deny' }, candidate: { collectsData: false } })).toBeUndefined();
    expect(lack({ rules: { dataCollection: 'allow' }, candidate: { collectsData: true } })).toBeUndefined();
  });

  test('come before the wishes of the request', () => {
    expect(wishing({ only: ['two'] }, { rules: { models: [] } })).toMatchObject(MODEL);
  });

  const services: Known['services'] = { one: {}, two: {}, three: {} };
  const aliases: Known['aliases'] = {
    team: { models: ['one/m'], rules: [{ when: {}, use: 'inner' }] },
    inner: { models: ['one/m'], tooLong: ['two/m'], refused: ['deep'], lastResort: { model: 'three/m' } },
    deep: { models: ['two/d'] },
  };
  const chosen = (models: string[], model = 'team') =>
    choose(
      asks({ model }),
      { ...ASKER, key: 'k', rules: { models } },
      { directory: directoryOf({ services, aliases }), capabilities: ABLE, budget: UNLIMITED },
    );

  test('that allow an alias allow its chains', () => {
    expect(chosen(['team'])).toMatchObject({
      groups: [{ members: [{ candidate: { provider: 'one' } }] }],
      tooLong: [{ members: [{ candidate: { provider: 'two' } }] }],
      refused: [{ members: [{ candidate: { model: 'd' } }] }],
      lastResort: { provider: 'three' },
    });
  });

  test('that allow only models leave the others out of the chains', () => {
    expect(chosen(['one/*', 'deep'])).toMatchObject({ tooLong: [], refused: [{}], lastResort: undefined });
    expect(() => chosen(['two/*'])).toThrow('team is not among the models that this key may use.');
  });
});

describe('the wishes of a request', () => {
  const NONE = 'no_candidate';
  const price = { input: perMillion(0.57), output: perMillion(1.14) };

  test.each<[string, ProviderWishes, Partial<Candidate>, string | undefined]>([
    ['only others', { only: ['two'] }, {}, 'provider.only'],
    ['an empty list of only', { only: [] }, {}, undefined],
    ['only it', { only: ['two', 'One'] }, {}, undefined],
    ['only it, by another name', { only: ['Google'] }, { provider: 'gemini' }, undefined],
    ['ignored', { ignore: ['one'] }, {}, 'provider.ignore'],
    ['others ignored', { ignore: ['two'] }, {}, undefined],
    ['no data kept', { data_collection: 'deny' }, { collectsData: true }, 'provider.data_collection'],
    ['data may be kept', { data_collection: 'allow' }, { collectsData: true }, undefined],
    ['exactly the price', { max_price: { prompt: 0.57, completion: 1.14 } }, { price }, undefined],
    ['a lower price of prompts', { max_price: { prompt: 0.56 } }, { price }, 'provider.max_price'],
    ['a lower price of answers', { max_price: { completion: 1 } }, { price }, 'provider.max_price'],
    ['any known price', { max_price: {} }, { price }, undefined],
    ['an unknown price', { max_price: { prompt: 100 } }, {}, 'provider.max_price'],
    ['a field that only OpenRouter knows', { zdr: true }, {}, 'provider.zdr'],
    ['no fallbacks', { allow_fallbacks: false, sort: 'price', order: ['one'] }, {}, undefined],
    ['no fallbacks to others', { allow_fallbacks: false, order: ['two'] }, {}, 'provider.order'],
  ])('exclude by %s', (_, provider, candidate, param) => {
    const expected = param && { code: NONE, param };
    const found = wishing(provider, { candidate });
    if (expected) expect(found).toMatchObject(expected);
    else expect(found).toBeUndefined();
  });

  test('are read by OpenRouter itself for its models', () => {
    const provider = { only: ['deepinfra'], ignore: ['openrouter'], zdr: true, max_price: { prompt: 0 } };
    expect(wishing(provider, { candidate: { provider: 'openrouter', collectsData: true } })).toBeUndefined();
  });

  test('for every parameter exclude models that would not get one', () => {
    const provider = { require_parameters: true };
    const able: Partial<Able> = { lackedSettings: () => ['seed'] };
    expect(wishing(provider, { able })).toMatchObject({
      code: 'unsupported_parameter',
      about: { setting: 'seed' },
    });
    const extra = { logit_bias: {} };
    const asking = { routing: { provider }, extra };
    expect(lack({ ask: asking })).toBeUndefined();
    expect(lack({ ask: asking, candidate: { protocol: 'gemini' } })).toMatchObject({ param: 'logit_bias' });
    expect(lack({ ask: { extra }, able, candidate: { protocol: 'gemini' } })).toBeUndefined();
  });
});

test('a lack is an error with the name of the candidate', () => {
  const fault = faultOfLack(memberOf('one').candidate, {
    code: 'no_candidate',
    what: 'is not.',
    param: 'provider.only',
  });
  expect(fault).toBeInstanceOf(Fault);
  expect(fault).toMatchObject({ message: 'one/m is not.', param: 'provider.only' });
});

describe('what the catalogue says', () => {
  const models: Known['models'] = {
    'one/weak': { tools: false, structured: false, reasons: false, outputLimit: 100 },
    'one/strong': { tools: true, structured: true, reasons: true, outputLimit: 1_000 },
  };
  const aliases = {
    team: { models: ['one/weak', 'one/strong', 'one/unknown'] },
    weak: { models: ['one/weak'] },
  };
  const named = (model: string, settings: Choice['settings'], capabilities: CapabilitiesOf = ABLE) => {
    const directory = directoryOf({ services: { one: {} }, aliases, models });
    const { groups } = choose(asks({ model, settings }), ASKER, {
      ...{ directory, capabilities },
      budget: UNLIMITED,
    });
    return groups.flatMap(({ members }) => members.map(({ candidate }) => candidate.model));
  };
  const function_: Choice['settings'] = { tools: [{ type: 'function', name: 'f' }] };
  const schema: Choice['settings'] = { format: { type: 'json_schema', name: 'a', schema: {} } };

  test.each<[string, Choice['settings']]>([
    ['tools', function_],
    ['a schema', schema],
    ['reasoning', { reasoning: { effort: 'low' } }],
    ['a long answer', { max_output_tokens: 101 }],
  ])('leaves out a model where others of its name have everything: %s', (_, settings) => {
    expect(named('team', settings)).toEqual(['strong', 'unknown']);
    expect(named('weak', settings)).toEqual(['weak']);
  });

  test.each<[string, Choice['settings']]>([
    ['no tools', { tools: [] }],
    ['any JSON', { format: { type: 'json_object' } }],
    ['no reasoning', { reasoning: { effort: 'none' } }],
    ['a short answer', { max_output_tokens: 100 }],
  ])('does not matter for %s', (_, settings) => {
    expect(named('team', settings)).toEqual(['weak', 'strong', 'unknown']);
  });

  test('is less than what the claw says', () => {
    const lacking: CapabilitiesOf = ({ model }) => ({
      ...EVERYTHING,
      lackedTools: () => (model === 'weak' ? [] : [0]),
    });
    expect(named('team', function_, lacking)).toEqual(['weak']);
  });
});
