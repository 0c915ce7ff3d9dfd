#!/usr/bin/env node
// Starts the command line under Bun. Node cannot run it, because it uses the server, SQLite and HTTP client of Bun.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { build, builtEntry, bunPath, canBuild, SOURCE_ENTRY } from './built.mjs';

const bun = installedBun();
const entry = builtEntry() ?? entryOfStart(process.argv[2] ?? 'start');

// Bun queues outgoing requests over this number silently, and reads the variable only at its start.
const env = { BUN_CONFIG_MAX_HTTP_REQUESTS: '65336', ...process.env };
const child = spawn(bun, [entry, ...process.argv.slice(2)], { stdio: 'inherit', env });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('error', (error) => fail(`Bun cannot be started (${error.message}).`));
child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));

/** A start builds the program first: once after the sources have changed, in about a second. */
function entryOfStart(command) {
  const isStart = command === 'start' || command.startsWith('-');
  if (!isStart || !canBuild()) return SOURCE_ENTRY;
  const problem = build();
  if (problem === undefined) return builtEntry() ?? SOURCE_ENTRY;
  console.error(
    `clawhold: The program cannot be built, so it starts more slowly, from its sources. ${problem}`,
  );
  return SOURCE_ENTRY;
}

function installedBun() {
  try {
    return bunPath();
  } catch {
    return fail('The dependencies are not installed.');
  }
}

function fail(problem) {
  console.error(`clawhold: ${problem} Run "npm install" in ${fileURLToPath(new URL('..', import.meta.url))}`);
  process.exit(1);
}
