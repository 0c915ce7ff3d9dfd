import type { Finish } from './delta.ts';
import type { ErrorCode } from './errors.ts';
import type { SessionId, TurnId } from './ids.ts';
import type { Item } from './items.ts';
import type { Settings } from './settings.ts';
import type { NanoDollars, Usage } from './usage.ts';

/** Who a piece of data belongs to. Every query is bound to one. */
export type Tenant = string & { readonly tenant: unique symbol };

/** The API in whose words a caller speaks. */
export type Dialect = 'chat' | 'responses';

export type TurnState = 'queued' | 'running' | 'completed' | 'incomplete' | 'failed' | 'cancelled';

/** A session's id, or its name in the tenant. */
export type SessionRef = { id: SessionId } | { name: string };

/** Which stored state a request builds on, as its caller said. */
export type StateRef =
  /** None: the request stands alone, or begins a chain. */
  | { kind: 'none' }
  /**
   * A session. With `create`, an unknown name makes a new one. With `history`, items that hold what
   * others have said are the client's own full history and not news.
   */
  | { kind: 'session'; ref: SessionRef; create: boolean; history: boolean }
  /** A response to continue. `within`, where given, must be its session. */
  | { kind: 'response'; id: TurnId; within?: SessionRef }
  /**
   * Turns that are stored nowhere, after the stored one `after`: the caller's connection holds them. Their
   * `totalTokens` are not read. Only a turn that is not kept can follow them.
   */
  | { kind: 'held'; after: TurnId | null; turns: readonly BranchTurn[] };

/** How a turn is to meet trouble. Each has a default in the configuration, for all or for one key. */
export interface TurnPolicy {
  /** When the client that asked for it leaves: it runs on and is recorded, or stops. */
  onDisconnect: 'run_on' | 'cancel';
  /** While somebody else writes to its session: it waits, or branches off from what is there. */
  whenBusy: 'wait' | 'fork';
  /** While no candidate can be reached: it fails, or is kept until one can. */
  whenDown: 'fail' | 'defer';
  /**
   * Where an answer broke off that cannot be continued: it fails, or begins anew, and readers are told
   * which parts are void.
   */
  whenBroken: 'fail' | 'restart';
}

/** What holds where a request says nothing. A broken answer that nobody spoke of is its dialect's to decide. */
export type PolicyDefaults = Omit<TurnPolicy, 'whenBroken'> & Partial<Pick<TurnPolicy, 'whenBroken'>>;

/**
 * What it takes to run a turn again, or to go on with it, beside what is stored with it. Journaled with the
 * intent, never stored.
 */
export interface Plan {
  /** Models to try after the one that was asked for. */
  fallbacks?: string[];
  /** Request fields that we do not know, for a provider of the same dialect. */
  extra?: Record<string, unknown>;
  /** Whether providers are asked for a stream. */
  stream: boolean;
  background: boolean;
  overflow: 'truncate' | 'error';
  policy: TurnPolicy;
  /** The caller's key, by name, and the request. */
  key: string;
  requestId?: string;
  /** Kept for its idempotency key alone: nobody else can fetch it. */
  hidden?: boolean;
  fingerprint?: string;
  /** It has not come to its session yet: what it builds on. Parent and standing are not known. */
  waitsFor?: StateRef;
  /** Milliseconds since the epoch: it is given up then if no candidate could be reached. */
  deferredUntil?: number;
}

/** A failure as it is stored with the turn and shown to whoever fetches it. */
export interface TurnError {
  code: ErrorCode;
  message: string;
}

/**
 * What a turn was asked: the part that is known before a claw is called. It is journaled as the
 * turn's intent and never changes afterwards.
 */
