import type { ErrorCode } from '../../core/errors.ts';
import type { OperationArgs, OperationName } from './operations.ts';

/**
 * What need not survive the machine: leases, signs of life and lines without a turn, because with the machine
 * every holder, every process and every running turn is gone. These calls never wait for a sync of the disk:
 * they travel and are committed apart from all others.
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
 * A call as it travels to the thread. The copy that `postMessage` makes of an object costs more than the JSON of it,
 * which is worth its words for the call of every turn; all of its arguments are the same after JSON.
 */
export type SentCall = Call | string;

export const sentCall = (call: Call): SentCall => (call.name === 'commitTurn' ? JSON.stringify(call) : call);

export const receivedCall = (sent: SentCall): Call => (typeof sent === 'string' ? JSON.parse(sent) : sent);

/** What became of one call. */
export type Result = { value: unknown } | { code: ErrorCode; message: string };

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
