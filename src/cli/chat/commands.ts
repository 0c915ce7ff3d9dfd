import { nearest } from '../../core/nearest.ts';
import type { Conversation, Screen } from './conversation.ts';
import type { GatewayApi } from './gateway-api.ts';
import { resolveModel } from './model-names.ts';
import { receiptNote } from './receipt-note.ts';
import { type BookEntry, freshName, type SessionBook } from './session-book.ts';
import { showTail } from './session-tail.ts';
import { ago, count, money } from './turn-note.ts';

export interface CommandContext {
  api: GatewayApi;
  book: SessionBook;
  conversation: Conversation;
  screen: Screen;
  /** Refreshed by `/models`. */
  models: string[];
  now(): number;
}

/** `leave`: the chat should end. `false`: a message was not answered. */
export type Outcome = 'leave' | boolean;

interface Command {
  usage: string;
  description: string;
  /** Throws an error for the user when the command cannot be carried out. */
  run(context: CommandContext, argument: string): Promise<Outcome | undefined> | Outcome | undefined;
  complete?(context: CommandContext): string[];
}

const COMMANDS: Record<string, Command> = {
  help: { usage: '/help', description: 'show this list', run: help },
  model: {
    usage: '/model [name]',
    description: 'show the model, or switch to another; a part of its name is enough',
    run: model,
    complete: ({ models }) => models,
  },
  models: {
    usage: '/models [text]',
    description: 'list the models, all or those with this text in their name',
    run: listModels,
  },
  sessions: {
    usage: '/sessions',
    description: 'list the sessions of this chat, newest first',
    run: listSessions,
  },
  resume: {
    usage: '/resume <n|name>',
    description: 'continue a session, by its number in the list or its name',
    run: resume,
    complete: ({ book }) => book.list().map(({ name }) => name),
  },
  new: { usage: '/new [name]', description: 'begin a new session', run: begin },
  retry: {
    usage: '/retry',
    description: 'send the last message again if it was not answered',
    run: ({ conversation }) => conversation.retry(),
  },
  history: { usage: '/history', description: 'show the messages of this session', run: history },
  cost: { usage: '/cost', description: 'show tokens and cost of this chat and of the session', run: cost },
  why: { usage: '/why', description: 'show how the last answer came about: model, context, cost', run: why },
  quit: { usage: '/quit', description: 'end the chat; the session is kept', run: () => 'leave' },
};

const ALIASES: Record<string, string> = { exit: 'quit', q: 'quit', '?': 'help', session: 'sessions' };

/** A command begins with a slash and one word. A path such as `/etc/hosts` is a message. */
export function isCommand(line: string): boolean {
  return /^\/[^\s/]+(\s|$)/.test(line);
}

/** Runs a command line. Throws an error for the user when it cannot be carried out. */
export async function runCommand(line: string, context: CommandContext): Promise<Outcome> {
  const [, word = '', argument = ''] = /^\/(\S+)\s*(.*)$/s.exec(line.trim()) ?? [];
  const typed = word.toLowerCase();
  const name = ALIASES[typed] ?? typed;
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command) return (await command.run(context, argument.trim())) ?? true;
  const near = nearest(name, Object.keys(COMMANDS))[0];
  throw new Error(
    `There is no command /${word}.${near ? ` Did you mean /${near}?` : ''} /help lists the commands. ` +
      'A space before the slash makes the line a message.',
  );
}

/** The possible completions of a line, each as a whole line, as readline expects. */
export function completions(line: string, context: CommandContext): string[] {
  const space = line.indexOf(' ');
  if (!line.startsWith('/')) return [];
  if (space === -1) {
    return Object.entries(COMMANDS)
      .map(([name, { complete }]) => `/${name}${complete ? ' ' : ''}`)
      .filter((command) => command.startsWith(line));
  }
  const start = line.slice(0, space + 1);
  const typed = line.slice(space + 1).toLowerCase();
  const options = COMMANDS[start.slice(1, -1)]?.complete?.(context) ?? [];
  const begins = options.filter((option) => option.toLowerCase().startsWith(typed));
  const found = begins.length > 0 ? begins : options.filter((option) => option.toLowerCase().includes(typed));
  return found.map((option) => start + option);
}

function help({ screen }: CommandContext): undefined {
  const width = Math.max(...Object.values(COMMANDS).map(({ usage }) => usage.length)) + 2;
  for (const { usage, description } of Object.values(COMMANDS))
    screen.note(`  ${screen.style.bold(usage.padEnd(width))}${description}`);
  screen.note('');
  screen.note(
    '  Ctrl-C cancels a running answer, Ctrl-D ends the chat, Tab completes. A line that ends with \\',
  );
  screen.note('  continues on the next line. Lines that are pasted together are one message.');
  screen.note('  A space before a slash makes the line a message.\n');
}

function model({ conversation, models, screen }: CommandContext, typed: string): undefined {
  const { style } = screen;
  if (typed === '') {
    screen.note(
      `The model is ${style.bold(conversation.model)}. /model <name> switches to another, /models lists ${models.length} models.\n`,
    );
    return;
  }
  const found = resolveModel(typed, models);
  if (found.kind === 'model') {
    conversation.model = found.name;
    const caution = found.listed ? '' : ' (not in the list of known models; the provider may not have it)';
    screen.note(`${style.bold(found.name)} answers from now on${caution}.\n`);
    return;
  }
  throw new Error(found.kind === 'several' ? severalModels(typed, found.names) : noModel(typed, found.near));
}

