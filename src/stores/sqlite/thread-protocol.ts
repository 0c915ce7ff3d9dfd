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

/**
 * A call as it is sent to the thread. `postMessage` copies an object, which costs more than to write its JSON. So the
 * call that every turn makes, `commitTurn`, is sent as text: the JSON of its arguments, which are the same after JSON,
 * then a line break and the body of the turn, which is JSON already and is not escaped again.
 */
export type SentCall = Call | string;

export function sentCall(call: Call): SentCall {
  if (!isCommit(call)) return call;
  const [turn, commit = {}] = call.args;
  const { body } = turn;
  return `${JSON.stringify([{ ...turn, body: '' }, commit])}\n${body}`;
}

export function receivedCall(sent: SentCall): Call {
  if (typeof sent !== 'string') return sent;
  // JSON has no line breaks.
  const end = sent.indexOf('\n');
  const args = JSON.parse(sent.slice(0, end)) as OperationArgs<'commitTurn'>;
  args[0].body = sent.slice(end + 1);
  return { name: 'commitTurn', args };
}

const isCommit = (call: Call): call is Call<'commitTurn'> => call.name === 'commitTurn';

/** What became of one call. */
export type Result = { value: unknown } | { code: ErrorCode; message: string };

/** What became of the calls of one group. */
export interface GroupOutcome {
  /** One for each call, in their order. */
  results: Result[];
  /** How many transactions it took. */
  transactions: number;
}

/** The file and what a thread does with it. Only one that writes may make or migrate it, and it checks it. */
export interface DatabaseUse {
  path: string;
  use: 'write' | 'read';
}

/** To the thread: `open` comes first, `close` last. */
export type Request = { open: DatabaseUse } | { calls: SentCall[] } | { close: true };

/** Every request is answered by one reply, in their order. */
export type Reply = { opened: true } | { refused: string } | GroupOutcome | { closed: true };
