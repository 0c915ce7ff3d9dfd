import type { Caller } from '../core/request.ts';

/** Finds the caller of a request by its key. */
export interface Authenticator {
  /**
   * The caller of a request with these headers, and with this key in its query, which counts only if no header has
   * one. Throws, or rejects with, `missing_key` or `invalid_key` where
   * there is none. It is asked once for each request, before anything else is done for it; an implementation
   * that has to ask a store or another service therefore caches what it learns.
   */
  authenticate(headers: Headers, inQuery?: string | null): Caller | Promise<Caller>;
}
