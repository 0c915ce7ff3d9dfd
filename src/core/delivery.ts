import type { SessionId } from './ids.ts';

/** The name of the API that a caller uses (`chat`, `responses`); see `http/dialect.ts`. */
export type DialectName = string;

/** A session's id, or its name in the tenant. */
export type SessionRef = { id: SessionId } | { name: string };

/** For how long, and for whom, a turn is kept. */
export type Retention =
  /** Not kept: it touches no disk and ends with its client. */
  | 'none'
  /** Kept for its idempotency key alone: nothing else can fetch it, and it is erased with the key. */
  | 'key'
  /** Kept in its session, and fetched by its id. */
  | 'stored'
  /** Stored, and listed as a stored chat completion. */
  | 'listed';

export const isKept = (retention: Retention): boolean => retention !== 'none';

/** Whether the turn can be fetched by its id. */
export const isFetchable = (retention: Retention): boolean =>
  retention === 'stored' || retention === 'listed';

/** How an answer reaches its caller. */
export type Delivery =
  /** In one reply, when it is complete. */
  | 'whole'
  /** As it comes. */
  | 'stream'
  /** The caller fetches it later. */
  | 'background'
  /** The same, and the caller also follows the stream. */
  | 'background-stream';

export const isStreamed = (delivery: Delivery): boolean =>
  delivery === 'stream' || delivery === 'background-stream';

export const isBackground = (delivery: Delivery): boolean =>
  delivery === 'background' || delivery === 'background-stream';
