import { ConfigError } from '../config/problems.ts';

const HELP = `clawhold: an OpenAI-compatible gateway whose sessions never get lost

Usage
  clawhold start     start the gateway (the default)
  clawhold chat      talk to a model in the terminal
  clawhold key       say where the root key is; clawhold key rotate and clawhold key rotate-seals make new keys
  clawhold reload    make the running gateway read its configuration again
  clawhold doctor    check the installation and report problems
  clawhold sessions  list, search, read and change the sessions of the running gateway
  clawhold turns     see which turns run or failed, and why; stop one
  clawhold claws     see which provider is ill, and test one
  clawhold usage     see what it costs
  clawhold export    copy sessions into a file
  clawhold import    store sessions from a file, also from other programs
  clawhold help      show this help; clawhold <command> --help shows the options of a command

Settings come from clawhold.yaml and from CLAWHOLD_… environment variables, for example
CLAWHOLD_PORT=8080, CLAWHOLD_DATA_DIR=/srv/clawhold, CLAWHOLD_CONFIG=my.yaml.

With npm, options follow two dashes: npm run chat -- --once "Hello"
`;

type Command = (args: string[]) => Promise<void>;

const COMMANDS: Record<string, () => Promise<{ main: Command }>> = {
  start: () => import('./start.ts'),
  // Only the supervisor starts it, so the help does not name it.
  worker: () => import('./worker.ts'),
  chat: () => import('./chat.ts'),
  key: () => import('./key.ts'),
  reload: () => import('./reload.ts'),
  doctor: () => import('./doctor.ts'),
  sessions: () => import('./sessions.ts'),
  turns: () => import('./turns.ts'),
  claws: () => import('./claws.ts'),
  usage: () => import('./usage.ts'),
  export: () => import('./export.ts'),
  import: () => import('./import.ts'),
};

async function main(args: string[]): Promise<void> {
  const [first = 'start'] = args;
  if (first === '--version' || first === '-v') {
    const { version } = await import('../../package.json');
    console.log(version);
    return;
  }
  if (first === 'help' && args[1] !== undefined) return run(args[1], ['--help']);
  if (first === 'help' || first === '--help' || first === '-h') {
    console.log(HELP);
    return;
  }
  // Options without a command belong to `start`, the default command.
  return first.startsWith('-') ? run('start', args) : run(first, args.slice(1));
}

async function run(name: string, args: string[]): Promise<void> {
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (load) return (await load()).main(args);
  const { nearest } = await import('../core/nearest.ts');
  const { ownCommand } = await import('./own-command.ts');
  const near = nearest(name, Object.keys(COMMANDS))[0];
  throw new Error(
    `There is no command "${name}".${near ? ` Did you mean "${near}"?` : ''} Try: ${ownCommand(process.env)('help')}`,
  );
}

function explain(error: unknown): string {
  if (!(error instanceof ConfigError)) return `clawhold: ${(error as Error).message}`;
  const lines = error.problems.map((problem) => `  ${problem}`);
  return ['clawhold: the settings have errors:', ...lines].join('\n');
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(explain(error));
  process.exit(1);
});