export interface Intent {
  id: TurnId;
  tenant: Tenant;
  session: SessionId;
  /** The turn before this one on its branch; `null` at the root. Two turns with one parent are a fork. */
  parent: TurnId | null;
  /** Milliseconds since the epoch. */
  createdAt: number;
  dialect: Dialect;
  /** The model as the caller named it. Absent when items were only appended and no model was asked. */
  model?: string;
  /** What this turn adds to the session; never the history before it. Items carry no ids (see `ids.ts`). */
  input: Item[];
  /** Not inherited by later turns. */
  instructions?: string;
  settings: Settings;
  /** The blob that holds `settings.tools`, where they are large: most turns of a session share them. */
  toolsBlob?: string;
  /** Request fields that only the caller's dialect knows and that its replies echo. */
  echo?: Record<string, unknown>;
  /** The caller asked for the turn to be kept and listed as a stored chat completion. */
  listed?: boolean;
  metadata: Record<string, string>;
  /** What stands beside input items, by index: fields of the dialect that have no canonical place. */
  inputNatives?: Record<number, unknown>;
  standing: Standing;
  /** Absent when items were only appended. */
  plan?: Plan;
}

/** Where a turn stands on its branch, up to and including its own input. */
export interface Standing {
  /** Estimated context tokens of the branch before this turn, and of this turn's input. */
  branchTokens: number;
  inputTokens: number;
  /** Digest of the branch and this turn's input. */
  digest: string;
  /** Present when the session's head should follow the turn, if it still is `from`. */
  moveHead?: { from: TurnId | null };
}

/** How a turn ended. */
export interface Outcome {
  state: Exclude<TurnState, 'queued' | 'running'>;
  completedAt: number;
  /** The provider that answered, and the model as it named itself. Absent when none did. */
  provider?: string;
  /** The wire protocol it was spoken to in: the form of `outputNatives` and `extra`. */
  protocol?: string;
  servedModel?: string;
  providerId?: string;
  output: Item[];
  /** What stands beside output items for their own provider, by index. */
  outputNatives?: Record<number, unknown>;
  /** Further choices of a request with `n` > 1; not part of the session's context. */
  alternates?: Item[][];
  finish: Finish[];
  usage?: Usage;
  /** Absent when the model has no known price. */
  cost?: NanoDollars;
  /** All calls that gave a part of the answer, where there were several; `usage` and `cost` are their sums. */
  attempts?: Attempt[];
  error?: TurnError;
  /** Fields of the provider's envelope that have no canonical place. */
  extra?: Record<string, unknown>;
}

/** One of several calls that made an answer. */
export interface Attempt {
  provider: string;
  /** The model's name at the provider. */
  model: string;
  usage: Usage;
  /** The provider did not come to count it: tokens are estimated from what was sent and received. */
  estimated?: true;
  cost?: NanoDollars;
  /** What broke it off; absent for the one that ended in order. */
  error?: ErrorCode;
}

/** What of a turn's intent is stored with it. */
export type Asked = Omit<Intent, 'standing' | 'plan'>;

/** One request and its outcome. */
export type Turn = Asked & Outcome;

/**
 * A named or addressed session. An implicit chain of responses has turns but no record until
 * somebody names it.
 */
export interface Session {
  id: SessionId;
  tenant: Tenant;
  /** The caller's own id for it (`x-session-id: trip`); unique in the tenant. */
  name?: string;
  /** Milliseconds since the epoch. */
  createdAt: number;
  metadata: Record<string, string>;
  /** The turn that the next one follows; `null` while the session is empty. */
  head: TurnId | null;
  /** How often items of its turns were hidden: with `head`, it tells whether a branch read before is still right. */
  edits: number;
}

/** A turn as part of a branch, with what is counted and marked beside it. */
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

/** Who asks, as its key says. */
export interface Caller {
  tenant: Tenant;
  /** The key's name in the configuration; `root` for the root key. Safe to log. */
  key: string;
  /** How its turns meet trouble, unless the request says otherwise. */
  policy: PolicyDefaults;
  /** The request that is made in its name, as `x-request-id` says. */
  requestId?: string;
}
