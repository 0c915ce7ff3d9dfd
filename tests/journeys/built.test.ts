import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { cpSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { environment } from '../harness/command.ts';
import { ROOT_KEY, temporaryDirectory } from '../harness/gateway.ts';

/** Building takes a second on an idle machine. */
setDefaultTimeout(60_000);

const ROOT = join(import.meta.dir, '../..');

/** A copy of the package, in which sources change. */
let copy: string;

beforeAll(() => {
  copy = temporaryDirectory();
  for (const name of ['bin', 'src', 'package.json'])
    cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

function run(...command: string[]) {
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { cwd: copy, env: environment(copy) });
  return { code: exitCode, out: stdout.toString(), err: stderr.toString() };
}

/** The program that `bin/clawhold.mjs` would start now. */
const started = () => {
  const script = "import('./bin/built.mjs').then(({ builtEntry }) => console.log(builtEntry() ?? 'sources'))";
  return run('node', '-e', script).out.trim();
};

/** Starts the gateway with `bin/clawhold.mjs`, calls `use`, and stops it. Resolves to what it said. */
async function withGateway(use: (url: string) => Promise<void>): Promise<string> {
  const child = Bun.spawn(['node', 'bin/clawhold.mjs', 'start'], {
    cwd: copy,
    env: environment(copy, { CLAWHOLD_ROOT_KEY: ROOT_KEY }),
    stdout: 'ignore',
    stderr: 'pipe',
  });
  const listening = Promise.withResolvers<string>();
  let said = '';
  const read = (async () => {
    for await (const chunk of child.stderr) {
      said += new TextDecoder().decode(chunk);
      const url = /listens on (http:\S+)/.exec(said)?.[1];
      if (url) listening.resolve(url);
    }
    listening.reject(new Error(said));
  })();
  try {
    await use(await listening.promise);
  } finally {
    child.kill('SIGTERM');
    await child.exited;
  }
  await read;
  return said;
}

const headers = { authorization: `Bearer ${ROOT_KEY}`, 'x-session-id': 'trip' };

test('a start builds the program, and every thread and file of it is found', async () => {
  expect(started()).toBe('sources');
  await withGateway(async (url) => {
    expect(started()).toBe(join(copy, 'dist/cli/clawhold.js'));
    const messages = [{ role: 'user', content: 'My name is Ada.' }];
    const asked = { method: 'POST', headers, body: JSON.stringify({ model: 'local/recall', messages }) };
    expect((await fetch(`${url}/v1/chat/completions`, asked)).status).toBe(200);
    // The thread of the survey, the sources of the dashboard, and the version in package.json.
    const found = await fetch(`${url}/admin/v1/sessions?limit=5`, { headers });
    expect(JSON.stringify(await found.json())).toContain('trip');
    expect((await fetch(`${url}/dashboard`)).status).toBe(200);
    expect((await fetch(`${url}/openapi.json`)).status).toBe(200);
    const metrics = await (await fetch(`${url}/metrics`, { headers })).text();
    expect(metrics).toContain(JSON.parse(readFileSync(join(copy, 'package.json'), 'utf8')).version);
  });
  const threads = readFileSync(join(copy, 'dist/cli/clawhold.js'), 'utf8').match(
    /new Worker\(new URL\([^)]*\)/g,
  );
  expect(threads).toHaveLength(3);
  for (const thread of threads!)
    expect(readFileSync(new URL(/"(.*)"/.exec(thread)![1]!)).length).toBeGreaterThan(0);
});

test('a changed source is never answered by an earlier build', async () => {
  expect(run('node', 'bin/build.mjs').code).toBe(0);
  const path = join(copy, 'src/cli/clawhold.ts');
  const text = readFileSync(path, 'utf8');
  // The same size: only the time of the file tells.
  writeFileSync(path, text.replace('show this help;', 'show THIS help;'));
  expect(started()).toBe('sources');
  expect(run('node', 'bin/clawhold.mjs', 'help').out).toContain('show THIS help;');
  expect(run('node', 'bin/build.mjs').code).toBe(0);
  expect(started()).toBe(join(copy, 'dist/cli/clawhold.js'));
  expect(run('node', 'bin/clawhold.mjs', 'help').out).toContain('show THIS help;');
  writeFileSync(path, text);
});

test('a program that cannot be built is started from its sources, and says so', async () => {
  const path = join(copy, 'bin/bundle.mjs');
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, `throw new Error('no space left');\n${text}`);
  rmSync(join(copy, 'dist'), { recursive: true, force: true });
  const said = await withGateway(async (url) => {
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });
  expect(said).toContain('The program cannot be built');
  expect(said).toContain('no space left');
  writeFileSync(path, text);
});

test('stack traces name lines of the sources', () => {
  const path = join(copy, 'src/cli/clawhold.ts');
  const text = readFileSync(path, 'utf8');
  writeFileSync(
    path,
    text.replace(
      'async function main(args: string[]): Promise<void> {',
      (line) => `${line}\n  console.log(new Error('here').stack);`,
    ),
  );
  expect(run('node', 'bin/build.mjs').code).toBe(0);
  const line =
    readFileSync(path, 'utf8')
      .split('\n')
      .findIndex((each) => each.includes("new Error('here')")) + 1;
  expect(started()).toEndWith('.js');
  expect(run('node', 'bin/clawhold.mjs', 'help').out).toContain(`${path}:${line}:`);
  writeFileSync(path, text);
});
