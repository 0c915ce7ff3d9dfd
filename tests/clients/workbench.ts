import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT_KEY, temporaryDirectory } from '../harness/gateway.ts';
import type { Recipe } from './recipes.ts';

/** A home folder for a program, with a project folder in it. The program sees no settings of this machine. */
export class Workbench {
  readonly home = temporaryDirectory();
  readonly project = join(this.home, 'project');

  constructor(private readonly env: Record<string, string> = {}) {
    mkdirSync(this.project);
  }

  /** Writes the files of a recipe. Relative paths are in the project. */
  async install(files: Recipe['files']): Promise<void> {
    for (const { path, text } of files) {
      const target = path.startsWith('~/') ? join(this.home, path.slice(2)) : join(this.project, path);
      mkdirSync(dirname(target), { recursive: true });
      await Bun.write(target, text);
    }
  }

  start(command: string[], folder = this.project): Program {
    const child = Bun.spawn(command, {
      cwd: folder,
      env: {
        PATH: `${join(import.meta.dir, 'node_modules/.bin')}:${process.env.PATH}`,
        HOME: this.home,
        CLAWHOLD_ROOT_KEY: ROOT_KEY,
        // Clients must not call the servers of their makers.
        NO_PROXY: '*',
        ...this.env,
      },
      // The program gets its own process group, as in a shell.
      detached: true,
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    });
    const output = Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    const ended = (async () => {
      const [out, err] = await output;
      return { code: await child.exited, out, err };
    })();
    const interrupt = async () => {
      let hasEnded = false;
      while (!hasEnded) {
        process.kill(-child.pid, 'SIGINT');
        hasEnded = await Promise.race([child.exited.then(() => true), Bun.sleep(2000).then(() => false)]);
      }
    };
    return { ended, interrupt };
  }

  /** Runs a command and resolves to its standard output. Rejects if the command fails. */
  async run(command: string[], folder = this.project): Promise<string> {
    const { code, out, err } = await this.start(command, folder).ended;
    if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}:\n${out}\n${err}`);
    return out;
  }

  remove(): void {
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** A running command. */
export interface Program {
  ended: Promise<{ code: number; out: string; err: string }>;
  /**
   * Sends SIGINT to the command and its children, as Ctrl-C does, until the command has ended: opencode ignores some
   * of them while it begins its first answer.
   */
  interrupt(): Promise<void>;
}
