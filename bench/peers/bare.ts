import { join } from 'node:path';
import { end, firstMatch, pinned, type Server } from '../processes.ts';

/** Starts `bare-server.ts`: what this runtime itself costs. */
export async function startBare(provider: number): Promise<Server> {
  const program = join(import.meta.dir, 'bare-server.ts');
  const child = Bun.spawn(pinned('measured', [process.execPath, program, String(provider)]), {
    stdout: 'ignore',
    stderr: 'pipe',
  });
  const port = Number(await firstMatch(child.stderr, /listens on http:\S+:(\d+)/));
  return { pid: child.pid, port, stop: () => end(child, 'SIGKILL') };
}
