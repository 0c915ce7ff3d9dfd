#!/usr/bin/env node
// Installs the dependencies of the lock file, if needed. Runs before start, chat, key, doctor, test and bench.
import { spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const installed = `${root}node_modules/.package-lock.json`;
const lock = `${root}package-lock.json`;

const SLOW_MS = 20_000;
const SLOW = `Still installing. npm waits long for a registry that does not answer. If it takes minutes, press Ctrl-C and check:
  npm config get registry    the address that npm uses
  npm ping                   whether it answers
  npm config get proxy       the proxy for it; behind a proxy, set HTTPS_PROXY`;

const upToDate = existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs;
if (!upToDate) {
  console.error('Installing dependencies (once, about ten seconds)…');
  const hint = setTimeout(() => console.error(SLOW), SLOW_MS);
  const status = await install();
  clearTimeout(hint);
  if (status !== 0) {
    console.error('npm install failed. Correct the problem above, then run the command again.');
    process.exit(status);
  }
}

/** Resolves with npm's exit code. */
function install() {
  // Not `npm ci`: the lock file names no registry, and without one npm cannot lock the binaries of other platforms.
  const child = spawn('npm', ['install', '--no-save', '--no-fund', '--no-audit', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    // On Windows, npm is a batch file, and Node starts batch files only in a shell.
    shell: process.platform === 'win32',
  });
  return new Promise((resolve) => {
    child.on('error', (error) => {
      console.error(`npm cannot be started (${error.message}).`);
      resolve(1);
    });
    child.on('exit', (code) => resolve(code ?? 1));
  });
}
