import { realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

type Env = Readonly<Record<string, string | undefined>>;

/** The folder of this package. */
const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/[\\/]$/, '');

export type OwnCommandName =
  | 'start'
  | 'chat'
  | 'key'
  | 'reload'
  | 'doctor'
  | 'sessions'
  | 'turns'
  | 'claws'
  | 'usage'
  | 'export'
  | 'import'
  | 'help';

/** How the operator runs a command of this program: `('start', '--port 2530')` → `npm start -- --port 2530`. */
export type OwnCommand = (command: OwnCommandName, options?: string) => string;

/**
 * The form that works for the way in which the program was installed and started: scripts of npm in a clone,
 * `npx`, a command on the `PATH`, or else the file itself.
 */
export function ownCommand(
  env: Env,
  root = ROOT,
  onPath = Bun.which('clawhold', { PATH: env.PATH }),
): OwnCommand {
  const isScript =
    env.npm_lifecycle_event !== undefined && env.npm_package_json === join(root, 'package.json');
  const program = programOf(env, root, onPath);
  return (command, options) =>
    isScript && command !== 'help'
      ? npmScript(command, options)
      : [program, command, options].filter(Boolean).join(' ');
}

function npmScript(command: string, options?: string): string {
  const script = command === 'start' ? 'npm start' : `npm run ${command}`;
  return options === undefined ? script : `${script} -- ${options}`;
}

function programOf(env: Env, root: string, onPath: string | null): string {
  const starter = join(root, 'bin', 'clawhold.mjs');
  const isPackage = basename(dirname(root)) === 'node_modules';
  // npx and the scripts of npm add folders to the `PATH` that a shell does not have.
  if (env.npm_lifecycle_event !== undefined) return isPackage ? 'npx clawhold' : `node ${starter}`;
  const isOurs = onPath !== null && (isPackage || realPath(onPath) === starter);
  return isOurs ? 'clawhold' : `node ${starter}`;
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
