import type { Item } from '../core/items.ts';
import type { Settings } from '../core/settings.ts';
import type { Dialect, StateRef, TurnPolicy } from '../core/turn.ts';

/** A request for a turn, parsed: one vocabulary for every dialect. */
export interface Ask {
  dialect: Dialect;
  /** `provider/model`, a bare model name, or an alias. */
  model: string;
  /** The same, to be tried in this order where `model` cannot answer. */
  fallbacks: string[];
  /** What the caller sent; in a session, what is new or the caller's full history. */
  items: Item[];
  /** What stands beside an item, by index: fields of the dialect that have no canonical place. */
  natives?: Record<number, unknown>;
  /** Stand before all items; not inherited by later turns. */
  instructions?: string;
  settings: Settings;
  /** Request fields that we do not know, for a provider of the same dialect. */
  extra: Record<string, unknown>;
  /** Request fields that only the dialect's replies repeat. */
  echo?: Record<string, unknown>;
  metadata: Record<string, string>;
  state: StateRef;
  /** Whether the turn is kept. A turn that is not kept touches no disk and ends with its client. */
  keep: boolean;
  /** Whether a turn that is kept can be fetched; one that cannot is kept for its idempotency key alone. */
  shown: boolean;
  /** Keep it as a stored chat completion, too. */
  listed: boolean;
  stream: boolean;
  /** Answer at once and run on without the client; needs `keep`. */
  background: boolean;
  /** What to do with a history that does not fit the model. */
  overflow: 'truncate' | 'error';
  policy: TurnPolicy;
  /** Absent where nothing tells a repetition from a new request. */
  identity?: RequestIdentity;
}

/** How a request that is sent again is recognised. */
export interface RequestIdentity {
  /** The route, as `POST /v1/responses`: keys of different routes have nothing to do with each other. */
  route: string;
  /** The caller's own `Idempotency-Key`. */
  key?: string;
  /** Of the body, and of everything else that makes requests the same: 16 hexadecimal digits. */
  fingerprint: string;
  /** The client says that it has sent the request before. */
  repeated: boolean;
}
