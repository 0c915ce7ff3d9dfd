import { expect, test } from 'bun:test';
import { changedSettings } from '../../../src/config/changes.ts';
import { toConfig } from '../../../src/config/config.ts';
import { fileSchema } from '../../../src/config/schema.ts';

const KEY = '0123456789abcdef';
const changes = (before: unknown, after: unknown) => {
  const [one, other] = [before, after].map((settings) => toConfig(fileSchema.parse(settings), '/srv'));
  return changedSettings(one!, other!);
};

test('equal configurations have no differences', () => {
  expect(changes({}, { port: 2529, claws: {} })).toEqual([]);
});

test('settings are named in full, with the names that the operator chose', () => {
  const before = {
    claws: { openai: { api_key: 'k1' }, myClaw: { quirks: { developer_role: true } }, gone: {} },
    aliases: { fast: 'groq/a', same: 'groq/b' },
    limits: { body_bytes: 2048 },
  };
  const after = {
    claws: { openai: { api_key: 'k2', instances: [{ api_key: 'k3' }] }, myClaw: {}, new_one: {} },
    aliases: { fast: ['groq/a', 'groq/b'], same: 'groq/b' },
    limits: { body_bytes: 4096 },
    host: '::1',
    timeouts: { idle_ms: 1 },
  };
  const names = [
    'host',
    'claws.openai.api_key',
    'claws.openai.instances[0]',
    'claws.myClaw.quirks.developer_role',
    'aliases.fast.models[1]',
    'limits.body_bytes',
    'timeouts.idle_ms',
  ];
  expect(changes(before, after)).toEqual(expect.arrayContaining(names));
  expect(changes(before, after).toSorted()).toEqual([...names, 'claws.gone', 'claws.new_one'].toSorted());
  expect(changes(after, before).toSorted()).toEqual(changes(before, after).toSorted());
});

test('the entries of a list are named by their positions, and general turns also change keys', () => {
  const keys = [
    { name: 'a', key: KEY },
    { name: 'b', key: `${KEY}0` },
  ];
  expect(
    changes({ keys }, { keys: [keys[0], { ...keys[1], key: `${KEY}1` }, { name: 'c', key: `${KEY}2` }] }),
  ).toEqual(['keys[1].key', 'keys[2]']);
  expect(changes({ keys }, { keys, turns: { when_busy: 'fork' } })).toContain('turns.when_busy');
});
