import type { CacheMark } from './cache-marks.ts';
import type { ContextPolicy } from './context-policy.ts';
import type { SessionId, TurnId } from './ids.ts';
import type { Item } from './items.ts';
import type { Outcome } from './outcome.ts';
import type { TurnPolicy } from './policy.ts';
import type { ProtocolName } from './prompt.ts';
import type { Tenant } from './request.ts';
import type { KeyRules, RoutingWishes } from './routing.ts';
import type { Settings } from './settings.ts';
import type { TraceContext } from './trace-context.ts';
import type { NamedValue } from './values.ts';

/** The name of the API that a caller uses (`chat`, `messages`…); see `http/dialect.ts`. */
export type DialectName = string;

/** A session's id, or its name in the tenant. */
export type SessionRef = { id: SessionId } | { name: string };

/** How long, and for whom, a turn is kept. */
export type Retention =
  /** Not kept, also not for its idempotency key: it may read a session, and it writes nothing. */
  | 'forbidden'
  /** Not kept: nothing is written to disk, and the turn stops when its client disconnects. */
  | 'none'
  /** Kept for its idempotency key alone: nothing else can fetch it, and it is erased with the key. */
  | 'key'
  /** Kept in its session alone: it cannot be fetched by its id, and it ends with its client. */
  | 'session'
  /** Kept in its session, and fetched by its id. */
  | 'stored'
  /** Stored, and listed as a stored chat completion. */
  | 'listed';

export const isKept = (retention: Retention): boolean => retention !== 'none' && retention !== 'forbidden';

/** Whether the turn may go on without its client, because its answer can be had later. */
export const outlivesClient = (retention: Retention): boolean => isKept(retention) && retention !== 'session';

/** Whether the turn can be fetched by its id. */
export const isFetchable = (retention: Retention): boolean =>
  retention === 'stored' || retention === 'listed';

/** How an answer reaches its caller. */
export type Delivery =
  /** In one reply, when it is complete. */
  | 'whole'
  /** As a stream, while it is generated. */
  | 'stream'
  /** The caller fetches it later. */
  | 'background'
  /** The same, and the caller also follows the stream. */
  | 'background-stream';

export const isStreamed = (delivery: Delivery): boolean =>
  delivery === 'stream' || delivery === 'background-stream';

export const isBackground = (delivery: Delivery): boolean =>
  delivery === 'background' || delivery === 'background-stream';

/** How the line of a request is found in its session (`session/lines.ts`). */
export interface LineWish {
  /**
   * The client is an agent that sends its whole context with every request: its new lines start empty. The
   * lines of other clients start from the session's head.
   */
  isAgent: boolean;
  /** The sub-agent that sends the request: it has a line of its own. */
  agent?: string;
  /** The line that the caller asks for: the main one, or another one. */
  branch?: (typeof BRANCHES)[number];
}

/** The words of `LineWish.branch`. */
export const BRANCHES = ['main', 'side'] as const;

/** Which stored state a request continues, as its caller named it. */
export type StateRef =
  /** None: the request has no history, or begins a chain of responses. */
  | { kind: 'none' }
  /**
   * A session. With `create`, an unknown name makes a new session. With `history`, items that hold an
   * assistant's messages or calls are the client's own full history and not new input. Without `line`, the turn
   * is on the main line. With `recognised`, no caller named it: it was found by its history, and later requests
   * find it in the same way.
   */
  | {
      kind: 'session';
      ref: SessionRef;
      create: boolean;
      history: boolean;
      line?: LineWish;
      recognised?: true;
    }
  /** A response to continue. `within`, where given, must be the response's session. */
  | { kind: 'response'; id: TurnId; within?: SessionRef }
  /**
   * Turns that are not stored and follow the stored turn `after`: the caller's connection holds them. Only a
   * turn that is not kept can follow them.
   */
  | { kind: 'held'; after: TurnId | null; turns: readonly Turn[] };

/** The state that a request asks for. */
export type AskedState =
  | StateRef
  /** The session whose history the request repeats; a new session where there is none. */
  | { kind: 'recognised'; line: LineWish };

/** Whether the request belongs to a session, beyond a chain of responses. */
export const namesSession = (state: AskedState): boolean =>
  state.kind === 'session' ||
  state.kind === 'recognised' ||
  (state.kind === 'response' && state.within !== undefined);

/**
 * A request for a turn, parsed: one vocabulary for every dialect. It travels from the dialect's parser to the
 * claw unchanged; a turn's intent is this value with the turn's identity (`Accepted`).
 */
