import { afterAll, afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type CommandLine, commandLine, ENTRY, environment, HAS_SCRIPT } from '../harness/command.ts';
import { eventually } from '../harness/eventually.ts';
import { ROOT_KEY, type SpawnedGateway, spawnGateway, temporaryDirectory } from '../harness/gateway.ts';
import { startProvider } from '../simulators/provider/provider.ts';

const provider = startProvider();
afterAll(() => provider.stop());

const OPENAI = { OPENAI_API_KEY: 'sk-simulated-1234', OPENAI_BASE_URL: `${provider.url}/v1` };
const AWAY = 'Waiting for it (Ctrl-C stops waiting)';

let cwd: string;
let clawhold: CommandLine['clawhold'];
let onTerminal: CommandLine['onTerminal'];
beforeEach(() => {
  cwd = temporaryDirectory();
  ({ clawhold, onTerminal } = commandLine(cwd));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

/** A gateway process that can be killed and started again at the same address, with the same data. */
class Restartable {
  private constructor(
    private readonly port: number,
    private gateway: SpawnedGateway,
  ) {}

  static async start(): Promise<Restartable> {
    const probe = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() });
    const port = probe.port!;
    await probe.stop(true);
    return new Restartable(port, await spawnOn(port));
  }

  /** The settings with which a chat finds this gateway. */
  get env() {
    return { CLAWHOLD_PORT: String(this.port), CLAWHOLD_ROOT_KEY: ROOT_KEY };
  }

  get pid(): number {
    return this.gateway.pid;
  }

  kill(): Promise<void> {
    return this.gateway.kill();
  }

  async startAgain(): Promise<void> {
    this.gateway = await spawnOn(this.port);
  }

  stop(): Promise<void> {
    return this.gateway.stop();
  }
}

const spawnOn = (port: number): Promise<SpawnedGateway> =>
  spawnGateway({
    provider: provider.url,
    dataDir: join(cwd, 'data'),
    env: { CLAWHOLD_PORT: String(port) },
  });

const words = (count: number): string[] => Array.from({ length: count }, (_, index) => `word${index + 1}`);

/** How many requests for this model reached the provider with this text as the last message. */
const asked = (text: string): number =>
  provider.requests.filter(({ body }) => {
    const { messages = [] } = body as { messages?: { role: string; content: unknown }[] };
    return JSON.stringify(messages.at(-1) ?? '').includes(text);
  }).length;

describe('a script whose gateway is killed', () => {
  test('gets the whole answer of the restarted gateway, without repeated text', async () => {
    const gateway = await Restartable.start();
    const args = ['chat', '-m', 'openai/say-40+pace-50', '-s', 'trip', '-p', 'go'];
    const running = clawhold(args, { env: gateway.env });
    while (asked('go') === 0) await Bun.sleep(20);
    await Bun.sleep(600);
    await gateway.kill();
    await Bun.sleep(1_000);
    await gateway.startAgain();
    const { out, err, code } = await running;
    expect(out).toBe(`${words(40).join(' ')}\n`);
    expect(err).toContain('does not answer');
    expect(code).toBe(0);
    await gateway.stop();
  }, 30_000);

  test('reports an answer that is not stored as lost', async () => {
    const gateway = await Restartable.start();
    const args = ['chat', '-m', 'openai/say-400+pace-50', '-p', 'lost answer'];
    const running = clawhold(args, { env: gateway.env });
    while (asked('lost answer') === 0) await Bun.sleep(20);
    await Bun.sleep(600);
    await gateway.kill();
    const { out, err, code } = await running;
    expect(out).toStartWith('word1 word2');
    expect(err).toContain('This answer is not stored, so it cannot be resumed.');
    expect(code).toBe(1);
  }, 30_000);

  test('says how to start it when nothing runs at --url', async () => {
    const { err, code } = await clawhold(['chat', '--url', 'http://127.0.0.1:9', '-p', 'x']);
    expect(err).toContain('does not answer');
    expect(err).toMatch(/Start it: node .*clawhold\.mjs start/);
    expect(code).toBe(1);
  });
});

