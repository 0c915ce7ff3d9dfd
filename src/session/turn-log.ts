import type { GatewayEvent } from '../core/events.ts';
import type { SessionId, TurnId } from '../core/ids.ts';
import type { Outcome } from '../core/outcome.ts';
import type { Tenant } from '../core/request.ts';
import type { DialectName, Session, SessionRef } from '../core/turn.ts';
import type { NamedValue } from '../core/values.ts';

/**
 * One turn as a store keeps it. Stores index the columns and never look into `body`, which
 * `session/stored-turn.ts` writes and reads.
 */
export interface TurnRow {
  tenant: Tenant;
  session: SessionId;
  id: TurnId;
  parent: TurnId | null;
  createdAt: number;
  state: Outcome['state'];
  dialect: DialectName;
  /** Listed as a stored chat completion. */
  listed: boolean;
  /** The model as the caller named it; `''` when items were appended and no model was asked. */
  model: string;
  /** Context tokens of this turn alone, input and output. */
  tokens: number;
  /** Context tokens of the branch up to and including this turn. */
  totalTokens: number;
  /** Digest of the branch's content up to and including this turn; equal digests mean equal content. */
  digest: string;
  /** The number of the turn's line; `null` for a turn without output, which is beside every line. */
  line: number | null;
  /** Immutable content of the turn. */
  body: string;
  /** Mutable, small. */
  metadata: Record<string, string>;
  /** Items deleted by the caller, as `i0`, `o2`; views leave them out. */
  hidden: string[];
  /**
   * The turn cannot be fetched or continued by its id: its caller deleted it, or it is kept for its key or its
   * session alone.
   */
  deleted: boolean;
  /**
   * Of the request, where its client may send it again: 16 hexadecimal digits. Written with the turn and never
   * read back; `ClaimStore.findByFingerprint` looks for it.
   */
  fingerprint?: string;
  /** `findByHistory` finds the turn's session by `digest`. Written with the turn and never read back. */
  isFoundByHistory?: true;
}

/** The fields that may change on a stored turn. Absent fields stay as they are. */
export interface TurnAmendment {
  metadata?: Record<string, string>;
  /** Items to hide, in addition to those that are hidden already. */
  hide?: string[];
  deleted?: true;
}

/** Which listed turns to read, and in which order. */
export interface ListQuery {
  /** Exclusive; the last id of the page before. The page after a turn that is not stored is empty. */
  after?: TurnId;
  /** 1 to 100. */
  limit: number;
  order: 'asc' | 'desc';
  model?: string;
  /** Only turns whose metadata holds all of these. */
  metadata?: Record<string, string>;
}

/** A session and the branch that ends in its head. */
export interface SessionHead {
  session: Session;
  /** Empty while the session is empty; absent where the branch that the caller knows is still current. */
  branch?: TurnRow[];
}

/** The state of a session when its branch was last read. */
export type KnownHead = Pick<Session, 'head' | 'edits'>;

/** What a commit does in addition to appending the turn, in the same transaction. */
export interface CommitOptions {
  /** The head becomes this turn, if it still is `from`. Absent where the turn stays beside the branch. */
  move?: { from: TurnId | null };
  /** What changes on the turn's line, where it is remembered (`LineStore`). */
  line?: LineChange;
  /** The fencing token of the lease under which the turn ran; the lease is released in the same moment. */
  token?: number;
  /**
   * Values to set in the turn's session (`ValueStore`), if the session exists and the result of the commit is
   * true. The limits of values are not checked: they were when the request arrived, and the answer is made.
   */
  values?: readonly NamedValue[];
  /** The events that report the commit. A store with an outbox writes them in the same transaction. */
  events?: readonly GatewayEvent[];
}

/** What a commit changes on the line of its turn. */
export interface LineChange {
  /** The line's opening from now on; absent where it stays. */
  opening?: string;
  /** Present where the turn is on a side line: it becomes the tip, if the tip still is `from`. */
  tip?: {
    from: TurnId | null;
    /** The line becomes the main one where no turn follows another one on line 0, and line 0 is the main one. */
    promotes: boolean;
  };
}

/** A turn's position in its session's tree. */
export interface TreeNode {
  id: TurnId;
  parent: TurnId | null;
  digest: string;
  /** `TurnRow.line`. */
  line: number | null;
}

