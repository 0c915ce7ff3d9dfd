import { Database } from 'bun:sqlite';
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { SqliteStore } from '../../src/stores/sqlite/store.ts';
import { commandLine } from '../harness/command.ts';
import { temporaryDirectory } from '../harness/gateway.ts';

/** A longer timeout, because processes start slowly on a busy machine. */
setDefaultTimeout(30_000);

let cwd: string;
let dataDir: string;
beforeEach(() => {
  cwd = temporaryDirectory();
  dataDir = join(cwd, 'data');
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

interface Finding {
  level: string;
  subject: string;
  message: string;
  remedy?: string;
}

const run = (args: string[], env: Record<string, string> = {}) => commandLine(cwd).clawhold(args, { env });

async function doctor(env: Record<string, string> = {}): Promise<{ code: number; findings: Finding[] }> {
  const { out, code } = await run(['doctor', '--json'], env);
  const { sections } = JSON.parse(out) as { sections: { findings: Finding[] }[] };
  return { code, findings: sections.flatMap(({ findings }) => findings) };
}

const about = (findings: Finding[], subject: string) =>
  findings.filter((finding) => finding.subject === subject);

async function makeDatabase(change?: (db: Database) => void): Promise<void> {
  mkdirSync(dataDir, { mode: 0o700 });
  const path = join(dataDir, 'clawhold.db');
  const store = await SqliteStore.open(path);
  await store.close();
  const db = new Database(path);
  change?.(db);
  db.close();
}

/** Every file below a folder, with its size; without those that SQLite makes to read a database. */
const files = (folder: string): string[] =>
  readdirSync(folder, { recursive: true })
    .filter((name) => !/-(wal|shm)$/.test(String(name)))
    .map((name) => `${name} ${statSync(join(folder, String(name))).size}`)
    .sort();

describe('the doctor reports what start refuses, with the same text, and changes nothing', () => {
  test.each<[string, () => unknown]>([
    ['the data folder is a file', () => Bun.write(dataDir, '')],
    [
      'the data folder is below a file',
      () => {
        dataDir = join(cwd, 'file', 'data');
        return Bun.write(join(cwd, 'file'), '');
      },
    ],
    [
      'the journal is a file',
      async () => {
        mkdirSync(dataDir, { mode: 0o700 });
        await Bun.write(join(dataDir, 'journal'), '');
      },
    ],
    [
      'the database is not a database',
      async () => {
        mkdirSync(dataDir, { mode: 0o700 });
        await Bun.write(join(dataDir, 'clawhold.db'), 'no database '.repeat(100));
      },
    ],
    [
      'the database is gone, and its log is not',
      async () => {
        mkdirSync(dataDir, { mode: 0o700 });
        await Bun.write(join(dataDir, 'clawhold.db-wal'), 'log');
      },
    ],
    [
      'the database is of another application',
      () => makeDatabase((db) => db.run('PRAGMA application_id = 7')),
    ],
    ['the schema is newer', () => makeDatabase((db) => db.run('PRAGMA user_version = 99'))],
    ['the database is damaged', () => makeDatabase((db) => db.run('DROP TABLE sessions'))],
  ])('%s', async (_, prepare) => {
    await prepare();
    const before = files(cwd);
    const { code, findings } = await doctor({ CLAWHOLD_DATA_DIR: dataDir });
    expect(files(cwd)).toEqual(before);
    expect(code).toBe(1);
    const bad = findings.filter(({ level }) => level === 'bad');
    expect(bad).toHaveLength(1);
    const refused = await run(['start'], { CLAWHOLD_DATA_DIR: dataDir });
    expect(refused.code).toBe(1);
    expect(refused.err).toBe(`clawhold: ${bad[0]?.message}. ${bad[0]?.remedy}\n`);
  });

  test('mistakes in the settings', async () => {
    await Bun.write(join(cwd, 'clawhold.yaml'), 'prot: 1\naliases: { fast: gorq/x }\n');
    const { findings } = await doctor({ CLAWHOLD_LOG_LEVEL: 'loud' });
    const bad = findings.filter(({ level }) => level === 'bad');
    const refused = await run(['start'], { CLAWHOLD_LOG_LEVEL: 'loud' });
    expect(bad).toHaveLength(3);
    for (const { subject, message } of bad) expect(refused.err).toContain(`${subject}: ${message}\n`);
  });

  test('a sound folder is not refused', async () => {
    await makeDatabase();
    const before = files(cwd);
    expect((await doctor()).code).toBe(0);
    expect(files(cwd)).toEqual(before);
  });
});

describe('aliases', () => {
  const YAML = `
aliases:
  fast: groq/openai/gpt-oss-20b
  careful: [groq/openai/gpt-oss-20b, google/gemini-2.5-flash]
  here: [local/recall, xai/grok-4]
  misspelled: gemini/gemini-2.5-flsh
  own: gemini/tuned
  off: mistral/mistral-medium-latest
claws:
  gemini: { models: [{ id: tuned }] }
  mistral: { enabled: false }
`;

  test('that lead to providers without a key, or to unknown models, are reported', async () => {
    await Bun.write(join(cwd, 'clawhold.yaml'), YAML);
    const { code, findings } = await doctor({ GEMINI_API_KEY: 'simulated' });
    const of = (alias: string) => about(findings, `alias ${alias}`);
    expect(of('fast')).toEqual([
      {
        level: 'warn',
        subject: 'alias fast',
        message: 'groq/openai/gpt-oss-20b cannot be called: Groq has no key',
        remedy: 'Set GROQ_API_KEY, or change the alias.',
      },
    ]);
    expect(of('careful')).toMatchObject([{ level: 'note' }]);
    expect(of('here').map(({ level }) => level)).toContain('note');
    expect(of('misspelled')).toMatchObject([
      { level: 'warn', remedy: expect.stringContaining('gemini/gemini-2.5-flash?') },
    ]);
    expect(of('own')).toEqual([]);
    expect(of('off')[0]?.remedy).toContain('claws.mistral.enabled');
    expect(code).toBe(0);
  });
});

describe('settings of routing that have no effect are reported', () => {
  const YAML = `
claws:
  openai: { region: us, instances: [{ api_key: sk-one }, { api_key: sk-one }] }
  house: { protocol: openai-chat, base_url: "http://127.0.0.1:9/v1", models: [{ id: big }] }
aliases:
  gpt-*: openai/gpt-*
  gpt-5*: openai/gpt-5*
  claude-*: anthropic/claude-*
  unknown-*: openai/unknown-*
  cheap: { strategy: least_cost, models: [house/big, openai/gpt-5.5] }
  near: { strategy: nearest, models: [openai/gpt-5.5] }
  hedged: { models: [house/big], hedge: true }
  sound: { models: [openai/gpt-5.5], hedge: true, refused: [cheap], last_resort: { answer: Later. } }
  chain:
    models: [openai/gpt-5.5, groq/openai/gpt-oss-20b]
    rules: [{ when: { key: x }, use: groq/openai/gpt-oss-20b }]
    too_long: [gemini/gemini-2.5-pro]
    refused: [groq/openai/gpt-oss-20b, openai/gpt-5.4]
    last_resort: { model: openai/gpt-5.55 }
keys:
  - { name: sound, key: sk-sound-0123456789, models: [cheap, gpt-5.5, openai/*, claude-opus-4-8, local/recall] }
  - { name: wrong, key: sk-wrong-0123456789, models: [chaep, openai/gpt-5.55, groq/*], regions: [us, eu] }
  - { name: strict, key: sk-strict-0123456789, data_collection: deny }
rate_limits: { per_model: { cheap: { streams: 1 }, openai/gpt-5.5: { streams: 1 }, kept: { streams: 1 } } }
`;
  const told = async (subject: string, env: Record<string, string> = {}) => {
    await Bun.write(join(cwd, 'clawhold.yaml'), YAML);
    const { code, findings } = await doctor(env);
    expect(code).toBe(0);
    return about(findings, subject).map(({ level, message }) => `${level}: ${message}`);
  };

  test.each<[string, string[]]>([
    ['openai@2', ['note: has the same key and base URL as openai@1, so both share one rate limit']],
    [
      'alias gpt-5*',
      ['warn: is never used: the alias gpt-*, which is before it in the file, matches the same names'],
    ],
    ['alias claude-*', ['warn: anthropic/claude-* cannot be called: Anthropic has no key']],
    ['alias unknown-*', ['warn: openai/unknown-* matches no known model of OpenAI']],
    ['alias cheap', ['note: the price of house/big is not known, so `least_cost` calls it last']],
    [
      'alias near',
      ['note: the gateway has no region, so `nearest` calls the model that connects the fastest'],
    ],
    ['alias hedged', ['note: `hedge` has no effect: there is no second model']],
    ['alias sound', []],
    [
      'alias chain',
      [
        'note: groq/openai/gpt-oss-20b cannot be called: Groq has no key',
        'warn: rules[0].use: groq/openai/gpt-oss-20b cannot be called: Groq has no key',
        'warn: rules[0].when.key: no key has the name "x"',
        'warn: too_long: gemini/gemini-2.5-pro cannot be called: Google Gemini has no key',
        'note: refused: groq/openai/gpt-oss-20b cannot be called: Groq has no key',
        'warn: last_resort: openai/gpt-5.55 is not in the list of models of OpenAI',
      ],
    ],
    ['key sound', []],
    [
      'key wrong',
      [
        'warn: "chaep" is no alias and no model that can be called',
        'warn: openai/gpt-5.55 is not in the list of models of OpenAI',
        'note: groq/* cannot be called: Groq has no key',
        'warn: no claw is in the region "eu"',
      ],
    ],
    ['key strict', ['warn: may only use claws that keep no data, and there is none except local/recall']],
    ['per_model', ['warn: "kept" is no alias and no model that can be called']],
  ])('%s', async (subject, expected) => {
    const findings = await told(subject);
    expect(subject === 'openai@2' ? findings.slice(1) : findings).toEqual(expected);
  });

  test('a region of the gateway where no model is', async () => {
    const otherwise = 'so `nearest` calls the model that connects the fastest';
    expect(await told('alias near', { CLAWHOLD_REGION: 'eu' })).toEqual([
      `note: no model is in the region "eu", ${otherwise}`,
    ]);
    expect(await told('alias near', { CLAWHOLD_REGION: 'us' })).toEqual([]);
  });
});

describe('the path of a base URL', () => {
  const HOST = 'http://127.0.0.1:9';

  test.each<[string, Record<string, string>, string, string | undefined]>([
    ['openai', { OPENAI_BASE_URL: HOST }, 'lacks the path /v1', `Set OPENAI_BASE_URL to ${HOST}/v1`],
    ['groq', { GROQ_BASE_URL: `${HOST}/` }, 'lacks the path /openai/v1', `${HOST}/openai/v1`],
    ['ollama', { OLLAMA_BASE_URL: HOST }, 'lacks the path /v1', `${HOST}/v1`],
    ['openai', { OPENAI_BASE_URL: `${HOST}/v1/chat/completions` }, 'path of a call', `${HOST}/v1`],
    ['anthropic', { ANTHROPIC_BASE_URL: `${HOST}/v1` }, '/v1 is sent twice', `ANTHROPIC_BASE_URL to ${HOST}`],
    ['anthropic', { ANTHROPIC_BASE_URL: HOST }, '', undefined],
    ['deepseek', { DEEPSEEK_BASE_URL: HOST }, '', undefined],
    ['openai', { OPENAI_BASE_URL: `${HOST}/proxy` }, '', undefined],
    ['house', {}, 'has no path', `claws.house.base_url to ${HOST}/v1`],
  ])('of %s is checked: %o', async (provider, env, problem, remedy) => {
    await Bun.write(
      join(cwd, 'clawhold.yaml'),
      `claws: { house: { protocol: openai-chat, base_url: '${HOST}' } }`,
    );
    const keys = { OPENAI_API_KEY: 'x', GROQ_API_KEY: 'x', ANTHROPIC_API_KEY: 'x', DEEPSEEK_API_KEY: 'x' };
    const [finding] = about((await doctor({ ...keys, ...env })).findings, provider);
    expect(finding?.level).toBe(remedy === undefined ? 'ok' : 'warn');
    expect(finding?.message).toContain(problem);
    if (remedy !== undefined) expect(finding?.remedy).toContain(remedy);
  });
});

test('each instance of a provider is checked', async () => {
  await Bun.write(
    join(cwd, 'clawhold.yaml'),
    `claws:
  house:
    protocol: openai-chat
    instances:
      - { base_url: 'http://127.0.0.1:9/v1' }
      - { name: other, base_url: 'http://127.0.0.1:9', api_key: 'a key' }
`,
  );
  const { findings, code } = await doctor();
  expect(about(findings, 'house@1')).toMatchObject([{ level: 'ok' }]);
  expect(about(findings, 'house@other')).toMatchObject([
    {
      level: 'bad',
      message: expect.stringContaining('key from claws.house.instances[1].api_key'),
      remedy: expect.stringContaining('Set claws.house.instances[1].api_key again'),
    },
  ]);
  expect(code).toBe(1);
});

describe('the embedding model of recall', () => {
  const findings = async (name: string, env: Record<string, string> = {}) =>
    about((await doctor({ CLAWHOLD_CONTEXT_EMBEDDINGS: name, ...env })).findings, 'context.embeddings');
  const key = { OPENAI_API_KEY: 'sk-simulated', ANTHROPIC_API_KEY: 'sk-simulated' };

  test.each([
    ['openai/text-embedding-3-small', 'ok', 'embeds for recall'],
    ['text-embedding-3-small', 'ok', 'embeds for recall'],
    ['local/gloss', 'ok', 'embeds for recall'],
    ['openai/text-embeding-3-small', 'warn', 'Did you mean openai/text-embedding-3-small?'],
    ['anthropic/claude-opus-4-8', 'warn', 'has no API for embeddings'],
    ['mistral/mistral-embed', 'warn', 'Set MISTRAL_API_KEY'],
    ['nobody/embed', 'warn', 'is no alias'],
  ])('%s', async (name, level, words) => {
    const [found] = await findings(name, key);
    expect(found!.level).toBe(level);
    expect(`${found!.message} ${found!.remedy}`).toContain(words);
  });

  test('is not mentioned where none is set', async () => {
    expect(about((await doctor(key)).findings, 'context.embeddings')).toEqual([]);
  });
});
