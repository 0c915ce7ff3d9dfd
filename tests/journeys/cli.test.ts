import { afterAll, afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CommandLine,
  commandLine,
  ENTRY,
  type Env,
  environment,
  HAS_SCRIPT,
} from '../harness/command.ts';
import { ROOT_KEY, spawnGateway, temporaryDirectory, testGateway } from '../harness/gateway.ts';
import { startProvider } from '../simulators/provider/provider.ts';

const STARTER = join(import.meta.dir, '../../bin/clawhold.mjs');
const provider = startProvider();
afterAll(() => provider.stop());

let cwd: string;
let clawhold: CommandLine['clawhold'];
let onTerminal: CommandLine['onTerminal'];
beforeEach(() => {
  cwd = temporaryDirectory();
  ({ clawhold, onTerminal } = commandLine(cwd));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

const OPENAI = { OPENAI_API_KEY: 'sk-simulated-1234', OPENAI_BASE_URL: `${provider.url}/v1` };

describe('chat without a terminal', () => {
  test('starts its own gateway and remembers earlier lines', async () => {
    const { out, code } = await clawhold(['chat'], { input: 'My name is Ada.\n\nWhat is my name?\n' });
    expect(out).toBe(
      'I will remember that your name is Ada. (I am the built-in offline claw, not a language model.)\nYour name is Ada.\n',
    );
    expect(code).toBe(0);
  });

  test('continues a named session in a later process', async () => {
    await clawhold(['chat', '--session', 'trip'], { input: 'My dog is Rex.\n' });
    const { out } = await clawhold(['chat', '--session', 'trip', '--once', 'Who is my dog?']);
    expect(out).toBe('Your dog is Rex.\n');
  });

  test('reads one question with line breaks from standard input', async () => {
    const { out } = await clawhold(['chat', '--model', 'openai/echo', '--once', '-'], {
      env: OPENAI,
      input: 'one\ntwo',
    });
    expect(out).toBe('You said: one\ntwo\n');
  });

  test('writes tokens and cost to standard error, not into the answer', async () => {
    const { out, err } = await clawhold(['chat', '--once', 'hello', '--model', 'openai/gpt-4.1'], {
      env: OPENAI,
    });
    expect(out).toBe('You said: hello\n');
    expect(err).toMatch(/^openai\/gpt-4\.1 · \d+ in, \d+ out · \$0\.\d+ · [\d.]+ s$/m);
  });

  test('exits with 1 when a message was not answered, and answers the other messages', async () => {
    const lines = 'a\n/model openai/status-400\nb\n/model openai/echo\nc\n';
    const { out, err, code } = await clawhold(['chat', '--model', 'openai/echo'], {
      env: OPENAI,
      input: lines,
    });
    expect(out).toBe('You said: a\nYou said: c\n');
    expect(err).toContain('✗');
    expect(code).toBe(1);
  });

  test('reports an answer that breaks off as a failure', async () => {
    const { code, err } = await clawhold(['chat', '--once', 'x', '--model', 'openai/say-9+cut-1'], {
      env: OPENAI,
    });
    expect(err).toContain('✗');
    expect(code).toBe(1);
  });

  test('lists, resumes and names its sessions', async () => {
    const lines = ['/new one', 'My cat is Tom.', '/new two', 'x', '/resume 2', 'Who is my cat?', '/sessions'];
    const { out, err } = await clawhold(['chat'], { input: lines.join('\n') });
    expect(out).toEndWith('Your cat is Tom.\n');
    expect(err).toContain('Resuming one (2 messages)');
    expect(err).toMatch(/1 {2}one +2 turns, just now .*My cat is Tom\.\n +2 {2}two/);
  });
});

describe('chat with a running gateway', () => {
  test('uses the gateway at the configured address', async () => {
    const gateway = await testGateway({ provider: provider.url });
    const env = { CLAWHOLD_PORT: new URL(gateway.url).port, CLAWHOLD_ROOT_KEY: ROOT_KEY };
    await clawhold(['chat', '--session', 'shared', '--once', 'My boat is Argo.'], { env });
    const reply = await gateway.post(
      '/v1/chat/completions',
      { model: 'local/recall', messages: [{ role: 'user', content: 'What is my boat?' }] },
      { 'x-session-id': 'shared' },
    );
    expect(await reply.text()).toContain('Your boat is Argo.');
    await gateway.stop();
  });

  test('explains how to set the key when it is missing or invalid', async () => {
    const gateway = await testGateway();
    const without = await clawhold(['chat', '--url', `${gateway.url}/v1/`, '--once', 'x']);
    expect(without.err).toContain('needs a key. Set it with --key or CLAWHOLD_ROOT_KEY');
    const wrong = await clawhold(['chat', '--url', gateway.url, '--key', 'nonsense', '--once', 'x']);
    expect(wrong.err).toContain('does not know this key');
    expect([without.code, wrong.code]).toEqual([1, 1]);
    await gateway.stop();
  });
});

describe.skipIf(!HAS_SCRIPT)('chat on a terminal (needs `script` of util-linux)', () => {
  test('resumes the last session and shows its last messages', async () => {
    await clawhold(['chat', '--session', 'trip'], { input: 'My dog is Rex.\n' });
    const terminal = onTerminal(['chat']);
    await terminal.sees('Resuming trip (2 messages)');
    await terminal.sees('> My dog is Rex.');
    terminal.type('Who is my dog?\r');
    await terminal.sees('Your dog is Rex.');
    terminal.type('\u0004');
    await terminal.sees('Session trip is kept.');
    expect(await terminal.exited).toBe(0);
  });

  test('Ctrl-C cancels the running answer, also at the provider, and keeps the part that arrived', async () => {
    const model = 'openai/say-500+pace-40';
    const terminal = onTerminal(['chat', '--model', model, '--session', 'long'], { env: OPENAI });
    await terminal.sees('/help');
    terminal.type('go\r');
    await terminal.sees('word3');
    terminal.type('\u0003');
    await terminal.sees('Cancelled. The part that arrived is kept.');
    expect(
      provider.requests.find((request) => JSON.stringify(request.body).includes(model.slice(7)))?.aborted,
    ).toBe(true);
    terminal.type('/history\r');
    await terminal.sees('word1 word2');
    terminal.type('\u0003');
    await terminal.sees('Ctrl-C again');
    terminal.type('\u0003');
    expect(await terminal.exited).toBe(0);
  });

  test('ends when its window is closed', async () => {
    const terminal = onTerminal(['chat'], { program: ['node', STARTER] });
    await terminal.sees('/help');
    await terminal.hangUp();
  });

  test('pasted lines are one message', async () => {
    const terminal = onTerminal(['chat', '--model', 'openai/recall'], { env: OPENAI });
    await terminal.sees('/help');
    terminal.type('one\rtwo\rthree');
    await terminal.sees('three');
    terminal.type('\r');
    await terminal.sees('I have heard: "one');
    terminal.type('/history\r');
    await terminal.sees('(2 messages)');
    terminal.type('/quit\r');
    expect(await terminal.exited).toBe(0);
  });

  test('Tab completes commands and models', async () => {
    const terminal = onTerminal(['chat'], { env: OPENAI });
    await terminal.sees('/help');
    terminal.type('/mod');
    await terminal.sees('/mod');
    terminal.type('\t');
    await terminal.sees('el');
    terminal.type(' reca');
    await terminal.sees('reca');
    terminal.type('\t');
    await terminal.sees('local/recall');
    terminal.type('\r');
    await terminal.sees('local/recall answers from now on');
    terminal.type('\u0004');
    await terminal.exited;
  });

  test('asks for the key of a running gateway and does not show it', async () => {
    const gateway = await testGateway();
    const terminal = onTerminal(['chat', '--url', gateway.url]);
    await terminal.sees('Key (not shown): ');
    terminal.type(`${ROOT_KEY}\r`);
    await terminal.sees('/help lists the commands');
    terminal.type(`/new ${'x'.repeat(300)}\r`);
    await terminal.sees('A session name has 1 to 255');
    terminal.type('\u0004');
    expect(await terminal.exited).toBe(0);
    expect(terminal.shown()).not.toContain(ROOT_KEY.slice(-6));
    await gateway.stop();
  });
});

describe('doctor', () => {
  interface Report {
    ok: boolean;
    sections: {
      title: string;
      findings: { level: string; subject: string; message: string; remedy?: string }[];
    }[];
  }

  async function doctor(args: string[], env: Env = {}) {
    const { out, code } = await clawhold(['doctor', '--json', ...args], { env });
    const report = JSON.parse(out) as Report;
    const findings = report.sections.flatMap(({ title, findings: some }) =>
      some.map((finding) => ({ title, ...finding })),
    );
    const of = (subject: string) => findings.filter((finding) => finding.subject === subject).at(-1);
    return { out, code, report, findings, of };
  }

  test('finds no problem in an empty folder, and creates nothing there', async () => {
    const { code, report, of } = await doctor([]);
    expect(code).toBe(0);
    expect(report.ok).toBe(true);
    expect(of('Data folder')?.message).toContain('will be created at the first start');
    expect(await Bun.file(join(cwd, 'data')).exists()).toBe(false);
  });

  test('gives a remedy for every problem and warning', async () => {
    const { findings } = await doctor(['--probe'], {
      ...OPENAI,
      OPENAI_BASE_URL: 'nonsense',
      CLAWHOLD_HOST: '0.0.0.0',
    });
    const problems = findings.filter(({ level }) => level === 'bad' || level === 'warn');
    expect(problems.length).toBeGreaterThan(2);
    expect(problems.filter(({ remedy }) => !remedy)).toEqual([]);
  });

  test('names the variable of a key and does not show the key', async () => {
    const { out, of } = await doctor([], OPENAI);
    expect(of('openai')?.message).toContain('key from OPENAI_API_KEY');
    expect(out).not.toContain('1234');
  });

  test('reports every error in the settings with its line', async () => {
    await Bun.write(join(cwd, 'clawhold.yaml'), 'prot: 1\nlog:\n  level: loud\n');
    const { code, of } = await doctor([], { CLAWHOLD_POTR: '1' });
    expect(code).toBe(1);
    expect(of('clawhold.yaml:1')?.message).toContain('did you mean "port"?');
    expect(of('clawhold.yaml:3')?.message).toContain('expected one of');
    expect(of('CLAWHOLD_POTR')?.level).toBe('bad');
  });

  test('distinguishes a running gateway from another program on its port', async () => {
    const gateway = await spawnGateway();
    const CLAWHOLD_PORT = new URL(gateway.url).port;
    expect((await doctor([], { CLAWHOLD_PORT })).of('Port')).toMatchObject({ level: 'ok' });
    await gateway.stop();
    const other = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response('hello') });
    const taken = await doctor([], { CLAWHOLD_PORT: String(other.port) });
    expect(taken.of('Port')).toMatchObject({
      level: 'bad',
      message: expect.stringContaining('another program'),
    });
    await other.stop(true);
  });

  test('checks the database, and detects a file that is not a database', async () => {
    await clawhold(['chat', '--session', 'a', '--once', 'x']);
    expect((await doctor([])).of('Database')?.message).toMatch(/intact, schema version \d+, .* 1 session$/);
    await Bun.write(join(cwd, 'data', 'clawhold.db'), 'no database '.repeat(100));
    const { code, of } = await doctor([]);
    expect(of('Database')).toMatchObject({ level: 'bad', remedy: expect.stringContaining('backup') });
    expect(code).toBe(1);
  });

  test('warns about a folder that other users can read', async () => {
    mkdirSync(join(cwd, 'data'));
    chmodSync(join(cwd, 'data'), 0o755);
    expect((await doctor([])).of('Data folder')).toMatchObject({
      level: 'warn',
      remedy: `chmod 700 ${join(cwd, 'data')}`,
    });
  });

  test('probes providers and classifies their answers', async () => {
    const picky = Bun.serve({
      port: 0,
      fetch: ({ url }) => new Response('{}', { status: url.includes('/groq') ? 429 : 401 }),
    });
    const { of, code } = await doctor(['--probe'], {
      ...OPENAI,
      DEEPSEEK_API_KEY: 'sk-old',
      DEEPSEEK_BASE_URL: `${picky.url}deepseek`,
      GROQ_API_KEY: 'x',
      GROQ_BASE_URL: `${picky.url}groq`,
      XAI_API_KEY: 'x',
      XAI_BASE_URL: 'http://127.0.0.1:9',
    });
    await picky.stop(true);
    expect(of('openai')).toMatchObject({ level: 'ok', message: expect.stringContaining('models') });
    expect(of('deepseek')).toMatchObject({
      level: 'bad',
      remedy: expect.stringContaining('DEEPSEEK_API_KEY'),
    });
    expect(of('groq')).toMatchObject({ level: 'warn', message: 'HTTP 429, rate_limited' });
    expect(of('xai')?.message).toContain('cannot be reached');
    expect(code).toBe(1);
  });
});

describe('the command line', () => {
  test('stops cleanly when one Ctrl-C arrives as two signals', async () => {
    const child = Bun.spawn([process.execPath, ENTRY, 'start'], {
      cwd,
      env: environment(cwd, {}),
      stderr: 'pipe',
    });
    const reader = child.stderr.getReader();
    const { value } = await reader.read();
    expect(new TextDecoder().decode(value)).toContain('Root key   sk-claw-');
    child.kill('SIGINT');
    child.kill('SIGINT');
    expect(await child.exited).toBe(0);
  });

  test('points to the help after an unknown command or option', async () => {
    expect((await clawhold(['docter'])).err).toContain('Did you mean "doctor"?');
    expect((await clawhold(['start', '--prt', '1'])).err).toContain('clawhold.mjs start --help');
  });

  test.each(['start', 'chat', 'doctor'])('%s has its own help', async (command) => {
    const { out, code } = await clawhold([command, '--help']);
    expect(out).toStartWith(`clawhold ${command}: `);
    expect(code).toBe(0);
  });
});
