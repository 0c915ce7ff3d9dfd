import type { ErrorCode } from '../../core/errors.ts';
import type { Operations } from './operations.ts';

export type OperationName = Exclude<keyof Operations, 'finalize'>;

/**
 * What is done to leases alone. A lease need not survive the machine, so these never wait for a sync of the
 * disk: they travel and are committed apart from what has to.
 */
export const LEASING: ReadonlySet<OperationName> = new Set<OperationName>([
  'takeHead',
  'renewLease',
  'releaseLease',
  'releaseLeasesOf',
]);

/** One operation asked of the store's thread. */
export interface Call<N extends OperationName = OperationName> {
  name: N;
  args: Parameters<Operations[N]>;
}

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
export type Request = { open: DatabaseUse } | { calls: Call[] } | { close: true };

/** Every request is answered by one reply, in their order. */
export type Reply = { opened: true } | { refused: string } | GroupOutcome | { closed: true };
