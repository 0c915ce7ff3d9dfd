import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningGateway, startGateway } from '../../src/main.ts';
import { type CommandLine, commandLine, type Env, HAS_SCRIPT } from '../harness/command.ts';
import { eventually } from '../harness/eventually.ts';
import { temporaryDirectory } from '../harness/gateway.ts';

const MY_KEY = 'a-root-key-of-my-own-1';
const LATER_KEY = 'a-root-key-of-my-own-2';

let cwd: string;
let keyFile: string;
let clawhold: CommandLine['clawhold'];
let onTerminal: CommandLine['onTerminal'];
const running = new Set<RunningGateway>();
beforeEach(() => {
  cwd = temporaryDirectory();
  keyFile = join(cwd, 'data', 'root-key');
  ({ clawhold, onTerminal } = commandLine(cwd));
});
afterEach(async () => {
  await Promise.all([...running].map(stop));
  rmSync(cwd, { recursive: true, force: true });
});

/** A gateway on the folder of the test, without a configured key if `env` has none. */
async function start(env: Env = {}): Promise<RunningGateway> {
  const all = {
    CLAWHOLD_PORT: '0',
    CLAWHOLD_DATA_DIR: join(cwd, 'data'),
    CLAWHOLD_DETECT: 'false',
    CLAWHOLD_LOG_LEVEL: 'error',
    ...env,
  };
  const gateway = await startGateway(await loadConfig({ cwd, env: all }), all);
  running.add(gateway);
  return gateway;
}

async function stop(gateway: RunningGateway): Promise<void> {
  running.delete(gateway);
  await gateway.stop();
}

/** Starts a gateway, gives what it shows, and stops it. */
async function startOnce(env: Env = {}): Promise<string | undefined> {
  const gateway = await start(env);
  await stop(gateway);
  return gateway.newRootKey;
}

