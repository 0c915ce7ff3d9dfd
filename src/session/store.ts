import type { SessionId, TurnId } from '../core/ids.ts';
import type { Dialect, Session, Tenant, TurnState } from '../core/turn.ts';

/**
 * One turn as a store keeps it. Stores index the columns and never look into `body`, which
 * `session/codec.ts` writes and reads.
 */
export interface TurnRow {
  tenant: Tenant;
  session: SessionId;
  id: TurnId;
  parent: TurnId | null;
  createdAt: number;
  state: TurnState;
  dialect: Dialect;
  /** Listed as a stored chat completion. */
  listed: boolean;
  /** The model as the caller named it; `''` when no model was asked. */
  model: string;
  /** Context tokens of this turn alone, input and output. */
  tokens: number;
  /** Context tokens of the branch up to and including this turn. */
  totalTokens: number;
  /** Digest of the branch's content up to and including this turn; equal digests mean equal content. */
  digest: string;
  /** Immutable content of the turn. */
  body: string;
  /** Mutable, small. */
  metadata: Record<string, string>;
  /** Items deleted by the caller, as `i0`, `o2`; views leave them out. */
  hidden: string[];
  /** The caller deleted the response; it can no longer be fetched or continued by its id. */
  deleted: boolean;
}

/** What may change on a stored turn. Absent fields stay. */
export interface TurnAmendment {
  metadata?: Record<string, string>;
  /** Added to what is hidden already. */
  hide?: string[];
  deleted?: true;
}

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

/** A session's id, or its name in the tenant. */
export type SessionRef = { id: SessionId } | { name: string };

export interface SessionHead {
  session: Session;
  /** Empty while the session is; absent where what the caller knows is still right. */
  branch?: TurnRow[];
}

/** The state of a session when its branch was last read. */
export type KnownHead = Pick<Session, 'head' | 'edits'>;

/** A turn's place in its session's tree. */
export interface TreeNode {
  id: TurnId;
  parent: TurnId | null;
  digest: string;
}

/**
 * The durable log of sessions. Implementations pass `tests/conformance/session-store.ts`.
 *
 * What holds for all: every call is bound to a tenant, and what belongs to another one does not exist.
 * A promise that has resolved has been written so that it survives the machine, and every later read,
 * here or in another process on the same store, sees it. Failures of the store itself reject with
 * `store_unavailable`.
 */
export interface SessionStore {
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
  /** The session is no longer found and its name is free again; its turns stay. False if there was none. */
  deleteSession(tenant: Tenant, id: SessionId): Promise<boolean>;

  /**
   * Appends a turn to the log. With `moveHead`, the session's head becomes this turn if it still is
   * `moveHead.from`; otherwise the turn is stored all the same, as a fork, and false is returned.
   * A session that does not exist has no head to move. Committing a turn whose id is stored already
   * changes nothing and returns true. Rejects with `context_lost` where the parent is not stored in the
   * same session of the same tenant.
   */
  commitTurn(row: TurnRow, moveHead?: { from: TurnId | null }): Promise<boolean>;
  /** Includes deleted turns, which say so. */
  readTurn(tenant: Tenant, id: TurnId): Promise<TurnRow | undefined>;
  /**
   * The end of a branch, oldest first: the tip and the turns before it that reach into the last `window`
   * tokens, all with `totalTokens > tip.totalTokens - window`. Empty where there is no such turn; rejects
   * with `context_lost` where a turn that should be there is not. The cost depends on what is returned, not
   * on the length of the session. The root comes first even where the window does not reach it, because
   * it holds the session's standing instructions.
   */
  readBranch(tenant: Tenant, tip: TurnId, window: number): Promise<TurnRow[]>;
  /**
   * A session and the branch that ends in its head, as one moment shows them; the branch as above. It is
   * left out where the session is still as `known` says.
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
   * Changes what may change; hiding an item counts as one of the session's `edits`. Resolves to the row after
   * it, or `undefined` if there is none.
   */
  amendTurn(tenant: Tenant, id: TurnId, change: TurnAmendment): Promise<TurnRow | undefined>;
  /** Listed turns of the tenant, by time. Deleted ones are left out. */
  listTurns(tenant: Tenant, query: ListQuery): Promise<TurnRow[]>;

  close(): Promise<void>;
}

/**
 * Large content, stored once by its hash, outside the rows. A tenant cannot reach another's blob, not
 * even by knowing its hash.
 */
export interface BlobStore {
  /** Resolves to the SHA-256 of the content in hex, once it survives the machine. Idempotent. */
  putBlob(tenant: Tenant, content: string): Promise<string>;
  /** `undefined` when it is missing or damaged (its hash no longer fits). */
  getBlob(tenant: Tenant, hash: string): Promise<string | undefined>;
}

/** Hashed keys of the gateway itself. */
export interface KeyStore {
  /** The SHA-256 of the root key, in hex; `undefined` before one was made. */
  rootKeyHash(): Promise<string | undefined>;
  setRootKeyHash(hash: string): Promise<void>;
}
