import { type ParseArgsConfig, parseArgs } from 'node:util';
import { type OwnCommandName, ownCommand } from './own-command.ts';

/** The options of a command. Throws an error for the user, with a hint, where an option is unknown or incomplete. */
export function parseOptions<const T extends Omit<ParseArgsConfig, 'strict'>>(
  command: OwnCommandName,
  config: T,
): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    const problem = (error as Error).message.split('. To specify')[0]!.replace(/\.$/, '');
    throw new Error(`${problem}. ${tryHelp(command)}`);
  }
}

/** `Try: npm run chat -- --help` */
export const tryHelp = (command: OwnCommandName): string =>
  `Try: ${ownCommand(process.env)(command, '--help')}`;
