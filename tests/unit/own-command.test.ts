import { afterAll, describe, expect, test } from 'bun:test';
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { ownCommand } from '../../src/cli/own-command.ts';
import { temporaryDirectory } from '../harness/gateway.ts';

const directory = temporaryDirectory();
afterAll(() => rmSync(directory, { recursive: true }));

const CLONE = join(directory, 'clone');
const PACKAGE = join(directory, 'lib', 'node_modules', 'clawhold');
const LINK = join(directory, 'clawhold');
mkdirSync(join(CLONE, 'bin'), { recursive: true });
await Bun.write(join(CLONE, 'bin', 'clawhold.mjs'), '');
symlinkSync(join(CLONE, 'bin', 'clawhold.mjs'), LINK);

const script = { npm_lifecycle_event: 'start', npm_package_json: join(CLONE, 'package.json') };

describe('hints name a command that works', () => {
  test.each([
    ['a script of npm in a clone', script, CLONE, null, 'npm start -- --port 1', 'npm run chat'],
    [
      'the file of a clone',
      {},
      CLONE,
      null,
      `node ${CLONE}/bin/clawhold.mjs start --port 1`,
      `node ${CLONE}/bin/clawhold.mjs chat`,
    ],
    ['a clone with npm link', {}, CLONE, LINK, 'clawhold start --port 1', 'clawhold chat'],
    [
      'another program of that name',
      {},
      CLONE,
      '/usr/bin/clawhold',
      `node ${CLONE}/bin/clawhold.mjs start --port 1`,
      `node ${CLONE}/bin/clawhold.mjs chat`,
    ],
    ['npm install -g', {}, PACKAGE, '/usr/bin/clawhold', 'clawhold start --port 1', 'clawhold chat'],
    [
      'the file of a package',
      {},
      PACKAGE,
      null,
      `node ${PACKAGE}/bin/clawhold.mjs start --port 1`,
      `node ${PACKAGE}/bin/clawhold.mjs chat`,
    ],
    [
      'npx',
      { npm_lifecycle_event: 'npx' },
      PACKAGE,
      '/x/.bin/clawhold',
      'npx clawhold start --port 1',
      'npx clawhold chat',
    ],
    [
      'a dependency of a project',
      { ...script },
      PACKAGE,
      '/x/.bin/clawhold',
      'npx clawhold start --port 1',
      'npx clawhold chat',
    ],
  ])('for %s', (_, env, root, onPath, start, chat) => {
    const command = ownCommand(env, root, onPath);
    expect(command('start', '--port 1')).toBe(start);
    expect(command('chat')).toBe(chat);
  });
});
