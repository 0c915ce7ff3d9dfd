import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { commandLine } from '../harness/command.ts';
import { eventually } from '../harness/eventually.ts';
import { ROOT_KEY, type SpawnedGateway, spawnGateway, temporaryDirectory } from '../harness/gateway.ts';

/** A longer timeout, because processes start slowly on a busy machine. */
setDefaultTimeout(30_000);

const SECRET = 'sk-of-a-client-0123456789';
const PROVIDER_SECRET = 'sk-of-a-provider-0123456789';
const cwd = temporaryDirectory();
const file = join(cwd, 'clawhold.yaml');
const write = (yaml: string) => Bun.write(file, yaml);
let gateway: SpawnedGateway;

beforeAll(async () => {
  await write('aliases: { first: local/recall }');
  gateway = await spawnGateway({ env: { CLAWHOLD_CONFIG: file, CLAWHOLD_LOG_LEVEL: 'info' } });
});
afterAll(async () => {
  await gateway.stop();
  rmSync(cwd, { recursive: true });
});

const status = async (model: string, key?: string) => {
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }] });
  return (await gateway.fetch('/v1/chat/completions', { method: 'POST', body, key })).status;
};
const known = (model: string) =>
  eventually(
    `${model} is known`,
    () => status(model),
    (code) => code === 200,
  );
const clawhold = (...args: string[]) =>
  commandLine(cwd).clawhold(['reload', ...args], { env: { CLAWHOLD_CONFIG: file } });
const reload = (key = ROOT_KEY) => clawhold('--url', gateway.url, '--key', key);

test('SIGHUP reads the configuration again; a file with errors changes nothing', async () => {
  expect(await status('first')).toBe(200);
  await write('aliases: { second: local/recall }');
  process.kill(gateway.pid, 'SIGHUP');
  await known('second');
  expect(await status('first')).toBe(404);
  await write('aliases: { third: local/recall }\nnonsense: 1');
  process.kill(gateway.pid, 'SIGHUP');
  await Bun.sleep(300);
  expect(await status('third')).toBe(404);
  expect(await status('second')).toBe(200);
});

test('a changed file is read by itself, also where another file takes its place', async () => {
  await write('aliases: { written: local/recall }');
  await known('written');
  await Bun.write(`${file}~`, 'aliases: { renamed: local/recall }');
  renameSync(`${file}~`, file);
  await known('renamed');
});

describe('clawhold reload', () => {
  test('says what changed and what waits for a start, and the log has the names only', async () => {
    await write(`
host: 127.0.0.2
aliases: { fast: local/recall }
keys: [{ name: website, key: ${SECRET} }]
claws: { openai: { api_key: ${PROVIDER_SECRET} } }
`);
    // A command starts slowly, and the gateway would read the file before it.
    const reply = await gateway.fetch('/admin/reload', { method: 'POST' });
    expect(await reply.json()).toEqual({
      state: 'applied',
      changed: expect.arrayContaining(['aliases.fast', 'claws.openai', 'keys[0]']),
      restart: ['host'],
    });
    expect(await status('fast', SECRET)).toBe(200);
    const { out, code } = await reload();
    expect(code).toBe(0);
    expect(out).toContain('No setting that is in effect now changed.\n');
    // A setting that waits is named until it is taken back.
    expect(out).toContain('take effect at the next start: host.');
    const told = (log: string) => log.includes('"configuration changed"') && log.includes('keys[0]');
    await eventually('the log has it', gateway.log, told);
    for (const secret of [SECRET, PROVIDER_SECRET]) expect(gateway.log()).not.toContain(secret);
  });

  test('reports mistakes with their lines, keeps the earlier configuration and exits with 1', async () => {
    await write(
      `aliases: { fast: local/recall, lost: local/recall }\nlimits: { body_bytes: ${SECRET} }\nkeys: [{ name: x, key: short }]\n`,
    );
    const { err, code } = await reload();
    expect(code).toBe(1);
    expect(err).toContain('nothing was changed');
    expect(err).toMatch(/clawhold\.yaml:2: limits\.body_bytes: expected a whole number/);
    expect(err).toMatch(/clawhold\.yaml:3: keys\[0\]\.key: expected at least 16 characters/);
    expect(err).not.toContain(SECRET);
    expect(await status('lost')).toBe(404);
    expect(await status('fast', SECRET)).toBe(200);
    await eventually('the log has it', gateway.log, (log) => log.includes('"configuration rejected"'));
    expect(gateway.log()).not.toContain(SECRET);
  });

  test('needs the root key, whatever the name of another key', async () => {
    await write(`keys: [{ name: root, key: ${SECRET} }]\naliases: { fast: local/recall }\n`);
    expect((await reload()).code).toBe(0);
    const refused = await reload(SECRET);
    expect(refused.code).toBe(1);
    expect(refused.err).toContain('Use the root key.');
    expect((await gateway.fetch('/admin/reload', { method: 'POST', key: SECRET })).status).toBe(403);
    expect((await reload('sk-claw-of-nobody-at-all')).err).toContain('key');
  });

  test('says where no gateway answers', async () => {
    const { err, code } = await clawhold('--url', 'http://127.0.0.1:9', '--key', ROOT_KEY);
    expect(code).toBe(1);
    expect(err).toContain('No gateway answers at http://127.0.0.1:9');
    expect((await clawhold('--help')).out).toContain('--url');
  });
});
