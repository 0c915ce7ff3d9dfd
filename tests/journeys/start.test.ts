import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { chmodSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { commandLine, ENTRY, environment, HAS_SCRIPT } from '../harness/command.ts';
import { eventually } from '../harness/eventually.ts';
import { ROOT_KEY, temporaryDirectory } from '../harness/gateway.ts';
import { startProvider } from '../simulators/provider/provider.ts';

/** A longer timeout, because processes start slowly on a busy machine. */
setDefaultTimeout(30_000);

let cwd: string;
beforeEach(() => {
  cwd = temporaryDirectory();
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

const ROOT = join(import.meta.dir, '../..');
const STARTER = join(ROOT, 'bin/clawhold.mjs');

const urlIn = (text: string): string => /listens on (http:\S+)/.exec(text)?.[1] ?? '';

const ask = (url: string, model = 'local/recall') =>
  fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ROOT_KEY}`, 'x-session-id': 'trip' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }] }),
  });

describe.skipIf(!HAS_SCRIPT)('logs on a terminal (needs `script` of util-linux)', () => {
  test('are lines for people, with the key and the session of each turn', async () => {
    const terminal = commandLine(cwd).onTerminal(['start'], { env: { CLAWHOLD_ROOT_KEY: ROOT_KEY } });
    await terminal.sees('Ctrl-C stops');
    await ask(urlIn(terminal.shown()));
    await terminal.sees(/\[\d\d:\d\d:\d\d\] INFO: turn ended \{.*"session":"\w+","key":"root"/);
    await ask(urlIn(terminal.shown()), 'local/\u009b2J');
    await terminal.sees(/INFO: request refused/);
    expect(terminal.shown()).not.toContain('\u009b');
    expect(terminal.shown()).not.toContain('trip"');
    terminal.type('\u0003');
    expect(await terminal.exited).toBe(0);
  });
});

/** Starts the program without a terminal. `said` is what it writes to standard error. */
function start(args: string[], env: Record<string, string> = {}) {
  const child = Bun.spawn([process.execPath, ENTRY, 'start', ...args], {
    cwd,
    env: environment(cwd, env),
    stdout: 'ignore',
    stderr: 'pipe',
  });
  let text = '';
  const said = (async () => {
    for await (const chunk of child.stderr) text += new TextDecoder().decode(chunk);
    return text;
  })();
  return {
    said,
    exited: child.exited,
    stop: () => child.kill('SIGTERM'),
    kill: () => child.kill(9),
    /** Resolves to the banner. */
    banner: () =>
      eventually(
        'it has started',
        () => text,
        (shown) => shown.includes('stops the gateway'),
      ),
    says: (words: string) =>
      eventually(
        `it says: ${words}`,
        () => text,
        (shown) => shown.includes(words),
      ),
  };
}

describe('the banner', () => {
  test('says what is open, how to reach it and how to chat with it', async () => {
    const gateway = start(['--host', '0.0.0.0']);
    const banner = await gateway.banner();
    expect(banner).toContain('0.0.0.0: other machines can connect, over plain HTTP');
    expect(banner).toContain(`chat --url ${urlIn(banner)}. SIGTERM stops the gateway.`);
    expect(banner).toMatch(/Root key {3}sk-claw-\S+\n {13}in .\/data\/root-key\n/);
    expect(banner).toContain('Bearer $(cat ./data/root-key)"');
    gateway.stop();
    expect(await gateway.exited).toBe(0);
    expect(await gateway.said).not.toContain('Ctrl-C');
    rmSync(join(cwd, 'data/root-key'));
    const second = start([]);
    expect(await second.banner()).toContain('Bearer <your root key>"');
    second.stop();
    await second.exited;
  });

  test('works at an IPv6 address', async () => {
    const gateway = start(['--host', '::1'], { CLAWHOLD_ROOT_KEY: ROOT_KEY });
    const banner = await gateway.banner();
    expect(banner).toMatch(/listens on http:\/\/\[::1\]:\d+\n/);
    expect(banner).toContain('Bearer $CLAWHOLD_ROOT_KEY"');
    expect((await ask(urlIn(banner))).status).toBe(200);
    const dashboard = /Dashboard +(\S+)/.exec(banner)?.[1] ?? '';
    expect(await (await fetch(dashboard)).text()).toContain('<title>Clawhold</title>');
    gateway.stop();
    await gateway.exited;
  });

  test('names the file that holds the root key', async () => {
    await Bun.write(join(cwd, 'clawhold.yaml'), `root_key: ${ROOT_KEY}`);
    const gateway = start([]);
    expect(await gateway.banner()).toContain(`Bearer <root_key of ${join(cwd, 'clawhold.yaml')}>`);
    gateway.stop();
    await gateway.exited;
  });

  test.each([
    ['rescue', '1 turn that was running when the gateway last stopped: being finished now.'],
    ['close', '1 turn that was running when the gateway last stopped: recorded as incomplete.'],
  ])('says after a kill what becomes of running turns (recovery: %s)', async (recovery, words) => {
    const provider = startProvider();
    const env = {
      CLAWHOLD_ROOT_KEY: ROOT_KEY,
      OPENAI_API_KEY: 'sk-simulated',
      OPENAI_BASE_URL: `${provider.url}/v1`,
      CLAWHOLD_TURNS_RECOVERY: recovery,
    };
    const killed = start([], env);
    const body = { model: 'openai/echo+stall-3', input: 'one two three four', stream: true };
    const reply = await fetch(`${urlIn(await killed.banner())}/v1/responses`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ROOT_KEY}` },
      body: JSON.stringify(body),
    });
    for await (const chunk of reply.body!) if (new TextDecoder().decode(chunk).includes('delta')) break;
    killed.kill();
    await killed.exited;
    const successor = start([], env);
    await successor.says(words);
    successor.kill();
    await successor.exited;
    provider.stop();
  });
});

