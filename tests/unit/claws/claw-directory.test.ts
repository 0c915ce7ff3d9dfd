import { afterEach, expect, setSystemTime, test } from 'bun:test';
import { loadCatalogue } from '../../../src/claws/catalogue/catalogue.ts';
import type { Provider } from '../../../src/claws/claw.ts';
import { ClawDirectory } from '../../../src/claws/claw-directory.ts';
import type { Connection, ProviderOn } from '../../../src/claws/find-providers.ts';
import { recall } from '../../../src/claws/local/recall.ts';
import type { ProtocolName } from '../../../src/core/prompt.ts';

afterEach(() => {
  setSystemTime();
});

const connection = (instance: string | undefined, apiKey: string, weight = 1): Connection => ({
  instance,
  weight,
  provider: { id: 'mine', baseUrl: 'http://mine/v1', apiKey, quirks: {} },
});

const found = (
  connections: Connection[],
  protocols: ProviderOn['protocols'] = ['openai-chat'],
): ProviderOn => ({
  state: 'on',
  id: 'mine',
  name: 'Mine',
  aliases: ['ours'],
  protocols,
  connections,
  region: 'eu',
  collectsData: false,
});

function directory() {
  const made: string[] = [];
  const makeClaw = (provider: Provider, protocol: ProtocolName) => {
    made.push(`${provider.apiKey} ${protocol}`);
    return { ...recall, protocol };
  };
  const parts = { catalogue: loadCatalogue(), settings: { overrides: {}, multipliers: {}, aliases: [] } };
  const claws = new ClawDirectory({ ...parts, makeClaw, makeEmbedding: () => undefined, builtIn: {} });
  const claw = (instance?: string, protocol: ProtocolName = 'openai-chat') =>
    claws.claw({ provider: 'mine', protocol, model: 'm', instance });
  return { made, claws, claw };
}

test('a service has its instances, its region and what it does with data', () => {
  const { claws } = directory();
  claws.update([found([connection('a', 'k1'), { ...connection('b', 'k2', 3), region: 'us' }])]);
  expect(claws.service('ours')).toMatchObject({
    instances: [
      { name: 'a', weight: 1 },
      { name: 'b', weight: 3, region: 'us' },
    ],
    region: 'eu',
    collectsData: false,
  });
  claws.update([found([connection(undefined, 'k1')])]);
  expect(claws.service('mine')?.instances).toEqual([{ weight: 1 }]);
});

test('a candidate gets the claw of its instance, and of the first one where it names none or a removed one', () => {
  const { claws, claw, made } = directory();
  claws.update([found([connection('a', 'k1'), connection('b', 'k2')])]);
  expect(made).toEqual(['k1 openai-chat', 'k2 openai-chat']);
  expect(claw('b')).not.toBe(claw('a'));
  expect(claw()).toBe(claw('a'));
  expect(claw('removed')).toBe(claw('a'));
});

test('claws of unchanged connections stay, also under another name or at another position', () => {
  const { claws, claw, made } = directory();
  claws.update([found([connection('a', 'k1'), connection('b', 'k2')])]);
  const [first, second] = [claw('a'), claw('b')];
  claws.update([found([connection('c', 'k2', 9), connection('new', 'k3'), connection('a', 'k1')])]);
  expect(claw('a')).toBe(first);
  expect(claw('c')).toBe(second);
  expect(made.slice(2)).toEqual(['k3 openai-chat']);
});

test('a provider whose protocol changes gets a claw for it', () => {
  const { claws, claw } = directory();
  claws.update([found([connection(undefined, 'k1')])]);
  const before = claw();
  claws.update([found([connection(undefined, 'k1')], ['openai-responses', 'openai-chat'])]);
  expect(claw(undefined, 'openai-responses').protocol).toBe('openai-responses');
  expect(claw()).toBe(before);
});

test('a candidate that was chosen before a change finds its claw for two minutes', () => {
  const { claws, claw } = directory();
  claws.update([found([connection('a', 'k1'), connection('b', 'k2')])]);
  const [first, second] = [claw('a'), claw('b')];
  claws.update([found([connection('a', 'k1')], ['anthropic'])]);
  expect(claw()).toBe(first);
  expect(claw('b')).toBe(second);
  claws.update([]);
  expect(claw('a')).toBe(first);
  expect(claw('a', 'anthropic').protocol).toBe('anthropic');
  setSystemTime(Date.now() + 121_000);
  expect(() => claw('a')).toThrow('was turned off');
  claws.update([found([connection('a', 'k1')])]);
  expect(claw('b')).toBe(claw('a'));
});