describe.skipIf(!HAS_SCRIPT)('a chat whose gateway is killed (needs `script` of util-linux)', () => {
  test('continues the running answer, and sends the messages that were typed meanwhile', async () => {
    const gateway = await Restartable.start();
    const terminal = onTerminal(['chat', '-m', 'openai/say-50+pace-50', '-s', 'trip'], { env: gateway.env });
    await terminal.sees('/help');
    terminal.type('go\r');
    await terminal.sees('word9');
    await gateway.kill();
    await terminal.sees('does not answer');
    await terminal.sees('clawhold.mjs start');
    await terminal.sees(AWAY);
    terminal.type('typed while away\r');
    await gateway.startAgain();
    await terminal.sees('word50');
    const answer = terminal.shown().slice(terminal.shown().indexOf('go\r'));
    expect([...answer.matchAll(/word\d+/g)].map(([word]) => word)).toEqual(words(50));
    await terminal.sees('> typed while away');
    await terminal.sees('word50');
    expect(asked('typed while away')).toBe(1);
    terminal.type('\u0004');
    expect(await terminal.exited).toBe(0);
    await gateway.stop();
  }, 30_000);

  test('keeps a message that the gateway did not get: Ctrl-C stops waiting, /retry sends it', async () => {
    const gateway = await Restartable.start();
    const terminal = onTerminal(['chat', '-m', 'openai/echo', '-s', 'trip'], { env: gateway.env });
    await terminal.sees('/help');
    await gateway.kill();
    terminal.type('first line\\\rsecond line\r');
    await terminal.sees(AWAY);
    terminal.type('\u0003');
    await terminal.sees('/retry sends it again');
    await gateway.startAgain();
    terminal.type('/retry\r');
    await terminal.sees('You said: first line');
    await terminal.sees('second line');
    terminal.type('/retry\r');
    await terminal.sees('nothing to send again');
    terminal.type('/quit\r');
    expect(await terminal.exited).toBe(0);
    await gateway.stop();
  }, 30_000);

  test('stops at Ctrl-C when the gateway is frozen', async () => {
    const gateway = await Restartable.start();
    const terminal = onTerminal(['chat', '-m', 'openai/say-500+pace-40', '-s', 'trip'], { env: gateway.env });
    await terminal.sees('/help');
    terminal.type('go\r');
    await terminal.sees('word3');
    process.kill(gateway.pid, 'SIGSTOP');
    const from = performance.now();
    terminal.type('\u0003');
    await terminal.sees('Cancelled.');
    expect(performance.now() - from).toBeLessThan(3_000);
    terminal.type('\u0003');
    await terminal.sees('Ctrl-C again');
    terminal.type('\u0003');
    expect(await terminal.exited).toBe(0);
    await gateway.kill();
  }, 30_000);
});

describe.skipIf(!HAS_SCRIPT)('the terminal of a chat (needs `script` of util-linux)', () => {
  const LONG = ['chat', '-m', 'openai/say-500+pace-40', '-s', 'trip'];

  test.each(['xterm', 'dumb'])('ends at once at SIGTERM during an answer (TERM=%s)', async (TERM) => {
    const terminal = onTerminal(LONG, { env: { ...OPENAI, TERM } });
    await terminal.sees('/help');
    terminal.type('go\r');
    await terminal.sees('word3');
    const from = performance.now();
    await terminal.signal('SIGTERM');
    expect(await terminal.exited).toBe(143);
    expect(performance.now() - from).toBeLessThan(1_500);
  });

  test('cancels at Ctrl-C and ends at the second one (TERM=dumb)', async () => {
    const terminal = onTerminal(LONG, { env: { ...OPENAI, TERM: 'dumb' } });
    await terminal.sees('/help');
    terminal.type('go\r');
    await terminal.sees('word3');
    terminal.type('\u0003');
    await terminal.sees('Cancelled. The part that arrived is kept.');
    terminal.type('\u0003');
    await terminal.sees('Ctrl-C again');
    terminal.type('\u0003');
    expect(await terminal.exited).toBe(0);
    expect(terminal.shown()).not.toContain('\u001b');
  });

  test('Tab never deletes typed text', async () => {
    const terminal = onTerminal(['chat'], {
      env: { ...OPENAI, ANTHROPIC_API_KEY: 'x', OPENROUTER_API_KEY: 'x' },
    });
    await terminal.sees('/help');
    terminal.type('/model son');
    await terminal.sees('son');
    terminal.type('\t');
    await terminal.sees('/model anthropic/claude-sonnet');
    await terminal.sees('> /model son');
    terminal.type('zzz\r');
    await terminal.sees('There is no model "sonzzz"');
    terminal.type('\u0004');
    await terminal.exited;
  });

  test('keeps the tabs of a pasted text', async () => {
    const terminal = onTerminal(['chat', '-m', 'openai/echo'], { env: OPENAI });
    await terminal.sees('/help');
    terminal.type('if x:\r\ty = 1\r\tz\ta\r');
    await terminal.sees('You said: if x:');
    expect(
      provider.requests.some(({ body }) => JSON.stringify(body).includes('if x:\\n\\ty = 1\\n\\tz\\ta')),
    ).toBe(true);
    terminal.type('\u0004');
    await terminal.exited;
  });

  test('sends no unknown command to a model, and keeps a message with a space before its slash', async () => {
    const terminal = onTerminal(['chat', '-m', 'openai/echo'], { env: OPENAI });
    await terminal.sees('/help');
    terminal.type('/quit2\r');
    await terminal.sees('There is no command /quit2. Did you mean /quit?');
    terminal.type(' /quit3\r');
    await terminal.sees('You said:  /quit3');
    terminal.type('\u0004');
    expect(await terminal.exited).toBe(0);
    expect(asked('/quit2')).toBe(0);
  });

  test('sends words after `chat` as the first message and goes on', async () => {
    const terminal = onTerminal(['chat', '-m', 'openai/echo', 'hello', 'world'], { env: OPENAI });
    await terminal.sees('You said: hello world');
    terminal.type('more\r');
    await terminal.sees('You said: more');
    terminal.type('\u0004');
    expect(await terminal.exited).toBe(0);
  });

  test('works in a window of 12 columns', async () => {
    const terminal = onTerminal(['chat', '-m', 'openai/say-12+delay-1500', '-s', 'a'], {
      env: OPENAI,
      columns: 12,
    });
    await terminal.sees('/help');
    terminal.type('go go go go go go\r');
    await terminal.sees('word12');
    // The progress note fits one row, because only one row can be cleared.
    const rows = terminal
      .shown()
      .split('\r\u001b[K')
      .slice(1)
      .map((rest) => rest.split(/[\r\n]/)[0]!);
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.filter((row) => row.length >= 12)).toEqual([]);
    terminal.type('\u0004');
    expect(await terminal.exited).toBe(0);
  });
});

