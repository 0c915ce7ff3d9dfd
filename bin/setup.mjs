#!/usr/bin/env node
// Installs the dependencies of the lock file, if needed. Runs before start, chat, doctor, test and bench.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const installed = `${root}node_modules/.package-lock.json`;
const lock = `${root}package-lock.json`;

const upToDate = existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs;
if (!upToDate) {
  console.error('Installing dependencies (once, about ten seconds)…');
  // Not `npm ci`: the lock file names no registry, and without one npm cannot lock the binaries of other platforms.
  const { status } = spawnSync(
    'npm',
    ['install', '--no-save', '--no-fund', '--no-audit', '--loglevel=error'],
    {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      // On Windows, npm is a batch file, and Node starts batch files only in a shell.
      shell: process.platform === 'win32',
    },
  );
  if (status !== 0) {
    console.error('npm install failed. Correct the problem above, then run the command again.');
    process.exit(status ?? 1);
  }
}