/**
 * The durable log of sessions and their ended turns. Implementations pass `tests/conformance/turn-log.ts`.
 *
 * For all methods: every call is bound to a tenant, and data of other tenants is never found. What a resolved
 * promise has written survives a crash of the machine, and every later read, here or in another process on the
 * same store, sees it. Failures of the store itself reject with
 * `store_unavailable`.
 */
export interface TurnLog {
  /**
   * Makes a session. Where `name` (or `id`) is taken in the tenant, the existing session is returned and
   * nothing changes, so that two racing callers get one session.
   */
  createSession(session: Session): Promise<Session>;
  /** By id or by name. Deleted sessions are not found. */
  findSession(tenant: Tenant, ref: SessionRef): Promise<Session | undefined>;
  /** Replaces the metadata. Resolves to `undefined` where there is no such session. */
  updateSession(
    tenant: Tenant,
    id: SessionId,
    metadata: Record<string, string>,
  ): Promise<Session | undefined>;
  /**
   * Replaces the name and the tags. `taken`: another session of the tenant has the name, and nothing changed.
   * `undefined` where there is no such session.
   */
  labelSession(
    tenant: Tenant,
    id: SessionId,
    labels: Pick<Session, 'name' | 'tags'>,
  ): Promise<Session | 'taken' | undefined>;
  /**
   * Makes a turn of the session's tree its head. `busy` while a lease of the session is held; `undefined` where there
   * is no such session or turn, or the turn is beside every line.
   */
  rewind(tenant: Tenant, turn: TurnId): Promise<Session | 'busy' | undefined>;
  /**
   * The session is no longer found, its name is free again and its values are erased; its turns stay. False if
   * there was none.
   */
  deleteSession(tenant: Tenant, id: SessionId): Promise<boolean>;

  /**
   * Appends a turn and does what `options` say in the same moment. Returns false where `options.move` was asked
   * for and the head did not move: because it is not `from` any more, because the session does not exist, or
   * because the lease of `options.token` is not held any more. The turn is stored all the same, as a fork.
   * Where another line has become the main one meanwhile, the turn becomes the tip of its own line instead, and
   * the result is true.
   * Committing a turn whose id is stored already only releases the lease, and returns true. Rejects with
   * `context_lost` where the parent is not stored in the same session of the same tenant.
   */
  commitTurn(row: TurnRow, options?: CommitOptions): Promise<boolean>;
  /** Includes deleted turns, which say so. */
  readTurn(tenant: Tenant, id: TurnId): Promise<TurnRow | undefined>;
  /**
   * The end of a branch, oldest first: the tip and the turns before it that reach into the last `window`
   * tokens, all with `totalTokens > tip.totalTokens - window`. Empty where there is no such turn; rejects
   * with `context_lost` where a turn that should be there is not. The cost depends on what is returned, not
   * on the length of the session. The root comes first even where the window does not reach it, because
   * it holds the session's opening instructions.
   */
  readBranch(tenant: Tenant, tip: TurnId, window: number): Promise<TurnRow[]>;
  /**
   * A session and the branch that ends in its head, read in one moment; the branch as in `readBranch`. The branch
   * is left out where the session still has the state `known`.
   */
  readHead(
    tenant: Tenant,
    ref: SessionRef,
    window: number,
    known?: KnownHead,
  ): Promise<SessionHead | undefined>;
  /** All turns of a session, without their bodies, in the order in which they were committed. */
  readTree(tenant: Tenant, session: SessionId): Promise<TreeNode[]>;
  /**
   * The session of the latest turn with `isFoundByHistory` that has the first of these digests that any such turn
   * has. Deleted sessions are not found.
   */
  findByHistory(tenant: Tenant, digests: readonly string[]): Promise<SessionId | undefined>;
  /**
   * Changes what may change; hiding an item counts as one of the session's `edits`. Resolves to the changed row,
   * or to `undefined` if there is none.
   */
  amendTurn(tenant: Tenant, id: TurnId, change: TurnAmendment): Promise<TurnRow | undefined>;
  /** Listed turns of the tenant, by time. Deleted ones are left out. */
  listTurns(tenant: Tenant, query: ListQuery): Promise<TurnRow[]>;

  /** Erases the session's record and all its turns, deleted ones included. Resolves where there is none, too. */
  erase(tenant: Tenant, session: SessionId): Promise<void>;
  close(): Promise<void>;
}
