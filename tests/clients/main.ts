import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Installs the clients, checks the types of their tests and runs them: `npm run test:clients`, or
 * `npm run test:clients -- -t Codex` for some of them. The last line is `N passed, N failed`.
 */

const FOLDER = import.meta.dir;
const ROOT = join(FOLDER, '../..');

async function run(command: string[]): Promise<{ code: number; err: string }> {
  const child = Bun.spawn(command, { cwd: FOLDER, stdout: 'inherit', stderr: 'pipe' });
  let err = '';
  for await (const chunk of child.stderr) {
    process.stderr.write(chunk);
    err += new TextDecoder().decode(chunk);
  }
  return { code: await child.exited, err };
}

async function expectSuccess(command: string[]): Promise<void> {
  const { code } = await run(command);
  if (code !== 0) process.exit(code);
}

const installed = join(FOLDER, 'node_modules/.package-lock.json');
const isUpToDate =
  existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(FOLDER, 'package.json')).mtimeMs;
if (!isUpToDate) {
  console.log('Installing the clients (about 2 GB)…');
  await expectSuccess(['npm', 'install', '--no-save', '--loglevel=error']);
}
await expectSuccess([join(ROOT, 'node_modules/.bin/tsc'), '--noEmit', '-p', FOLDER]);

// The names do not end in `.test.ts`, so that `bun test tests` does not run these files.
const files = [...new Bun.Glob('*.client.ts').scanSync(FOLDER)].sort().map((file) => `./${file}`);
const { code, err } = await run([process.execPath, 'test', ...files, ...process.argv.slice(2)]);
const count = (word: string) => Number(new RegExp(`^\\s*(\\d+) ${word}$`, 'm').exec(err)?.[1] ?? 0);
console.log(`${count('pass')} passed, ${count('fail')} failed`);
process.exit(code);
