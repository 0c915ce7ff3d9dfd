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
