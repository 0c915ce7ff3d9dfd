import type { PolicyDefaults } from './policy.ts';
import type { Quota } from './quota.ts';
import type { KeyRules } from './routing.ts';
import type { TraceContext } from './trace-context.ts';

/** The owner of data. Every query is bound to one tenant. */
export type Tenant = string & { readonly tenant: unique symbol };

/** The sender of a request, identified by its key. */
export interface Caller {
  tenant: Tenant;
  /** The key's name in the configuration; `root` for the root key. Safe to log. */
  key: string;
  /** What the caller's turns do when something goes wrong, unless the headers of a request say otherwise. */
  policy: PolicyDefaults;
  /** The caller has the root key. */
  isRoot: boolean;
  /** What the caller's key may use; absent where it may use everything. */
  rules?: KeyRules;
  /** Whether anything of the caller's requests may be kept. If not, its turns read sessions and write nothing. */
  mayKeep: boolean;
  /** The sessions of requests that name none are found by the history that the requests repeat. */
  recognises?: true;
  /** The id of the request, as in `x-request-id`. */
  requestId?: string;
  /** When the request came, on the clock of `performance.now()`. */
  receivedAt?: number;
  trace?: TraceContext;
}

/** How a retry of a request is recognised. */
export interface RequestIdentity {
  /** The route, as `POST /v1/responses`: keys of different routes are independent. */
  route: string;
  /** The caller's own `Idempotency-Key`. */
  key?: string;
  /** Of the body and of everything else that makes two requests equal: 16 hexadecimal digits. */
  fingerprint: string;
  /** The client states that it sends the request again. */
  isRetry: boolean;
}

/** The result of an operation that runs once, however often its request is sent. */
export interface Once<Result> {
  result: Result;
  /** An earlier request ran the operation. */
  replayed: boolean;
  /** What is left of the caller's rate limits; absent where nothing limits the request, or it took nothing. */
  quota?: Quota;
}
