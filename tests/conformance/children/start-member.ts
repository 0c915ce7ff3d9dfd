import { afterEach } from 'bun:test';
import { join } from 'node:path';
import type { TurnId } from '../../../src/core/ids.ts';

const MEMBER = join(import.meta.dir, 'member.ts');

/** Starts processes that run `member.ts` in a data folder, with a database; they end with the test. */
export function startMembers(): typeof startMember {
  const children: Bun.Subprocess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });
  return async (dataDir, database) => {
    const started = await startMember(dataDir, database);
    children.push(started.child);
    return started;
  };
}

async function startMember(dataDir: string, database: string) {
  const child = Bun.spawn([process.execPath, MEMBER, dataDir, database], { stdout: 'pipe' });
  const reader = child.stdout.getReader();
  let printed = '';
  const nextLine = async () => {
    while (!printed.includes('\n')) {
      const { value, done } = await reader.read();
      if (done) throw new Error('The child has ended.');
      printed += new TextDecoder().decode(value);
    }
    const end = printed.indexOf('\n');
    const line = printed.slice(0, end);
    printed = printed.slice(end + 1);
    return line;
  };
  const [member = '', turn = ''] = (await nextLine()).split(' ');
  const kill = async () => {
    child.kill('SIGKILL');
    await child.exited;
  };
  return { child, member, turn: turn as TurnId, nextLine, kill };
}
