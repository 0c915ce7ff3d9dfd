import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { rmSync } from 'node:fs';
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