const status = async ({ url }: RunningGateway, key: string) =>
  (await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${key}` } })).status;

const keptKey = () => (existsSync(keyFile) ? readFileSync(keyFile, 'utf8').trim() : undefined);

/** The settings with which a chat finds a gateway. */
const at = ({ url }: RunningGateway): Env => ({ CLAWHOLD_PORT: new URL(url).port });

describe('the first start', () => {
  test('makes the root key and writes it into a file that only its owner can read', async () => {
    const gateway = await start();
    expect(gateway.newRootKey).toMatch(/^sk-claw-.{43}$/);
    expect(keptKey()).toBe(gateway.newRootKey!);
    expect(statSync(keyFile).mode & 0o777).toBe(0o600);
    expect(await status(gateway, gateway.newRootKey!)).toBe(200);
    await stop(gateway);
    for (const name of readdirSync(join(cwd, 'data')).filter((file) => file.startsWith('clawhold.db')))
      expect(readFileSync(join(cwd, 'data', name)).includes(gateway.newRootKey!)).toBe(false);
    const later = await start();
    expect(later.newRootKey).toBeUndefined();
    expect(await status(later, gateway.newRootKey!)).toBe(200);
  });

  test('writes no key that is configured, and none with storage in memory', async () => {
    expect(await startOnce({ CLAWHOLD_ROOT_KEY: MY_KEY })).toBeUndefined();
    expect(await startOnce({ CLAWHOLD_STORAGE_KIND: 'memory' })).toMatch(/^sk-claw-/);
    expect(keptKey()).toBeUndefined();
  });

  test('accepts the earlier name of the variable, unless the present one is set', async () => {
    const gateway = await start({ CLAWHOLD_MASTER_KEY: MY_KEY });
    expect(await status(gateway, MY_KEY)).toBe(200);
    const both = await start({ CLAWHOLD_MASTER_KEY: MY_KEY, CLAWHOLD_ROOT_KEY: LATER_KEY });
    expect([await status(both, MY_KEY), await status(both, LATER_KEY)]).toEqual([401, 200]);
  });
});

describe('a configured root key', () => {
  test('is refused after its setting is removed', async () => {
    await startOnce({ CLAWHOLD_ROOT_KEY: MY_KEY });
    const gateway = await start();
    expect(await status(gateway, MY_KEY)).toBe(401);
    expect(await status(gateway, gateway.newRootKey!)).toBe(200);
    expect(keptKey()).toBe(gateway.newRootKey!);
  });

  test('makes the stored key invalid for ever', async () => {
    const first = await startOnce();
    const configured = await start({ CLAWHOLD_ROOT_KEY: MY_KEY });
    expect([await status(configured, first!), await status(configured, MY_KEY)]).toEqual([401, 200]);
    expect(keptKey()).toBeUndefined();
    await stop(configured);
    const gateway = await start();
    expect(gateway.newRootKey).toBeString();
    const refused = [first!, MY_KEY].map((key) => status(gateway, key));
    expect(await Promise.all(refused)).toEqual([401, 401]);
  });

  test('replaces the earlier one, and no earlier key becomes valid again', async () => {
    await startOnce({ CLAWHOLD_ROOT_KEY: MY_KEY });
    const second = await start({ CLAWHOLD_ROOT_KEY: LATER_KEY });
    expect([await status(second, MY_KEY), await status(second, LATER_KEY)]).toEqual([401, 200]);
    await stop(second);
    const gateway = await start();
    expect([await status(gateway, MY_KEY), await status(gateway, LATER_KEY)]).toEqual([401, 401]);
  });

  test('changes nothing when it is the stored key, exported for clients', async () => {
    const key = (await startOnce())!;
    const gateway = await start({ CLAWHOLD_ROOT_KEY: key });
    expect(await status(gateway, key)).toBe(200);
    expect(keptKey()).toBe(key);
    const { out } = await clawhold(['key', 'rotate']);
    await eventually(
      'the old key is refused',
      () => status(gateway, key),
      (code) => code === 401,
    );
    expect(await status(gateway, out.trim())).toBe(200);
  });
});

describe('clawhold key rotate', () => {
  test('replaces the key of running gateways, and the old key is refused from then on', async () => {
    const gateway = await start();
    const neighbour = await start();
    const old = gateway.newRootKey!;
    const { out, err, code } = await clawhold(['key', 'rotate']);
    expect(code).toBe(0);
    const key = out.trim();
    expect(key).toMatch(/^sk-claw-.{43}$/);
    expect(err).toContain('data/root-key');
    expect(keptKey()).toBe(key);
    expect(statSync(keyFile).mode & 0o777).toBe(0o600);
    for (const each of [gateway, neighbour]) {
      await eventually(
        'the old key is refused',
        () => status(each, old),
        (found) => found === 401,
      );
      expect(await status(each, key)).toBe(200);
      await stop(each);
    }
    const later = await start();
    expect([await status(later, old), await status(later, key)]).toEqual([401, 200]);
  });

  test('changes nothing while the key is configured, and says where to change it', async () => {
    const old = await startOnce();
    const configured = await clawhold(['key', 'rotate'], { env: { CLAWHOLD_ROOT_KEY: MY_KEY } });
    expect(configured.code).toBe(1);
    expect(configured.err).toContain('CLAWHOLD_ROOT_KEY');
    const memory = await clawhold(['key', 'rotate'], { env: { CLAWHOLD_STORAGE_KIND: 'memory' } });
    expect(memory.code).toBe(1);
    expect(keptKey()).toBe(old!);
    expect((await clawhold(['key', 'rotat'])).err).toContain('clawhold.mjs key --help');
  });

  test('replaces a lost key', async () => {
    await startOnce();
    rmSync(keyFile);
    const gateway = await start();
    // The gateway has only the hash.
    expect(keptKey()).toBeUndefined();
    const lost = await clawhold(['chat', '-p', 'x'], { env: at(gateway) });
    expect(lost.err).toContain('clawhold.mjs key rotate');
    expect(lost.code).toBe(1);
    const { out } = await clawhold(['key', 'rotate']);
    await eventually(
      'the key is known',
      () => status(gateway, out.trim()),
      (code) => code === 200,
    );
    expect((await clawhold(['chat', '-p', 'x'], { env: at(gateway) })).code).toBe(0);
  });
});

test('clawhold key says where the root key is, and does not show it', async () => {
  const key = (await startOnce())!;
  const { out } = await clawhold(['key']);
  expect(out).toBe('The root key is in ./data/root-key.\n');
  expect(out).not.toContain(key);
  const configured = await clawhold(['key'], { env: { CLAWHOLD_ROOT_KEY: MY_KEY } });
  expect(configured.out).toContain('CLAWHOLD_ROOT_KEY');
});

test('a start removes a key file that does not fit the stored hash', async () => {
  const key = (await startOnce())!;
  writeFileSync(keyFile, 'sk-claw-of-another-database\n');
  const gateway = await start();
  expect(keptKey()).toBeUndefined();
  expect(await status(gateway, key)).toBe(200);
});

describe('the chat', () => {
  test('takes the key of a gateway on the same machine from its file', async () => {
    const gateway = await start();
    const { out, code } = await clawhold(['chat', '-p', 'My name is Ada.'], { env: at(gateway) });
    expect(out).toContain('your name is Ada');
    expect(code).toBe(0);
  });

  test('uses the file when the exported key is an old one', async () => {
    const gateway = await start();
    const env = { ...at(gateway), CLAWHOLD_ROOT_KEY: MY_KEY };
    expect((await clawhold(['chat', '-p', 'x'], { env })).code).toBe(0);
    expect((await clawhold(['chat', '-p', 'x', '--key', MY_KEY], { env: at(gateway) })).code).toBe(1);
  });

  test('sends the key in the file to no other address', async () => {
    await startOnce();
    const seen: (string | null)[] = [];
    const other = Bun.serve({
      port: 0,
      fetch: ({ headers }) => {
        seen.push(headers.get('authorization'));
        return Response.json({ error: { message: 'no' } }, { status: 401 });
      },
    });
    const { code } = await clawhold(['chat', '--url', `http://127.0.0.1:${other.port}`, '-p', 'x']);
    await other.stop(true);
    expect(code).toBe(1);
    expect(seen.filter((header) => header !== null)).toEqual([]);
  });

  test('with a gateway of its own leaves the root key as it is', async () => {
    const key = (await startOnce())!;
    await clawhold(['chat', '-p', 'x'], { env: { CLAWHOLD_ROOT_KEY: MY_KEY } });
    await clawhold(['chat', '-p', 'x']);
    expect(keptKey()).toBe(key);
    expect(await status(await start(), key)).toBe(200);
  });

  test('before the first start makes no root key', async () => {
    await clawhold(['chat', '-p', 'x']);
    expect(keptKey()).toBeUndefined();
    expect(await startOnce()).toBeString();
  });

  test.skipIf(!HAS_SCRIPT)('goes on after the key was rotated', async () => {
    const gateway = await start();
    const terminal = onTerminal(['chat'], { env: at(gateway) });
    await terminal.sees('/help');
    const old = gateway.newRootKey!;
    await clawhold(['key', 'rotate']);
    await eventually(
      'the old key is refused',
      () => status(gateway, old),
      (code) => code === 401,
    );
    terminal.type('My dog is Rex.\r');
    await terminal.sees('dog is Rex');
    terminal.type('\u0004');
    expect(await terminal.exited).toBe(0);
    expect(terminal.shown()).not.toContain('Key');
  });
});
