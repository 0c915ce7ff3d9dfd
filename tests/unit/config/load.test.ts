import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../../src/config/load.ts';
import { ConfigError } from '../../../src/config/problems.ts';

const PROVIDERS = ['openai', 'anthropic', 'gemini', 'google', 'groq', 'openrouter'];
const SECRET = 'sk-very-secret-0123456789';

let cwd = '';
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'config-'));
});
afterEach(() => rm(cwd, { recursive: true }));

async function load(yaml: string | undefined, env: Record<string, string> = {}) {
  if (yaml !== undefined) await writeFile(join(cwd, 'clawhold.yaml'), yaml);
  return loadConfig({ cwd, env, providers: PROVIDERS });
}

async function problems(
  yaml: string | undefined,
  env: Record<string, string> = {},
): Promise<readonly string[]> {
  const failure = await load(yaml, env).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(failure instanceof ConfigError))
    throw new Error('the configuration was accepted', { cause: failure });
  return failure.problems;
}

describe('without a file', () => {
  test('every setting has its default', async () => {
    const config = await load(undefined);
    expect(config).toMatchObject({
      host: '127.0.0.1',
      port: 2529,
      dataDir: join(cwd, 'clawhold-data'),
      storage: { kind: 'sqlite' },
      claws: {},
      aliases: {},
      keys: [],
      limits: { bodyBytes: 33_554_432, sessionQueue: 16, sessionWaitMs: 120_000, backgroundQueue: 1000 },
      turns: {
        onDisconnect: 'run_on',
        whenBusy: 'wait',
        whenDown: 'fail',
        deferMs: 3_600_000,
        recovery: 'rescue',
        background: 16,
      },
      retention: { idempotencyMs: 86_400_000 },
      timeouts: {
        connectMs: 10_000,
        firstTokenMs: 120_000,
        signOfLifeMs: 12_000,
        idleMs: 60_000,
        totalMs: 1_800_000,
        probeMs: 15_000,
      },
      context: {},
      detect: true,
      log: { level: 'info' },
      shutdown: { drainMs: 30_000 },
    });
    expect(config.file).toBeUndefined();
    expect(config.rootKey).toBeUndefined();
    expect(config.turns.whenBroken).toBeUndefined();
  });

  test('an empty file, or one with only comments, sets nothing', async () => {
    expect((await load('')).port).toBe(2529);
    expect((await load('# port: 1\nclaws:\n  # openai:\n')).claws).toEqual({});
  });

  test('a file that CLAWHOLD_CONFIG names must exist', async () => {
    expect(await problems(undefined, { CLAWHOLD_CONFIG: 'other.yaml' })).toEqual([
      'CLAWHOLD_CONFIG: cannot read other.yaml (ENOENT)',
    ]);
  });
});

