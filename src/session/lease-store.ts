import type { SessionId } from '../core/ids.ts';
import type { Tenant } from '../core/request.ts';
import type { SessionRef } from '../core/turn.ts';
import type { MemberId } from './members.ts';
import type { KnownHead, SessionHead } from './turn-log.ts';

/** A lease that a process asks for. */
export interface LeaseRequest {
  holder: MemberId;
  /** Milliseconds after which the lease expires, unless it is renewed. 0 expires at once. */
  lastsMs: number;
}

/** The head of a session and the right to write there, taken in one moment. */
export interface TakenHead extends SessionHead {
  /** The fencing token. Later leases of the same session have greater ones. */
  token: number;
}

/** Another holder has the lease. */
export interface LeaseDenied {
  /** Milliseconds until that lease expires, unless it is renewed; more than 0. */
  expiresInMs: number;
}

/**
 * The right to write to a session, with a fencing token that grows. Leases live in the same store as the
 * `TurnLog`, because a commit checks and releases them. The store's clock decides all times: a caller only
 * says how long a lease lasts, so that clocks of different machines need not agree. Implementations pass
 * `tests/conformance/lease-store.ts`.
 *
 * A lease survives a crash of the process that holds it, not necessarily of the store's machine.
 * Failures of the store itself reject with `store_unavailable`.
 */
export interface LeaseStore {
  /**
   * Takes the lease of a session and reads its head as `TurnLog.readHead` does, in one moment. While another
   * holder has a lease that has not expired, nothing changes. An expired lease is taken over: its token is
   * void from then on. Resolves to `undefined` where there is no such session.
   */
  takeHead(
    tenant: Tenant,
    ref: SessionRef,
    window: number,
    lease: LeaseRequest,
    known?: KnownHead,
  ): Promise<TakenHead | LeaseDenied | undefined>;
  /** Extends a lease, expired or not, to `lastsMs` from now; false where it was released or taken over. */
  renewLease(tenant: Tenant, session: SessionId, token: number, lastsMs: number): Promise<boolean>;
  /** Releases a lease. No effect where it is not held any more. */
  releaseLease(tenant: Tenant, session: SessionId, token: number): Promise<void>;
  /** The processes that hold leases, expired or not. */
  leaseHolders(): Promise<MemberId[]>;
  /** Releases all leases of a process; for one that is known to be dead. */
  releaseLeasesOf(holder: MemberId): Promise<void>;
  /** Removes the lease of a session, and the record of its tokens. */
  erase(tenant: Tenant, session: SessionId): Promise<void>;
}
