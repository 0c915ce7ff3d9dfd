import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type CommandContext, completions, isCommand, isSessionName, runCommand } from './chat/commands.ts';
import { type Connection, connect } from './chat/connection.ts';
import { Conversation } from './chat/conversation.ts';
import { defaultModel, resolveModel } from './chat/model-names.ts';
import { messagesOf, scriptScreen, terminalScreen, wholeText } from './chat/output.ts';
import { freshName, SessionBook } from './chat/session-book.ts';
import { showTail } from './chat/session-tail.ts';
import { askSecret, Terminal } from './chat/terminal.ts';
import { count, money } from './chat/turn-note.ts';
import { onInterrupt } from './interrupts.ts';
import { loadSettings } from './settings.ts';

const HELP = `clawhold chat: talk to a model in the terminal, in sessions that are kept

It uses the gateway that runs at the configured address (CLAWHOLD_HOST, CLAWHOLD_PORT). If none runs there, it
starts one with the same sessions and stops it when the chat ends. /help in the chat lists the commands.

Options
  --model <name>     the model to talk to; a part of its name is enough
  --session <name>   continue this session; if it does not exist, begin it
  --once <text>      ask one question, print the answer and exit; "-" reads the question from standard input
                     (stored only together with --session)
  --url <address>    use another gateway, for example http://gateway.lan:2529
  --key <key>        the gateway's key; default: the key in the settings (CLAWHOLD_MASTER_KEY), else it asks you
  --help             show this help

Without --session, the chat continues the last session. If standard input is not a terminal, each line of it is a
message (or a /command), standard output has only the answers, and without --session a new session begins. The
exit code is 1 if a message was not answered.

  clawhold chat --model claude --session trip
  clawhold chat --once "What is a lease?"
  git diff | clawhold chat --once -
`;

const OPTIONS = {
  model: { type: 'string' },
  session: { type: 'string' },
  once: { type: 'string' },
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
}

export async function main(args: string[]): Promise<void> {
  const options = readOptions(args);
  if (!options) {
    console.log(HELP);
    return;
  }
  const config = await loadSettings();
  const interactive = process.stdin.isTTY === true && options.once === undefined;
  const mayAsk = process.stdin.isTTY === true && process.stderr.isTTY === true;
  const askKey = mayAsk ? (problem: string) => askSecret(`${problem} Key (not shown): `) : undefined;
  const connection = await connect({ ...options, config, env: process.env, askKey });
  try {
    const book = new SessionBook(join(config.dataDir, 'chat-sessions.json'), options.url ?? 'local');
    const screen = interactive ? terminalScreen(process.env) : scriptScreen(process.env);
    const parts = { api: connection.api, book, screen, now: Date.now };
    const { session, model } = chooseStart(options, connection, book, interactive);
    const conversation = new Conversation(parts, session, model);
    const context = { ...parts, conversation, models: connection.models };
    if (interactive) await converseOnTerminal(context, connection);
    else if (!(await runScript(context, options))) process.exitCode = 1;
  } finally {
    await connection.stop();
  }
  process.exit();
}

function readOptions(args: string[]): Options | undefined {
  try {
    const { values } = parseArgs({ args, options: OPTIONS });
    if (values.help) return undefined;
    if (values.session !== undefined && !isSessionName(values.session))
      throw new Error('--session must have 1 to 255 visible ASCII characters without spaces.');
    return values;
  } catch (error) {
    throw new Error(`${(error as Error).message.split('. To specify')[0]} Try: clawhold chat --help`);
  }
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

async function converseOnTerminal(context: CommandContext, { api, own }: Connection): Promise<void> {
  const { screen, conversation } = context;
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
  const prompt = style.cyan('> ');
  const terminal = new Terminal({ prompt, complete: (line) => completions(line, context) });
  terminal.onInterrupt = () => {
    if (!conversation.cancel()) terminal.close();
  };
  // A signal from outside ends the chat and resets the terminal.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => terminal.close());
  await converse(terminal, context);
  terminal.close();
  noteTotal(context);
}

async function converse(terminal: Terminal, context: CommandContext): Promise<void> {
  for (;;) {
    const line = await terminal.ask();
    if (line === undefined) return;
    if (line.trim() === '') continue;
    if ((await answer(line, context)) === 'leave') return;
  }
}

async function answer(line: string, context: CommandContext): Promise<boolean | 'leave'> {
  if (!isCommand(line)) return context.conversation.say(line);
  try {
    return (await runCommand(line, context)) ? 'leave' : true;
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
 * Without a terminal: answers each line, or the one question of `--once`. Resolves to false if a message was not
 * answered.
 */
async function runScript(context: CommandContext, { once }: Options): Promise<boolean> {
  const exit = () => process.exit(130);
  onInterrupt(() => context.conversation.cancel() || exit(), exit);
  process.on('SIGHUP', exit);
  if (once !== undefined) {
    const text = once === '-' ? await wholeText(process.stdin) : once;
    if (text.trim() === '') throw new Error('The question is empty. Example: --once "What is a lease?"');
    return context.conversation.say(text);
  }
  let allAnswered = true;
  for await (const line of messagesOf(process.stdin)) {
    const outcome = await answer(line, context);
    if (outcome === 'leave') break;
    allAnswered &&= outcome;
  }
  return allAnswered;
}