function severalModels(typed: string, names: string[]): string {
  const rest = names.length - 12;
  const lines = [`"${typed}" matches several models:`, ...names.slice(0, 12).map((name) => `  ${name}`)];
  if (rest > 0) lines.push(`  and ${rest} more: /models ${typed}`);
  return lines.join('\n');
}

function noModel(typed: string, near: string[]): string {
  return `There is no model "${typed}".${near.length > 0 ? ` Did you mean ${near.join(', ')}?` : ''} /models lists all.`;
}

const LONGEST_LIST = 60;

async function listModels(context: CommandContext, part: string): Promise<undefined> {
  const { screen, conversation } = context;
  context.models = await context.api.models();
  const found = context.models.filter((name) => name.toLowerCase().includes(part.toLowerCase()));
  for (const name of found.slice(0, LONGEST_LIST)) {
    screen.note(name === conversation.model ? `  ${screen.style.bold(name)}  (answers now)` : `  ${name}`);
  }
  if (found.length > LONGEST_LIST)
    screen.note(`  and ${found.length - LONGEST_LIST} more; /models <text> shows only names with this text`);
  if (found.length === 0) screen.note(`No model has "${part}" in its name. /models lists all models.`);
  if (context.models.every((name) => name.startsWith('local/')))
    screen.note('  For more models, set a provider key, for example OPENAI_API_KEY, and start again.');
  screen.note('');
}

function listSessions({ book, conversation, screen, now }: CommandContext): undefined {
  const entries = book.list();
  if (entries.length === 0) {
    screen.note('There is no session yet. This one is stored when you send the first message.\n');
    return;
  }
  const width = Math.max(...entries.map(({ name }) => name.length)) + 2;
  entries.slice(0, LONGEST_LIST).forEach((entry, index) => {
    const name = entry.name.padEnd(width);
    const shown = entry.name === conversation.session ? screen.style.bold(name) : name;
    screen.note(`${String(index + 1).padStart(3)}  ${shown}${describe(entry, now())}`);
  });
  screen.note('/resume <n|name> continues a session.\n');
}

function describe({ turns, lastUsed, title, cost: spent, estimated }: BookEntry, now: number): string {
  const facts = [`${turns} turn${turns === 1 ? '' : 's'}`, ago(lastUsed, now)];
  if (spent > 0) facts.push(money(spent, estimated));
  return `${facts.join(', ').padEnd(30)}  ${title}`;
}

async function resume(context: CommandContext, wanted: string): Promise<undefined> {
  const { book, screen } = context;
  const entries = book.list();
  if (wanted === '') {
    screen.note('Name a session, for example: /resume 2');
    return listSessions(context);
  }
  const entry =
    entries.find(({ name }) => name === wanted) ??
    (/^\d+$/.test(wanted) ? entries[Number(wanted) - 1] : undefined) ??
    single(entries.filter(({ name }) => name.includes(wanted)));
  const name = entry?.name ?? wanted;
  const tail = isSessionName(name) ? await context.api.tail(name) : undefined;
  if (!tail) {
    const near = nearest(
      wanted,
      entries.map((other) => other.name),
    )[0];
    const hint = near && near !== wanted ? ` Did you mean ${near}?` : '';
    throw new Error(
      `The gateway has no session "${name}".${hint} /sessions lists all sessions, /new begins a new one.`,
    );
  }
  context.conversation.session = name;
  if (entry?.model) context.conversation.model = entry.model;
  showTail(name, tail, context.conversation.model, screen);
}

function single<Entry>(entries: Entry[]): Entry | undefined {
  return entries.length === 1 ? entries[0] : undefined;
}

async function begin(context: CommandContext, name: string): Promise<undefined> {
  const { book, screen, conversation, now, api } = context;
  if (name !== '' && !isSessionName(name))
    throw new Error('A session name has 1 to 255 visible ASCII characters and no spaces: /new trip-to-rome');
  if (name !== '' && (await api.tail(name)))
    throw new Error(`The session "${name}" exists already. /resume ${name} continues it.`);
  conversation.session =
    name ||
    freshName(
      new Date(now()),
      new Set([...book.list().map((entry) => entry.name), conversation.session ?? '']),
    );
  screen.note(`New session ${screen.style.bold(conversation.session)}.\n`);
}

/** Whether the gateway accepts this name in a header. */
export function isSessionName(name: string): boolean {
  return /^[\x21-\x7e]{1,255}$/.test(name);
}

async function history({ api, conversation, screen }: CommandContext): Promise<undefined> {
  const { session, model: current } = conversation;
  const tail = session === undefined ? undefined : await api.tail(session);
  if (session === undefined || !tail || tail.messages.length === 0) {
    screen.note('This session has no messages yet.\n');
    return;
  }
  showTail(session, tail, current, screen, tail.messages.length);
}

async function why({ api, conversation, screen }: CommandContext): Promise<undefined> {
  const { lastResponse } = conversation;
  if (lastResponse === undefined)
    throw new Error('There is no stored answer yet. /why explains the last one.');
  screen.note(`${receiptNote(await api.receipt(lastResponse))}\n`);
}

function cost({ book, conversation, screen }: CommandContext): undefined {
  const { turns, tokens, cost: spent, estimated, unpriced } = conversation.total;
  const unknown = unpriced > 0 ? `, and ${unpriced} turn(s) with an unknown price` : '';
  screen.note(`This chat: ${turns} turn(s), ${count(tokens)} tokens, ${money(spent, estimated)}${unknown}.`);
  const entry = conversation.session === undefined ? undefined : book.find(conversation.session);
  if (entry)
    screen.note(
      `Session ${entry.name}: ${entry.turns} turn(s), ${count(entry.tokens)} tokens, ${money(entry.cost, entry.estimated)}.`,
    );
  screen.note('');
}
