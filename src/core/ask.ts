import type { SessionId, TurnId } from './ids.ts';
import type { Item } from './items.ts';
import type { TurnPolicy } from './policy.ts';
import type { ProtocolName } from './prompt.ts';
import type { Settings } from './settings.ts';
import type { Turn } from './turn.ts';

/** The name of the API that a caller uses (`chat`, `responses`); see `http/dialect.ts`. */
export type DialectName = string;

/** A session's id, or its name in the tenant. */
export type SessionRef = { id: SessionId } | { name: string };

/** Which stored state a request builds on, as its caller said. */
export type StateRef =
  /** None: the request has no history, or begins a chain of responses. */
  | { kind: 'none' }
  /**
   * A session. With `create`, an unknown name makes a new session. With `history`, items that hold an
   * assistant's messages or calls are the client's own full history and not new input.
   */
  | { kind: 'session'; ref: SessionRef; create: boolean; history: boolean }
  /** A response to continue. `within`, where given, must be the response's session. */
  | { kind: 'response'; id: TurnId; within?: SessionRef }
  /**
   * Turns that are not stored and follow the stored turn `after`: the caller's connection holds them. Only a
   * turn that is not kept can follow them.
   */
  | { kind: 'held'; after: TurnId | null; turns: readonly Turn[] };

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

/**
 * A request for a turn, parsed: one vocabulary for every dialect. It travels from the dialect's parser to the
 * claw unchanged; a turn's intent is this value with the turn's identity (`turn.ts`).
 */
export interface Ask {
  dialect: DialectName;
  /** The wire protocol whose field names `extra` and `inputNatives` use: the dialect's own. */
  vocabulary: ProtocolName;
  /** `provider/model`, a bare model name, or an alias. */
  model: string;
  /** Further models, tried in this order where `model` cannot answer. */
  fallbacks: readonly string[];
  /** What the caller sent: in a session, its new items or its full history. Items carry no ids (see `ids.ts`). */
  input: Item[];
  /** What belongs to an input item, by index: fields of the dialect that have no canonical form. */
  inputNatives?: Record<number, unknown>;
  /** Instructions before all items; later turns do not inherit them. */
  instructions?: string;
  settings: Settings;
  /** Request fields that we do not know, for a provider that speaks `vocabulary`. */
  extra: Record<string, unknown>;
  /** Request fields that only the caller's dialect knows and that its replies repeat. */
  echo?: Record<string, unknown>;
  metadata: Record<string, string>;
  state: StateRef;
  retention: Retention;
  delivery: Delivery;
  /** What happens to a history that does not fit the model. */
  overflow: 'truncate' | 'error';
  policy: TurnPolicy;
}
