#!/usr/bin/env node
// Starts the command line under Bun. Node cannot run it, because it uses the server, SQLite and HTTP client of Bun.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const bun = join(dirname(packageOfBun()), 'bin', 'bun.exe');
const entry = fileURLToPath(new URL('../src/cli/clawhold.ts', import.meta.url));

// Bun queues outgoing requests over this number silently, and reads the variable only at its start.
const env = { BUN_CONFIG_MAX_HTTP_REQUESTS: '65336', ...process.env };
const child = spawn(bun, [entry, ...process.argv.slice(2)], { stdio: 'inherit', env });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('error', (error) => fail(`Bun cannot be started (${error.message}).`));
child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));

function packageOfBun() {
  try {
    return createRequire(import.meta.url).resolve('bun/package.json');
  } catch {
    return fail('The dependencies are not installed.');
  }
}

function fail(problem) {
  console.error(`clawhold: ${problem} Run "npm install" in ${fileURLToPath(new URL('..', import.meta.url))}`);
  process.exit(1);
}
