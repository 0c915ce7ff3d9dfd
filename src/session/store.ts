import type { SessionId, TurnId } from '../core/ids.ts';
import type { Dialect, Session, SessionRef, Tenant, TurnState } from '../core/turn.ts';

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
  /**
   * Of the request, where its client may send it again unasked: 16 hexadecimal digits. Written with the
   * turn and never read back; `findRepeated` looks for it.
   */
  fingerprint?: string;
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

export interface SessionHead {
  session: Session;
  /** Empty while the session is; absent where what the caller knows is still right. */
  branch?: TurnRow[];
}

/** The state of a session when its branch was last read. */
export type KnownHead = Pick<Session, 'head' | 'edits'>;

/** A lease that somebody wants. Times are milliseconds since the epoch. */
export interface LeaseRequest {
  /** The process that asks (`Journal.instance`). */
  holder: string;
  now: number;
  /** The lease expires then, unless it is renewed. */
  until: number;
}

/** The head of a session and the right to write there, taken in one moment. */
export interface TakenHead extends SessionHead {
  /** The fencing token. Later leases of the same session have greater ones. */
  token: number;
}

/** What a turn does at its session's head when it is committed. */
export interface AtHead {
  /** The head becomes this turn, if it still is `from`. Absent where the turn stays beside the branch. */
  move?: { from: TurnId | null };
  /** The lease under which the turn ran; it is given back in the same moment. */
  token?: number;
}

/** An idempotency key in use. */
export interface Claim {
  /** The route and the caller's key, as one text; unique in the tenant. */
  key: string;
  /** Of the request's body. */
  fingerprint: string;
  /** The id of what the request makes: a turn, or a session. */
  target: string;
  /** The process that executes it (`Journal.instance`). */
  holder: string;
  /** Milliseconds since the epoch. */
  createdAt: number;
}

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
   * Takes the lease of a session and reads its head as `readHead` does, in one moment. While somebody else
   * holds a lease that has not expired, nothing changes and `heldUntil` says when it would. An expired one
   * is taken over: its token is worth nothing from then on. A lease survives its process, not the machine,
   * because with the machine every holder is gone.
   */
  takeHead(
    tenant: Tenant,
    ref: SessionRef,
    window: number,
    lease: LeaseRequest,
    known?: KnownHead,
  ): Promise<TakenHead | { heldUntil: number } | undefined>;
  /** Prolongs a lease, expired or not; false where another one has taken its place, or it was given back. */
  renewLease(tenant: Tenant, session: SessionId, token: number, until: number): Promise<boolean>;
  /** Gives a lease back. Nothing happens where it is not held any more. */
  releaseLease(tenant: Tenant, session: SessionId, token: number): Promise<void>;
  /** The processes that hold leases, expired or not. */
  leaseHolders(): Promise<string[]>;
  /** Gives back all that a process held; for one that is known to be dead. */
  releaseLeasesOf(holder: string): Promise<void>;

  /**
   * Appends a turn to the log and does `at` in the same moment. Returns false where `at.move` was asked for
   * and the head did not move: because it is not `from` any more, because the session does not exist, or
   * because the lease `at.token` is not held any more. The turn is stored all the same, as a fork.
   * Committing a turn whose id is stored already changes nothing but that its lease is given back, and
   * returns true. Rejects with `context_lost` where the parent is not stored in the same session of the
   * same tenant.
   */
  commitTurn(row: TurnRow, at?: AtHead): Promise<boolean>;

  /**
   * Claims an idempotency key, and resolves to the claim that stands: this one, or the one that was there
   * before. With `over`, a claim that stands with that holder and target is replaced.
   */
  claim(tenant: Tenant, claim: Claim, over?: Pick<Claim, 'holder' | 'target'>): Promise<Claim>;
  findClaim(tenant: Tenant, key: string): Promise<Claim | undefined>;
  /**
   * The latest turn that was committed with this `fingerprint` in the tenant, as far back as `since`
   * (milliseconds since the epoch, of `createdAt`).
   */
  findRepeated(tenant: Tenant, fingerprint: string, since: number): Promise<TurnId | undefined>;
  /**
   * Forgets claims made before one time, and the fingerprints of turns begun before another. A turn that was
   * claimed and is `deleted` is erased with its claim where it stands alone: in a session without a record, and
   * with no other turn.
   */
  forgetRequests(claimsBefore: number, fingerprintsBefore: number): Promise<void>;

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
