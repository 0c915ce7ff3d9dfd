import { ConfigError } from '../config/problems.ts';

const HELP = `clawhold: an OpenAI-compatible gateway whose sessions never get lost

Usage
  clawhold start     start the gateway (the default)
  clawhold chat      talk to it in the terminal
  clawhold doctor    say what was found and what is wrong
  clawhold help      show this

Options
  --help             show the help of a command
  --version          show the version

Settings come from clawhold.yaml and CLAWHOLD_… variables, for example
CLAWHOLD_PORT=8080, CLAWHOLD_DATA_DIR=/srv/clawhold, CLAWHOLD_CONFIG=my.yaml.
`;

type Command = (args: string[]) => Promise<void>;

const COMMANDS: Record<string, () => Promise<{ main: Command }>> = {
  start: () => import('./start.ts'),
  chat: () => import('./chat.ts'),
  doctor: () => import('./doctor.ts'),
};

async function main(args: string[]): Promise<void> {
  const [name = 'start', ...rest] =
    args[0]?.startsWith('-') && args[0] !== '--help' ? ['start', ...args] : args;
  if (name === '--version' || args.includes('--version')) {
    const { version } = await import('../../package.json');
    console.log(version);
    return;
  }
  if (name === 'help' || name === '--help' || name === '-h') {
    console.log(HELP);
    return;
  }
  const load = COMMANDS[name];
  if (!load) {
    const { nearest } = await import('../core/nearest.ts');
    const near = nearest(name, Object.keys(COMMANDS))[0];
    throw new Error(
      `There is no command "${name}".${near ? ` Did you mean "${near}"?` : ''} Try: clawhold help`,
    );
  }
  await (await load()).main(rest);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof ConfigError ? error.message : `clawhold: ${(error as Error).message}`);
  process.exit(1);
}