describe('a port that cannot be used', () => {
  const taken = (fetch: () => Response) => Bun.serve({ port: 0, hostname: '127.0.0.1', fetch });

  test('is refused with the message of the doctor and a free port, before anything is written', async () => {
    const other = taken(() => new Response('hello'));
    const words = `port ${other.port} on 127.0.0.1 is used by another program`;
    const refused = start(['--port', String(other.port)]);
    expect(await refused.exited).toBe(1);
    const port = /start --port (\d+)/.exec(await refused.said)?.[1] ?? '';
    expect(await refused.said).toContain(words);
    expect(existsSync(join(cwd, 'data'))).toBe(false);
    const doctor = Bun.spawn([process.execPath, ENTRY, 'doctor'], {
      cwd,
      env: environment(cwd, { CLAWHOLD_PORT: String(other.port) }),
      stdout: 'pipe',
    });
    expect(await doctor.stdout.text()).toContain(words);
    await other.stop(true);
    const gateway = start(['--port', port]);
    expect(urlIn(await gateway.banner())).toEndWith(`:${port}`);
    gateway.stop();
    await gateway.exited;
  });

  test('may be that of a gateway', async () => {
    const other = taken(() => Response.json({ status: 'ready', store: 'ok' }));
    const refused = start(['--port', String(other.port)]);
    expect(await refused.said).toContain(
      `a gateway is running at http://127.0.0.1:${other.port}. Stop it first`,
    );
    expect(await refused.exited).toBe(1);
    await other.stop(true);
  });
});

/** Empty for a file that does not exist. */
async function textOf(path: string): Promise<string> {
  const file = Bun.file(path);
  return (await file.exists()) ? file.text() : '';
}

describe.skipIf(!HAS_SCRIPT)('a closed terminal (needs `script` of util-linux)', () => {
  test.each([
    ['without nohup', `exec node '${STARTER}' start`],
    ['with nohup', `exec nohup node '${STARTER}' start >'nohup.out' 2>&1`],
  ])('does not stop the gateway: %s', async (_, command) => {
    const terminal = commandLine(cwd).shellOnTerminal(command, { CLAWHOLD_ROOT_KEY: ROOT_KEY });
    const said = async () => terminal.shown() + (await textOf(join(cwd, 'nohup.out')));
    const banner = await eventually('it has started', said, (text) => text.includes('stops the gateway'));
    const url = urlIn(banner);
    const pid = await terminal.pid();
    await terminal.close();
    // The log is written some time after a request.
    for (let requests = 0; requests < 3; requests++) {
      expect((await ask(url)).status).toBe(200);
      await Bun.sleep(300);
    }
    process.kill(pid, 'SIGTERM');
    await eventually(
      'it stops',
      () =>
        fetch(url).then(
          () => true,
          () => false,
        ),
      (answers) => !answers,
    );
  });
});

test('a path may begin with the home directory', async () => {
  await Bun.write(join(cwd, 'my.yaml'), 'aliases: { quick: local/recall }\ndata_dir: ~/sessions');
  const gateway = start(['--config=~/my.yaml'], {
    HOME: cwd,
    CLAWHOLD_DATA_DIR: '',
    CLAWHOLD_ROOT_KEY: ROOT_KEY,
  });
  expect((await ask(urlIn(await gateway.banner()), 'quick')).status).toBe(200);
  expect(existsSync(join(cwd, 'sessions', 'clawhold.db'))).toBe(true);
  gateway.stop();
  await gateway.exited;
});

test('an installation that hangs says what to check', async () => {
  const setup = await Bun.file(join(ROOT, 'bin/setup.mjs')).text();
  await Bun.write(join(cwd, 'bin/setup.mjs'), setup.replace('SLOW_MS = 20_000', 'SLOW_MS = 50'));
  await Bun.write(join(cwd, 'package-lock.json'), '{}');
  await Bun.write(join(cwd, 'npm'), '#!/bin/sh\nsleep 1\n');
  chmodSync(join(cwd, 'npm'), 0o755);
  const child = Bun.spawn(['node', join(cwd, 'bin/setup.mjs')], {
    env: { PATH: `${cwd}:${process.env.PATH}` },
    stderr: 'pipe',
  });
  expect(await child.stderr.text()).toContain('npm config get registry');
  expect(await child.exited).toBe(0);
});

describe('npm start', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)(
    'passes its arguments, and stops at %s without an error',
    async (signal) => {
      const data = join(cwd, 'from-arguments');
      const child = Bun.spawn(['npm', 'start', '--', '--data', data], {
        cwd: ROOT,
        env: environment(cwd, { npm_config_update_notifier: 'false' }),
        stdout: 'pipe',
        stderr: 'pipe',
      });
      let said = '';
      for await (const chunk of child.stderr) {
        const before = said;
        said += new TextDecoder().decode(chunk);
        if (urlIn(said) && !urlIn(before)) child.kill(signal);
      }
      expect(await child.exited).toBe(0);
      expect(said).toEndWith('Stopped.\n');
      expect(existsSync(join(data, 'clawhold.db'))).toBe(true);
      await expect(fetch(urlIn(said))).rejects.toThrow();
    },
  );
});