describe('a script', () => {
  test.each([
    ['words', ['chat', '-m', 'openai/echo', 'hello', 'world']],
    ['-p', ['chat', '-m', 'openai/echo', '-p', 'hello world']],
    ['-p and words', ['chat', '-p', 'hello', 'world', '-m', 'openai/echo']],
  ])('asks one question with %s', async (_, args) => {
    const { out, code } = await clawhold(args, { env: OPENAI });
    expect(out).toBe('You said: hello world\n');
    expect(code).toBe(0);
  });

  test('/why shows how the last answer came about', async () => {
    const { err, code } = await clawhold(['chat', '-m', 'openai/echo', '-s', 'why'], {
      env: OPENAI,
      input: 'hello\nhow are you?\n/why\n',
    });
    expect(err).toContain('openai/echo answered: strategy ordered, reason asked.');
    expect(err).toMatch(/Context: about \d+ of [\d,]+ tokens, with 1 earlier turns: the whole session\./);
    expect(err).toMatch(/Tokens: \d+ in \(\d+ expected\), of which 0 cached \(\d+ expected\), \d+ out\./);
    expect(err).toMatch(/Time: first words after \d+ ms, all after \d+ ms\./);
    expect(code).toBe(0);
  });

  test('sends no unknown command to a model, and exits with 1', async () => {
    const before = provider.requests.length;
    const env = OPENAI;
    const once = await clawhold(['chat', '-m', 'openai/echo', '-p', '/quit2'], { env });
    const piped = await clawhold(['chat', '-m', 'openai/echo'], { env, input: '/model nonsense\n/h2\n' });
    expect([once.code, piped.code]).toEqual([1, 1]);
    expect(once.err).toContain('There is no command /quit2');
    expect(piped.err).toContain('There is no model "nonsense"');
    expect(provider.requests.slice(before).filter(({ body }) => body !== undefined)).toEqual([]);
  });

  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('ends at once at %s, also with more lines to send', async (signal, code) => {
    const child = Bun.spawn([process.execPath, ENTRY, 'chat', '-m', 'openai/say-500+pace-40'], {
      cwd,
      env: environment(cwd, OPENAI),
      stdin: new Blob(['go\nthe next line\n']),
      stdout: 'pipe',
      stderr: 'ignore',
    });
    const reader = child.stdout.getReader();
    await reader.read();
    const from = performance.now();
    child.kill(signal);
    expect(await child.exited).toBe(code);
    expect(performance.now() - from).toBeLessThan(2_000);
    expect(asked('the next line')).toBe(0);
  });

  test('stops the answer when the reader of its output goes away', async () => {
    const command = `'${process.execPath}' '${ENTRY}' chat -m openai/say-300+pace-40 -p 'cut short' | head -c 5`;
    const from = performance.now();
    const child = Bun.spawn(['bash', '-c', `${command}; exit \${PIPESTATUS[0]}`], {
      cwd,
      env: environment(cwd, OPENAI),
      stdout: 'pipe',
      stderr: 'pipe',
    });
    const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    expect([out, code]).toEqual(['word1', 141]);
    expect(err).not.toContain('EPIPE');
    expect(performance.now() - from).toBeLessThan(6_000);
    const request = provider.requests.find(({ body }) => JSON.stringify(body).includes('cut short'));
    await eventually(
      'the call is aborted',
      async () => request?.aborted,
      (aborted) => aborted === true,
    );
  });
});
