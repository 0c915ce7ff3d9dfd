import type { PolicyDefaults } from './policy.ts';

/** Who a piece of data belongs to. Every query is bound to one tenant. */
export type Tenant = string & { readonly tenant: unique symbol };

/** Who calls, as the key says. */
export interface Caller {
  tenant: Tenant;
  /** The key's name in the configuration; `root` for the root key. Safe to log. */
  key: string;
  /** How the caller's turns meet trouble, unless a request says otherwise. */
  policy: PolicyDefaults;
  /** Whether anything of the caller's requests may be kept. If not, its turns read sessions and write nothing. */
  mayKeep: boolean;
  /** The id of the request, as `x-request-id` says. */
  requestId?: string;
}

/** How a retry of a request is recognised. */
export interface RequestIdentity {
  /** The route, as `POST /v1/responses`: keys of different routes are independent. */
  route: string;
  /** The caller's own `Idempotency-Key`. */
  key?: string;
  /** Of the body and of everything else that makes two requests equal: 16 hexadecimal digits. */
  fingerprint: string;
  /** The client says that it sends the request again. */
  isRetry: boolean;
}

/** The result of an operation that runs once, however often its request is sent. */
export interface Once<Result> {
  result: Result;
  /** An earlier request ran the operation. */
  replayed: boolean;
}