describe('the file', () => {
  test('sets everything; the code sees camelCase names', async () => {
    const config = await load(`
data_dir: /var/lib/clawhold
claws:
  openai: { base_url: "https://proxy.example/v1/", quirks: { max_tokens_field: max_tokens } }
  mine:
    protocol: openai-chat
    base_url: http://127.0.0.1:9000/v1
    models: [{ id: m, context: 8192, input_price: 0.5, cache_read_price: 0 }]
aliases: { fast: groq/a/b, careful: [openai/x, mine/m] }
keys: [{ name: web, key: 0123456789abcdef }]
turns: { on_disconnect: cancel, when_broken: restart, defer_ms: 6, recovery: close, background: 7 }
retention: { idempotency_ms: 8 }
timeouts: { idle_ms: 5 }
`);
    expect(config.file).toBe(join(cwd, 'clawhold.yaml'));
    expect(config.dataDir).toBe('/var/lib/clawhold');
    expect(config.claws.openai).toMatchObject({ baseUrl: 'https://proxy.example/v1', enabled: true });
    expect(config.claws.openai?.quirks.maxTokensField).toBe('max_tokens');
    expect(config.claws.mine?.models[0]).toMatchObject({
      id: 'm',
      context: 8192,
      inputPrice: 0.5,
      cacheReadPrice: 0,
    });
    expect(config.aliases).toMatchObject({
      fast: { strategy: 'ordered', models: [{ model: 'groq/a/b', weight: 1 }] },
      careful: { models: [{ model: 'openai/x' }, { model: 'mine/m' }] },
    });
    expect(config.keys).toMatchObject([{ name: 'web', key: '0123456789abcdef', tenant: 'default' }]);
    expect(config.turns).toEqual({
      onDisconnect: 'cancel',
      whenBusy: 'wait',
      whenDown: 'fail',
      whenBroken: 'restart',
      deferMs: 6,
      recovery: 'close',
      background: 7,
    });
    expect(config.retention).toEqual({ idempotencyMs: 8 });
    expect(config.timeouts).toMatchObject({ idleMs: 5, connectMs: 10_000 });
  });

  test('gives each key the general policy, overridden by its own settings', async () => {
    const { keys } = await load(`
turns: { when_busy: fork, when_down: defer }
keys:
  - { name: plain, key: 0123456789abcdef }
  - { name: own, key: 0123456789abcde0, turns: { when_busy: wait, on_disconnect: cancel, when_broken: fail } }
`);
    expect(keys.map(({ policy }) => policy)).toEqual([
      { onDisconnect: 'run_on', whenBusy: 'fork', whenDown: 'defer' },
      { onDisconnect: 'cancel', whenBusy: 'wait', whenDown: 'defer', whenBroken: 'fail' },
    ]);
  });

  test('anchors and merge keys work', async () => {
    const config = await load(`
claws:
  one: &base { protocol: openai-chat, base_url: "http://a" }
  two: { <<: *base, base_url: "http://b" }
`);
    expect(config.claws.two).toMatchObject({ protocol: 'openai-chat', baseUrl: 'http://b' });
  });

  test('the example at the root is valid and shows the defaults', async () => {
    const path = new URL('../../../clawhold.example.yaml', import.meta.url).pathname;
    const { PROVIDERS: rows } = await import('../../../src/claws/catalogue/providers.ts');
    const config = await loadConfig({
      cwd,
      env: { CLAWHOLD_CONFIG: path },
      providers: rows.map(({ id }) => id),
    });
    expect(config.claws['in-house']?.models).toHaveLength(1);
    const { file, inUse, claws, aliases, keys, alerts, telemetry, ...shown } = config;
    expect(inUse.length).toBeGreaterThan(100);
    expect(alerts.rules).toHaveLength(5);
    expect(telemetry.sample).toBe(0.01);
    expect(await load(undefined)).toMatchObject(shown);
  });

  test('the settings that the example comments out are valid', async () => {
    const example = await Bun.file(new URL('../../../clawhold.example.yaml', import.meta.url)).text();
    const uncommented = example.replace(/^( *)# (\w+: \S+)$/gm, '$1$2');
    const config = await load(uncommented, { CLAWHOLD_ROOT_KEY: '0123456789abcdef' });
    expect(config.rootKey).toBe('0123456789abcdef');
    expect(config.turns.whenBroken).toBe('restart');
  });
});

describe('variables', () => {
  test('override the file, and the file overrides the defaults', async () => {
    const config = await load('port: 1\nhost: a\nlog: { level: warn }', {
      CLAWHOLD_PORT: '2',
      CLAWHOLD_LOG_LEVEL: 'debug',
      CLAWHOLD_LIMITS_BODY_BYTES: '2048',
      CLAWHOLD_TURNS_WHEN_BUSY: 'fork',
      CLAWHOLD_DETECT: 'false',
      CLAWHOLD_ROOT_KEY: '0123456789012345',
      CLAWHOLD_HOST: '',
    });
    expect(config).toMatchObject({ port: 2, host: 'a', log: { level: 'debug' }, detect: false });
    expect(config.limits).toMatchObject({ bodyBytes: 2048, sessionQueue: 16 });
    expect(config.turns.whenBusy).toBe('fork');
    expect(config.rootKey).toBe('0123456789012345');
  });

  test('that are unknown are mistakes, unless the file uses them', async () => {
    expect(await problems(undefined, { CLAWHOLD_PROT: '1', CLAWHOLD_XYZZY: '1' })).toEqual([
      'CLAWHOLD_PROT: unknown variable; did you mean "CLAWHOLD_PORT"?',
      'CLAWHOLD_XYZZY: unknown variable',
    ]);
    const config = await load(`host: \${CLAWHOLD_WEBSITE}`, { CLAWHOLD_WEBSITE: 'h' });
    expect(config.host).toBe('h');
  });

  test('of clients may be exported where the gateway starts', async () => {
    const config = await load(undefined, {
      CLAWHOLD_URL: 'http://gateway:2529',
      CLAWHOLD_KEY: 'sk-claw-of-a-client',
    });
    expect(config.port).toBe(2529);
    expect(config.rootKey).toBeUndefined();
  });

  test('of a Kubernetes service called clawhold are not settings', async () => {
    const config = await load(undefined, {
      CLAWHOLD_SERVICE_HOST: '10.0.0.1',
      CLAWHOLD_SERVICE_PORT_HTTP: '2529',
      CLAWHOLD_PORT: 'tcp://10.0.0.1:2529',
      CLAWHOLD_PORT_2529_TCP_ADDR: '10.0.0.1',
    });
    expect(config.port).toBe(2529);
  });

  test('with a wrong value are reported', async () => {
    expect(await problems('port: 1', { CLAWHOLD_PORT: 'abc', CLAWHOLD_DETECT: 'maybe' })).toEqual([
      'CLAWHOLD_DETECT: expected true or false, got "maybe"',
      'CLAWHOLD_PORT: expected a whole number from 0 to 65535, got "abc"',
    ]);
  });

  test('in the file are replaced by their values, and the setting decides the type', async () => {
    const config = await load(
      `
host: \${HOST}
port: \${PORT:-7000}
data_dir: /data/\${NAME:-x}/\${NAME:-y}
log: { level: "\${LEVEL:-warn}" }
keys: [{ name: "$\${literal}", key: "\${KEY}" }]
`,
      { HOST: 'h', NAME: '', KEY: '1234567890123456' },
    );
    expect(config).toMatchObject({ host: 'h', port: 7000, dataDir: '/data/x/y', log: { level: 'warn' } });
    expect(config.keys[0]).toMatchObject({ name: `\${literal}`, key: '1234567890123456' });
  });

  test('that are missing are reported once, with their line', async () => {
    expect(await problems(`host: a\nport: \${PORT}\nclaws: { openai: { api_key: "\${KEY" } }`)).toEqual([
      'clawhold.yaml:2: the environment variable PORT is not set',
      `clawhold.yaml:3: a variable is written \${NAME} or \${NAME:-default}`,
    ]);
  });
});

describe('mistakes', () => {
  test('are all reported at once, each with its line', async () => {
    const yaml = `prot: 1
port: abc
log:
  level: loud
claws:
  opnai: { api_key: x }
  mine:
    base_url: ftp://somewhere
  own: {}
keys:
  - { name: a, key: short }
  - { name: a, kye: bbbbbbbbbbbbbbbbbbbb }
aliases:
  x: foo
  y: [nobody/x]
  z: {}
timeouts: 3
limits: { body_bytes: 1.5, session_queue: -1 }
detect: 1
`;
    expect(await problems(yaml)).toEqual([
      'clawhold.yaml:1: unknown key "prot"; did you mean "port"?',
      'clawhold.yaml:2: port: expected a whole number from 0 to 65535, got "abc"',
      'clawhold.yaml:4: log.level: expected one of debug, info, warn, error, got "loud"',
      'clawhold.yaml:6: claws: unknown provider "opnai"; did you mean "openai"?',
      'clawhold.yaml:8: claws.mine.base_url: expected a URL that begins with http:// or https://',
      'clawhold.yaml:9: claws: unknown provider "own"; a claw of your own needs protocol and base_url',
      'clawhold.yaml:11: keys[0].key: expected at least 16 characters',
      'clawhold.yaml:12: keys[1].key: expected at least 16 characters, got nothing',
      'clawhold.yaml:12: unknown key "kye" in keys[1]; did you mean "key"?',
      'clawhold.yaml:12: keys[1].name: the same name as in keys[0]',
      'clawhold.yaml:14: aliases.x: expected "provider/model", got "foo"',
      'clawhold.yaml:15: aliases.y[0]: unknown provider "nobody"',
      'clawhold.yaml:16: aliases.z.models: expected a list of models, got nothing',
      'clawhold.yaml:17: timeouts: expected a mapping of keys and values',
      'clawhold.yaml:18: limits.body_bytes: expected a whole number from 1024 to 2147483648, got 1.5',
      'clawhold.yaml:18: limits.session_queue: expected a whole number from 0 to 10000, got -1',
      'clawhold.yaml:19: detect: expected true or false, got 1',
    ]);
  });

  test('in the policy are reported for turns, keys and variables', async () => {
    const yaml = `turns: { on_disconnect: ignore, recovery: restart, background: 0 }
keys:
  - { name: a, key: 0123456789abcdef, turns: { when_bsy: fork, when_down: wait } }
  - { name: b, key: 0123456789abcde0, turns: { recovery: close } }
limits: { background_queue: -1, session_wait_ms: 0 }
`;
    expect(await problems(yaml, { CLAWHOLD_TURNS_WHEN_BROKEN: 'no' })).toEqual([
      'CLAWHOLD_TURNS_WHEN_BROKEN: expected one of restart, fail, got "no"',
      'clawhold.yaml:1: turns.on_disconnect: expected one of run_on, cancel, got "ignore"',
      'clawhold.yaml:1: turns.recovery: expected one of rescue, close, got "restart"',
      'clawhold.yaml:1: turns.background: expected a whole number from 1 to 10000, got 0',
      'clawhold.yaml:3: keys[0].turns.when_down: expected one of fail, defer, got "wait"',
      'clawhold.yaml:3: unknown key "when_bsy" in keys[0].turns; did you mean "when_busy"?',
      'clawhold.yaml:4: unknown key "recovery" in keys[1].turns; allowed: on_disconnect, when_busy, when_down, when_broken, drop_tools',
      'clawhold.yaml:5: limits.session_wait_ms: expected a whole number from 1 to 86400000, got 0',
      'clawhold.yaml:5: limits.background_queue: expected a whole number from 0 to 1000000, got -1',
    ]);
  });

  test('in the instances of a claw are reported', async () => {
    const yaml = `claws:
  openai:
    instances:
      - { api_key: k1 }
      - { weight: 2 }
      - { name: "1", base_url: "http://h", weight: 0 }
  groq:
    instances:
      - { name: 'a b', api_key: k }
  house:
    protocol: openai-chat
    instances: [{ base_url: "http://h" }, { api_key: k }]
  mine:
    protocol: openai-chat
    instances: [{ base_url: "http://h" }, { base_url: "http://h", api_key: k }]
    region: 1 2
    data_collection: none
`;
    expect(await problems(yaml)).toEqual([
      'clawhold.yaml:6: claws.openai.instances[2].weight: expected a whole number from 1 to 1000, got 0',
      'clawhold.yaml:9: claws.groq.instances[0].name: expected letters, digits or . _ - as a name, got "a b"',
      'clawhold.yaml:10: claws: unknown provider "house"; a claw of your own needs base_url',
      'clawhold.yaml:16: claws.mine.region: expected a region: letters, digits or . _ -, got "1 2"',
      'clawhold.yaml:17: claws.mine.data_collection: expected one of deny, allow, got "none"',
    ]);
    expect(await problems(yaml.replace('weight: 0', 'weight: 1'))).toEqual(
      expect.arrayContaining([
        'clawhold.yaml:5: claws.openai.instances[1]: an instance needs an api_key or a base_url',
        'clawhold.yaml:6: claws.openai.instances[2]: the same name ("1") as claws.openai.instances[0]',
      ]),
    );
  });

  test('of syntax are reported without quoting the file', async () => {
    expect(await problems(`port: 1\nport: 2`)).toEqual([
      'clawhold.yaml:2: not valid YAML: Map keys must be unique',
    ]);
    const [only, ...more] = await problems(`claws: { openai: { api_key: ${SECRET}\n"${SECRET}" ]`);
    expect(only).toStartWith('clawhold.yaml:2: not valid YAML');
    expect(more).toEqual([]);
    expect(await problems('- a')).toEqual([
      'clawhold.yaml:1: the file: expected a mapping of keys and values, got a list',
    ]);
  });

  test('never show a secret, even in a wrong position', async () => {
    const misplaced = [
      `claws: { openai: ${SECRET} }`,
      `claws: { openai: { api_key: [${SECRET}] } }`,
      `claws: { openai: { base_url: "https//user:${SECRET}@host" } }`,
      `claws: ${SECRET}`,
      `keys: [{ name: a, key: ${SECRET} }, { name: b, key: ${SECRET} }]`,
      `keys: [${SECRET}]`,
      `keys: ${SECRET}`,
      `port: ${SECRET}`,
      `log: { level: "\${KEY}" }`,
      `aliases: { a: ${SECRET} }`,
      `root_key: *${SECRET}`,
      `root_key: !${SECRET} x`,
      `root_key: "\\q${SECRET}"`,
      `root_key: ${SECRET}: ${SECRET}`,
      SECRET,
    ];
    for (const yaml of misplaced) {
      expect({ yaml, problems: (await problems(yaml, { KEY: SECRET })).join('\n') }).toEqual({
        yaml,
        problems: expect.not.stringContaining(SECRET.slice(3, 12)),
      });
    }
    const env = { CLAWHOLD_PORT: SECRET, CLAWHOLD_ROOT_KEY: 'sk-very-secret', CLAWHOLD_LOG_LEVEL: SECRET };
    expect((await problems(undefined, env)).join('\n')).not.toContain('very-secret');
  });
});
