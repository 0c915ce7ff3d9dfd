import { describe, expect, test } from 'bun:test';
import { type Config, policyOf, restartNeeded, toConfig } from '../../../src/config/config.ts';
import { fileSchema } from '../../../src/config/schema.ts';
import { settingsOf } from '../../../src/config/shape.ts';

const configOf = (settings: unknown): Config => toConfig(fileSchema.parse(settings), '/srv');
const BEFORE = configOf({});

describe('policyOf', () => {
  test('gives the policy without the other settings of turns', () => {
    expect(policyOf(BEFORE.turns)).toEqual({ onDisconnect: 'run_on', whenBusy: 'wait', whenDown: 'fail' });
    expect(policyOf(configOf({ turns: { when_broken: 'fail', background: 3 } }).turns)).toEqual({
      onDisconnect: 'run_on',
      whenBusy: 'wait',
      whenDown: 'fail',
      whenBroken: 'fail',
    });
  });
});

describe('restartNeeded', () => {
  test('is empty for equal configurations', () => {
    expect(restartNeeded(BEFORE, configOf({ port: 2529, data_dir: '/srv/clawhold-data' }))).toEqual([]);
  });

  test('lists what differs and takes effect only at a start, by its name in the file', () => {
    const after = configOf({
      host: '0.0.0.0',
      port: 1,
      data_dir: '/elsewhere',
      storage: { kind: 'memory' },
      root_key: '0123456789abcdef',
      detect: false,
    });
    const names = ['host', 'port', 'data_dir', 'storage.kind', 'root_key', 'detect'];
    expect(restartNeeded(BEFORE, after)).toEqual(names);
    expect(restartNeeded(after, BEFORE)).toEqual(names);
  });

  test('does not list what takes effect while the gateway runs', () => {
    const after = configOf({
      claws: { groq: { api_key: 'k' } },
      aliases: { fast: 'groq/a' },
      keys: [{ name: 'a', key: '0123456789abcdef' }],
      turns: { when_busy: 'fork' },
      limits: { body_bytes: 2048 },
      timeouts: { idle_ms: 1 },
      log: { level: 'debug' },
    });
    expect(restartNeeded(BEFORE, after)).toEqual([]);
    expect(restartNeeded(BEFORE, { ...BEFORE, log: { level: 'silent' } })).toEqual([]);
  });

  test('can find every setting that needs a restart', () => {
    const marked = settingsOf(fileSchema).filter(({ note }) => note.restart);
    expect(marked.filter(({ variable }) => variable === undefined).map(({ name }) => name)).toEqual([]);
  });
});
