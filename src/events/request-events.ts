import type { Fault } from '../core/errors.ts';

/** What is told of a request. Never its content. */
export interface RequestRecord {
  requestId: string;
  method: string;
  path: string;
  status: number;
  /** Milliseconds until the response was ready to send; a stream goes on after it. */
  durationMs: number;
  /** The name of the key, where one was recognised. */
  key?: string;
  fault?: Fault;
}
