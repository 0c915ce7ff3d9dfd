import type { ErrorCode } from '../../core/errors.ts';
import type { Operations } from './operations.ts';

export type OperationName = Exclude<keyof Operations, 'finalize'>;

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

/** To the thread. `open` comes first, `close` last, and `calls` only when those before are answered. */
export type Request = { open: DatabaseUse } | { calls: Call[] } | { close: true };

export type Reply = { opened: true } | { refused: string } | GroupOutcome | { closed: true };
