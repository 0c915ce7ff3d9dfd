import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT_KEY, type TestGateway, temporaryDirectory, testGateway } from '../harness/gateway.ts';
import { type Provider, startProvider } from '../simulators/provider/provider.ts';

const ROOT = join(import.meta.dir, '../..');
const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');

/** The fenced blocks of a language, in order. */
function blocks(language: string): string[] {
  return [...readme.matchAll(/```(\w+)\n([\s\S]*?)```/g)].flatMap(([, name, text]) =>
    name === language ? [text!] : [],
  );
}

let provider: Provider;
let gateway: TestGateway;
beforeAll(async () => {
  provider = startProvider();
  gateway = await testGateway({ provider: provider.url });
});
afterAll(async () => {
  await gateway.stop();
  provider.stop();
});

async function run(command: string[], env: Record<string, string> = {}): Promise<string> {
  const child = Bun.spawn(command, {
    cwd: ROOT,
    env: {
      PATH: process.env.PATH ?? '',
      CLAWHOLD_URL: gateway.url,
      CLAWHOLD_ROOT_KEY: ROOT_KEY,
      ...env,
    },
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) !== 0) throw new Error(err || out);
  return out;
}

/** A code block of the README, changed to use the gateway of this test. */
const here = (text: string): string =>
  text.replaceAll('http://localhost:2529', gateway.url).replaceAll('localhost:2529', gateway.url);

describe('the README', () => {
  test('its curl commands have a conversation', async () => {
    const block = blocks('sh').find((text) => text.includes('curl'))!;
    const out = await run(['bash', '-c', here(block).replace(/^export CLAWHOLD_ROOT_KEY=.*$/m, '')]);
    expect(out).toContain('Your name is Ada.');
  });

  test('its TypeScript switches providers in one conversation', async () => {
    const file = join(ROOT, 'tests', `readme-${process.pid}.ts`);
    try {
      await Bun.write(file, here(blocks('ts')[0]!).replace("'trip'", "'readme-ts'"));
      await run([process.execPath, file]);
    } finally {
      rmSync(file, { force: true });
    }
    const last = provider.requests.at(-1)!;
    expect(last.protocol).toBe('messages');
    expect(JSON.stringify(last.body)).toContain("What's the weather like in Paris?");
  });

  const python = Bun.which('python3');
  const hasSdk = python !== null && Bun.spawnSync([python, '-c', 'import openai']).exitCode === 0;
  test.skipIf(!hasSdk)(
    'its Python continues a conversation (skipped if the openai package is not installed)',
    async () => {
      const out = await run([python!, '-c', here(blocks('python')[0]!)]);
      expect(out).toContain('Ada');
    },
  );

  test.skipIf(python === null)('its Python compiles', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'readme.py');
    await Bun.write(file, blocks('python')[0]!);
    await run([python!, '-m', 'py_compile', file]);
    rmSync(directory, { recursive: true });
  });

  test('every file that it links to exists', () => {
    const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)/g)].map((match) => match[1]!);
    for (const link of links) expect([link, readFileOrFolder(link)]).toEqual([link, true]);
  });

  test('its npm commands exist', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    for (const [, name] of readme.matchAll(/npm (?:run )?(start|test:clients|test|chat|key|doctor|bench)\b/g))
      expect(scripts[name!]).toBeString();
  });
});

const readFileOrFolder = (path: string): boolean =>
  Bun.spawnSync(['test', '-e', join(ROOT, path)]).exitCode === 0;

describe('the examples', () => {
  test('trip.sh', async () => expect(await run(['bash', 'examples/trip.sh'])).toContain('Your name is Ada.'));
  test('trip.ts', async () =>
    expect(await run([process.execPath, 'examples/trip.ts'])).toContain('Your name is Ada.'));
  test.skipIf(Bun.which('python3') === null)('trip.py', async () => {
    expect(await run(['python3', 'examples/trip.py'])).toContain('Your name is Ada.');
  });
});
