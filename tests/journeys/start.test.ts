import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT_KEY, temporaryDirectory } from '../harness/gateway.ts';
import { ENTRY, HAS_TERMINAL, onTerminal, startEnvironment } from '../harness/terminal.ts';

/** A longer timeout, because processes start slowly on a busy machine. */
setDefaultTimeout(30_000);

let cwd: string;
beforeEach(() => {
  cwd = temporaryDirectory();
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

const START = `exec '${process.execPath}' '${ENTRY}' start`;

const urlIn = (text: string): string => /listens on (http:\S+)/.exec(text)?.[1] ?? '';

const ask = (url: string, model = 'local/recall') =>
  fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ROOT_KEY}`, 'x-session-id': 'trip' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }] }),
  });

describe.skipIf(!HAS_TERMINAL)('logs on a terminal (needs `script` of util-linux)', () => {
  test('are lines for people, with the key and the session of each turn', async () => {
    const terminal = onTerminal(START, cwd, startEnvironment(cwd, { CLAWHOLD_MASTER_KEY: ROOT_KEY }));
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

describe('npm start', () => {
  const ROOT = join(import.meta.dir, '../..');

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'passes its arguments, and stops at %s without an error',
    async (signal) => {
      const data = join(cwd, 'from-arguments');
      const child = Bun.spawn(['npm', 'start', '--', '--data', data], {
        cwd: ROOT,
        env: startEnvironment(cwd, { npm_config_update_notifier: 'false' }),
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
