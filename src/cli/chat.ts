import { join } from 'node:path';
import {
  type CommandContext,
  completions,
  isCommand,
  isSessionName,
  type Outcome,
  runCommand,
} from './chat/commands.ts';
import { type Connection, connect } from './chat/connection.ts';
import { Conversation } from './chat/conversation.ts';
import { defaultModel, resolveModel } from './chat/model-names.ts';
import { messagesOf, scriptScreen, terminalScreen, wholeText } from './chat/output.ts';
import { freshName, SessionBook } from './chat/session-book.ts';
import { showTail } from './chat/session-tail.ts';
import { askSecret, Terminal } from './chat/terminal.ts';
import { count, money } from './chat/turn-note.ts';
import { parseOptions, tryHelp } from './options.ts';
import { loadSettings } from './settings.ts';

const HELP = `clawhold chat: talk to a model in the terminal, in sessions that are kept

It uses the gateway that runs at the configured address (CLAWHOLD_HOST, CLAWHOLD_PORT). If none runs there, it
starts one with the same sessions and stops it when the chat ends. /help in the chat lists the commands.

A gateway that stops or dies ends neither the chat nor the running answer: the chat connects again by itself.

Options
  -m, --model <name>    the model to talk to; a part of its name is enough
  -s, --session <name>  continue this session; if it does not exist, begin it
  -p, --once <text>     ask one question, print the answer and exit; "-" reads the question from standard input
                        (stored only together with --session)
  <text>                words without an option are the first message; without a terminal, they are like --once
  --url <address>       use another gateway, for example http://gateway.lan:2529
  --key <key>           the gateway's key; default: CLAWHOLD_ROOT_KEY or the file root-key in the data folder,
                        else it asks you
  --help                show this help

Without --session, the chat continues the last session. If standard input is not a terminal, each line of it is a
message (or a /command), standard output has only the answers, and without --session a new session begins. The
exit code is 1 if a message was not answered or a command failed.

  clawhold chat -m claude -s trip
  clawhold chat "What is a lease?"
  git diff | clawhold chat -p -
`;