export interface Ask {
  dialect: DialectName;
  /** The wire protocol whose field names `extra` and `inputNatives` use: the dialect's own. */
  vocabulary: ProtocolName;
  /** `provider/model`, a bare model name, or an alias. */
  model: string;
  /** Further models, tried in this order where `model` cannot answer. */
  fallbacks: readonly string[];
  routing?: RoutingWishes;
  /** What the caller sent: in a session, its new items or its full history. Items carry no ids (see `ids.ts`). */
  input: Item[];
  /** What belongs to an input item, by index: fields of the dialect that have no canonical form. */
  inputNatives?: Record<number, unknown>;
  /** Where the caller wants the provider to cache the prompt. */
  marks?: readonly CacheMark[];
  /** Instructions before all items; later turns do not inherit them. */
  instructions?: string;
  settings: Settings;
  /** Request fields that we do not know, for a provider that speaks `vocabulary`. */
  extra: Record<string, unknown>;
  /**
   * Fields that `settings` hold too, as the caller wrote them: they say more than `settings` do. A provider that
   * speaks `vocabulary` gets them unchanged.
   */
  verbatim?: Record<string, unknown>;
  /** The fields of `extra` without which the answer would be another one: a provider that lacks them is not asked. */
  needed?: readonly string[];
  /** Request fields that only the caller's dialect knows and that its replies repeat. */
  echo?: Record<string, unknown>;
  metadata: Record<string, string>;
  state: AskedState;
  retention: Retention;
  delivery: Delivery;
  /** Absent: the alias, the key, the configuration or at last the dialect decides. */
  context?: ContextPolicy;
  /** The dialect's own default for `context`. */
  defaultContext: ContextPolicy;
  policy: TurnPolicy;
  /** Values to set in the session, in one moment with the commit, if the turn completes. */
  values?: readonly NamedValue[];
}

/** The caller's own id of its end user: `safety_identifier`, or the older field `user`. */
export function userOf({ settings, extra }: Pick<Ask, 'settings' | 'extra'>): string | undefined {
  if (settings.safety_identifier) return settings.safety_identifier;
  return typeof extra.user === 'string' && extra.user !== '' ? extra.user : undefined;
}

/** What identifies a turn from its acceptance on. */
export interface TurnIdentity {
  id: TurnId;
  tenant: Tenant;
  session: SessionId;
  /** Milliseconds since the epoch. */
  createdAt: number;
}

/** Opening instructions: the system and developer messages that a line begins with, and `Ask.instructions`. */
export interface Opening {
  /** The turn that holds the messages: the first `count` items of its input. */
  at: TurnId;
  /** 0 where the line has no such messages. */
  count: number;
  /** Hash of the messages and of the last `instructions` that came with them; equal prints mean equal openings. */
  print: string;
}

/** What a turn in a session notes for the turns after it. */
export interface Notes {
  /**
   * The opening instructions of the turn's line. Absent where none are noted: then the leading instructions of
   * the branch's root are the opening.
   */
  opening?: Opening;
  /** The client sent its full history: it keeps the conversation itself. */
  resent?: true;
}

/** A position on a branch: after `parent`, up to and including the turn's own input. */
export interface BranchPosition extends Notes {
  /** The turn before this one on its branch; `null` at the root. Two turns with one parent are a fork. */
  parent: TurnId | null;
  /** Estimated context tokens of the branch before this turn, and of this turn's input. */
  branchTokens: number;
  inputTokens: number;
  /** Digest of the branch and this turn's input, without opening instructions. */
  digest: string;
  /** The number of the turn's line; absent for the first one, which is 0. */
  line?: number;
  /** What the commit changes on the line, where it is remembered. */
  lineChange?: { opening?: string; tip?: { from: TurnId | null; promotes: boolean } };
  /** Present when the session's head should follow the turn, if the head still is `from`. */
  moveHead?: { from: TurnId | null };
}

/** An ask that was accepted as a turn. */
export interface Accepted extends Omit<Ask, 'state'>, TurnIdentity {
  state: StateRef;
  /** The name of the caller's key, and what it may use. */
  key: string;
  rules?: KeyRules;
  /** The caller's own id of its end user, where it is not `settings.safety_identifier`. */
  user?: string;
  requestId?: string;
  trace?: TraceContext;
  /** Of the request, where its client may send it again (`RequestIdentity`). */
  fingerprint?: string;
  /** Milliseconds since the epoch: a turn that no candidate can answer is tried again until then. */
  deferredUntil?: number;
  /** The blob that holds `settings.tools`, where they are large: most turns of a session share them. */
  toolsBlob?: string;
  /** The same for `instructions`. */
  instructionsBlob?: string;
}

