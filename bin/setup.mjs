#!/usr/bin/env node
// Installs what the lock file names, unless it is installed already. Runs before start, chat, doctor, test and bench.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const installed = `${root}node_modules/.package-lock.json`;
const lock = `${root}package-lock.json`;

const upToDate = existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs;
if (!upToDate) {
  console.error('Installing dependencies (once, about ten seconds)…');
  // Not `npm ci`: the lock names no registry, and npm cannot lock other platforms' binaries without one.
  const { status } = spawnSync(
    'npm',
    ['install', '--no-save', '--no-fund', '--no-audit', '--loglevel=error'],
    {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      // There npm is a batch file, which Node starts in a shell alone.
      shell: process.platform === 'win32',
    },
  );
  if (status !== 0) {
    console.error('npm install failed; fix what it says above, then run the command again.');
    process.exit(status ?? 1);
  }
}