const OPTIONS = {
  model: { type: 'string', short: 'm' },
  session: { type: 'string', short: 's' },
  once: { type: 'string', short: 'p' },
  url: { type: 'string' },
  key: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

interface Options {
  model?: string;
  session?: string;
  once?: string;
  url?: string;
  key?: string;
  /** The words without an option. */
  first?: string;
}

/** Signals that end the chat. The exit code of each is 128 and its number, as in a shell. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
/** The reader of a pipe went away (`clawhold chat … | head`): the exit code of SIGPIPE. */
const PIPE_CLOSED = 141;
/**
 * How long the chat's own gateway may take to stop after a signal. A turn that still runs continues when a
 * gateway starts on the same data folder.
 */
const HURRY_MS = 500;

export async function main(args: string[]): Promise<void> {
  const options = readOptions(args);
  if (!options) {
    console.log(HELP);
    return;
  }
  const config = await loadSettings();
  const hasTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  const interactive = hasTerminal && options.once === undefined;
  if (!interactive) options.once ??= options.first;
  const mayAsk = process.stdin.isTTY === true && process.stderr.isTTY === true;
  const askKey = mayAsk ? (problem: string) => askSecret(`${problem} Key (not shown): `) : undefined;
  const connection = await connect({ ...options, config, env: process.env, askKey });
  let code: number;
  try {
    const book = new SessionBook(join(config.dataDir, 'chat-sessions.json'), options.url ?? 'local');
    const screen = interactive ? terminalScreen(process.env) : scriptScreen(process.env);
    const parts = { api: connection.api, book, screen, now: Date.now };
    const { session, model } = chooseStart(options, connection, book, interactive);
    const conversation = new Conversation(parts, session, model);
    const context = { ...parts, conversation, models: connection.models };
    code = await (interactive
      ? converseOnTerminal(context, connection, options)
      : runScript(context, options));
  } catch (error) {
    await connection.stop();
    throw error;
  }
  const isHurried = code > 1;
  await Promise.race([connection.stop(), ...(isHurried ? [Bun.sleep(HURRY_MS)] : [])]);
  process.exit(code);
}

function readOptions(args: string[]): Options | undefined {
  const { values, positionals } = parseOptions('chat', { args, options: OPTIONS, allowPositionals: true });
  if (values.help) return undefined;
  if (values.session !== undefined && !isSessionName(values.session))
    throw new Error(
      `--session must have 1 to 255 visible ASCII characters without spaces. ${tryHelp('chat')}`,
    );
  const words = positionals.join(' ');
  if (words === '') return values;
  // Words after --once belong to its question: `chat -p What is a lease`.
  return values.once === undefined
    ? { ...values, first: words }
    : { ...values, once: `${values.once} ${words}` };
}

function chooseStart(
  options: Options,
  { models }: Connection,
  book: SessionBook,
  interactive: boolean,
): { session?: string; model: string } {
  const last = interactive ? book.list()[0] : undefined;
  const known = options.session === undefined ? last : book.find(options.session);
  let session = options.session ?? last?.name;
  if (session === undefined && options.once === undefined)
    session = freshName(new Date(), new Set(book.list().map(({ name }) => name)));
  if (options.model === undefined) {
    const remembered = known?.model;
    return {
      session,
      model: remembered && isCallable(remembered, models) ? remembered : defaultModel(models),
    };
  }
  const found = resolveModel(options.model, models);
  if (found.kind === 'model') return { session, model: found.name };
  const names = found.kind === 'several' ? found.names.slice(0, 8) : found.near;
  const hint =
    names.length > 0 ? ` Did you mean ${names.join(', ')}?` : ` Available: ${models.slice(0, 5).join(', ')}.`;
  throw new Error(`"${options.model}" does not match exactly one model.${hint}`);
}

/**
 * Whether the model can still be called: it is listed, or its provider has listed models. The key may have been
 * removed.
 */
function isCallable(model: string, models: readonly string[]): boolean {
  const slash = model.indexOf('/');
  return (
    models.includes(model) || (slash > 0 && models.some((name) => name.startsWith(model.slice(0, slash + 1))))
  );
}

/** Resolves to the exit code. */
async function converseOnTerminal(
  context: CommandContext,
  connection: Connection,
  { first }: Options,
): Promise<number> {
  const { screen, conversation } = context;
  await greet(context, connection);
  const prompt = screen.style.cyan('> ');
  const terminal = new Terminal({ prompt, complete: (line) => completions(line, context) });
  const stopped = Promise.withResolvers<number>();
  // A second Ctrl-C ends the chat. So does a Ctrl-C during a command.
  terminal.onInterrupt = () => {
    if (!conversation.cancel()) stopped.resolve(EXIT_CODES.SIGINT);
  };
  onSignals(stopped.resolve);
  const code = await Promise.race([converse(terminal, context, first), stopped.promise]);
  terminal.close();
  // The signal may have come in the middle of a line.
  if (code !== 0) screen.note('');
  noteTotal(context);
  return code;
}

async function greet({ screen, conversation }: CommandContext, { api, own }: Connection): Promise<void> {
  const { style } = screen;
  screen.note(
    style.dim(
      own
        ? 'Clawhold chat. No gateway is running, so the chat started its own.'
        : `Clawhold chat at ${api.url}.`,
    ),
  );
  const { session = '', model } = conversation;
  const tail = await api.tail(session);
  if (tail && tail.messages.length > 0) showTail(session, tail, model, screen);
  else screen.note(`Session ${style.bold(session)} with ${style.bold(model)}. /help lists the commands.\n`);
  if (model === 'local/recall')
    screen.note(
      style.yellow(
        'local/recall is not a language model: it only repeats facts that you told it. To use a model, set a provider key.\n',
      ),
    );
}

function onSignals(exit: (code: number) => void): void {
  for (const [signal, code] of Object.entries(EXIT_CODES)) process.on(signal, () => exit(code));
}

async function converse(terminal: Terminal, context: CommandContext, first?: string): Promise<number> {
  if (first !== undefined) {
    context.screen.note(context.screen.style.cyan(`> ${first}`));
    if ((await answer(first, context)) === 'leave') return 0;
  }
  for (;;) {
    const line = await terminal.ask();
    if (line === undefined) return 0;
    if (line.trim() === '') continue;
    if ((await answer(line, context)) === 'leave') return 0;
  }
}

async function answer(line: string, context: CommandContext): Promise<Outcome> {
  if (!isCommand(line)) return context.conversation.say(line);
  try {
    return await runCommand(line, context);
  } catch (error) {
    context.screen.note(context.screen.style.red(`${(error as Error).message}\n`));
    return false;
  }
}

function noteTotal({ conversation, screen }: CommandContext): void {
  const { turns, tokens, cost, estimated } = conversation.total;
  const { session } = conversation;
  if (turns === 0) return;
  const spent = cost > 0 ? `, ${money(cost, estimated)}` : '';
  screen.note(
    screen.style.dim(
      `\n${turns} turn${turns === 1 ? '' : 's'}, ${count(tokens)} tokens${spent}. Session ${session} is kept.`,
    ),
  );
}

/**
 * Without a terminal: answers each line, or the one question of `--once`. Resolves to the exit code: 1 if a
 * message was not answered or a command failed.
 */
async function runScript(context: CommandContext, { once }: Options): Promise<number> {
  const stopped = Promise.withResolvers<number>();
  let code: number | undefined;
  const stop = (reason: number) => {
    code ??= reason;
    // SIGINT, or a closed pipe: the answer has no reader any more, so the gateway stops it. Other signals end
    // only this process.
    const isUnwanted = reason === EXIT_CODES.SIGINT || reason === PIPE_CLOSED;
    if (isUnwanted && context.conversation.cancel()) setTimeout(() => stopped.resolve(reason), 2 * HURRY_MS);
    else if (!isUnwanted || !context.conversation.isAnswering) stopped.resolve(reason);
  };
  onSignals(stop);
  process.stdout.on('error', () => stop(PIPE_CLOSED));
  return Promise.race([answerAll(context, once, () => code), stopped.promise]);
}

async function answerAll(
  context: CommandContext,
  once: string | undefined,
  stopCode: () => number | undefined,
): Promise<number> {
  if (once !== undefined) {
    const text = once === '-' ? await wholeText(process.stdin) : once;
    if (text.trim() === '') throw new Error('The question is empty. Example: --once "What is a lease?"');
    // A text from standard input is data, never a command.
    const outcome = once === '-' ? await context.conversation.say(text) : await answer(text, context);
    return stopCode() ?? (outcome === false ? 1 : 0);
  }
  let code = 0;
  for await (const line of messagesOf(process.stdin)) {
    const outcome = await answer(line, context);
    const stop = stopCode();
    if (stop !== undefined) return stop;
    if (outcome === 'leave') break;
    if (!outcome) code = 1;
  }
  return code;
}