/** An accepted turn that does not have its session yet: `state` says what it continues. */
export interface WaitingIntent extends Accepted {
  kind: 'waiting';
  position?: undefined;
}

/** A turn that is about to be answered: `input` is what it adds to its branch. */
export interface PlacedIntent extends Accepted {
  kind: 'placed';
  position: BranchPosition;
}

/** Items that are added to a session without asking a model. */
export interface AppendIntent extends TurnIdentity {
  kind: 'append';
  dialect: DialectName;
  input: Item[];
  metadata?: Record<string, string>;
  position: BranchPosition;
  fingerprint?: string;
}

/** A turn before its outcome is known. Journaled before a claw is called. */
export type Intent = WaitingIntent | PlacedIntent | AppendIntent;

/** Fields of an intent that serve only to run the turn: journaled, not stored with it. */
export type RunFields =
  | 'vocabulary'
  | 'marks'
  | 'fallbacks'
  | 'routing'
  | 'rules'
  | 'extra'
  | 'verbatim'
  | 'needed'
  | 'state'
  | 'delivery'
  | 'context'
  | 'defaultContext'
  | 'policy'
  | 'values'
  | 'requestId'
  | 'trace'
  | 'fingerprint'
  | 'deferredUntil';

/** What is known of a turn from the start, and stored with it. A field that is added to `Ask` is stored by default. */
export type Asked = Omit<Accepted, RunFields>;

/** A turn that asked a model, and its outcome. */
export type AnsweredTurn = { kind: 'ask'; parent: TurnId | null } & Notes & Asked & Outcome;

/** Items that were added to a session, as it is stored. */
export type AppendedTurn = {
  kind: 'append';
  parent: TurnId | null;
  dialect: DialectName;
  input: Item[];
  metadata: Record<string, string>;
  inputNatives?: undefined;
} & Notes &
  TurnIdentity &
  Outcome;

/** One entry of a session's log. */
export type Turn = AnsweredTurn | AppendedTurn;

/**
 * A named or addressed session. An implicit chain of responses has turns but no record until a caller
 * names it.
 */
export interface Session {
  id: SessionId;
  tenant: Tenant;
  /** The caller's own id for it (`x-session-id: trip`); unique in the tenant. */
  name?: string;
  /** Milliseconds since the epoch. */
  createdAt: number;
  metadata: Record<string, string>;
  /** The operator's own words for it; absent where there are none. */
  tags?: readonly string[];
  /** The turn that the next one follows; `null` while the session is empty. */
  head: TurnId | null;
  /** The number of the line that the head is on; absent for the first line, which is 0. */
  main?: number;
  /** How often items of its turns were hidden. A branch is still current if `head` and `edits` are unchanged. */
  edits: number;
}

/** A turn as part of a branch, with its counts and marks. */
export interface BranchTurn {
  turn: Turn;
  /** Context tokens of this turn alone. */
  tokens: number;
  /** Context tokens of the branch up to and including this turn. */
  totalTokens: number;
  digest: string;
  /** Items that the caller deleted, as `i0`, `o2`. */
  hidden: readonly string[];
}

/** The turn that an intent becomes with its outcome. */
export function turnOf(intent: WaitingIntent | PlacedIntent, outcome: Outcome): AnsweredTurn;
export function turnOf(intent: AppendIntent, outcome: Outcome): AppendedTurn;
export function turnOf(intent: Intent, outcome: Outcome): Turn {
  if (intent.kind === 'append') {
    const { position, fingerprint: _fingerprint, kind, metadata = {}, ...appended } = intent;
    return { ...appended, ...outcome, ...notesOf(position), kind, parent: position.parent, metadata };
  }
  const { position } = intent;
  // `extra` of an ask is the request's, `extra` of a turn the answer's.
  return {
    ...intent,
    ...outcome,
    ...(position && notesOf(position)),
    extra: outcome.extra,
    kind: 'ask',
    parent: position?.parent ?? null,
  };
}

/** What is stored of a position beside its columns. */
export function notesOf({ opening, resent }: BranchPosition): Notes {
  return { ...(opening && { opening }), ...(resent && { resent }) };
}
