import type { ErrorCode } from '../../core/error-catalogue.ts';
import type { OperationArgs, OperationName } from './operations.ts';

/**
 * Operations whose effect need not survive a crash of the machine: leases, signs of life and lines without a turn,
 * because with the machine every holder, every process and every running turn is gone. Their calls never wait for a
 * sync of the disk: they are sent and committed apart from all others.
 */
export const UNSYNCED: ReadonlySet<OperationName> = new Set<OperationName>([
  'takeHead',
  'renewLease',
  'releaseLease',
  'releaseLeasesOf',
  'addLine',
  'beat',
  'removeMember',
]);

/** One operation asked of the store's thread. */
export interface Call<Name extends OperationName = OperationName> {
  name: Name;
  args: OperationArgs<Name>;
}

/** The calls that turns make. Their arguments are the same after JSON, also without those that are absent at the end. */
const OF_TURNS: ReadonlySet<OperationName> = new Set<OperationName>([
  'createSession',
  'takeHead',
  'renewLease',
  'releaseLease',
  'claim',
  'commitTurn',
]);

/**
 * The calls of a group as they are sent to the thread. `postMessage` copies objects, which costs more than to write
 * their JSON, so groups with no other calls than those of turns are one text. In it, each call is the JSON of its name,
 * of the length of its body and of its arguments, then a line break and the body. Only `commitTurn` has one: the body of
 * the turn, which is not escaped again.
 */
export type SentCalls = readonly Call[] | string;

export const sentCalls = (calls: readonly Call[]): SentCalls =>
  calls.every(({ name }) => OF_TURNS.has(name)) ? calls.map(textOf).join('') : calls;

function textOf(call: Call): string {
  if (!isCommit(call)) return `${JSON.stringify([call.name, 0, ...withoutAbsent(call.args)])}\n`;
  const [{ body, ...turn }, commit = {}] = call.args;
  return `${JSON.stringify([call.name, body.length, turn, commit])}\n${body}`;
}

function withoutAbsent(args: readonly unknown[]): readonly unknown[] {
  return args.at(-1) === undefined ? args.slice(0, args.findLastIndex((arg) => arg !== undefined) + 1) : args;
}

export function receivedCalls(sent: SentCalls): readonly Call[] {
  if (typeof sent !== 'string') return sent;
  const calls: Call[] = [];
  for (let from = 0; from < sent.length; ) {
    // JSON has no line breaks.
    const end = sent.indexOf('\n', from);
    const [name, size, ...args] = JSON.parse(sent.slice(from, end));
    from = end + 1 + size;
    const call: Call = { name, args };
    if (isCommit(call)) call.args[0].body = sent.slice(end + 1, from);
    calls.push(call);
  }
  return calls;
}

const isCommit = (call: Call): call is Call<'commitTurn'> => call.name === 'commitTurn';

/** What became of one call. Without a value and a code, it has no result. */
export type Result = { value?: unknown } | { code: ErrorCode; message: string };

/** What became of the calls of one group. */
export interface GroupOutcome {
  /** One for each call, in their order. */
  results: Result[];
  /** How many transactions it took. */
  transactions: number;
}

/** What became of a group, as it is sent back: as text, where its calls were, and where it brings no stored turns. */
export type SentOutcome = GroupOutcome | string;

export const sentOutcome = (outcome: GroupOutcome, calls: SentCalls): SentOutcome =>
  typeof calls !== 'string' || outcome.results.some(bringsTurns) ? outcome : JSON.stringify(outcome);

export const receivedOutcome = (sent: SentOutcome): GroupOutcome =>
  typeof sent === 'string' ? (JSON.parse(sent) as GroupOutcome) : sent;

/** Bodies of turns are JSON, which would be escaped. */
function bringsTurns(result: Result): boolean {
  const value = 'value' in result ? result.value : undefined;
  return typeof value === 'object' && value !== null && 'branch' in value;
}

/** The file and what a thread does with it. Only one that writes may make or migrate it, and it checks it. */
export interface DatabaseUse {
  path: string;
  use: 'write' | 'read';
}

/** To the thread: `open` comes first, `close` last. */
export type Request = { open: DatabaseUse } | { close: true } | SentCalls;

/** Every request is answered by one reply, in their order. */
export type Reply = { opened: true } | { refused: string } | SentOutcome | { closed: true };
