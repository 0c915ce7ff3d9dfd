import type { SessionId, TurnId } from '../core/ids.ts';
import type { Tenant } from '../core/request.ts';
import type { MemberId } from './members.ts';

/** An idempotency key in use. */
export interface Claim {
  /** The route and the caller's key, as one text; unique in the tenant. */
  key: string;
  /** Of the request's body. */
  fingerprint: string;
  /** The id of what the request creates: a turn, or a session. */
  target: string;
  /** The process that runs the request. */
  holder: MemberId;
}

/** Which earlier claim on the same key a new one replaces; none where it is absent. */
export interface Replaceable {
  /** The claim with this holder and target. */
  over?: Pick<Claim, 'holder' | 'target'>;
  /** A claim that is older. */
  olderThanMs?: number;
}

/**
 * Idempotency keys and the fingerprints of requests that may come again. The store's clock decides all ages:
 * callers say how old something may be, in milliseconds. Implementations pass `tests/conformance/claim-store.ts`.
 * What a resolved promise has written survives a crash of the machine. Failures of the store itself reject with
 * `store_unavailable`.
 */
export interface ClaimStore {
  /** Claims an idempotency key, and resolves to the claim in force: this one, or the earlier one. */
  claim(tenant: Tenant, claim: Claim, replaceable?: Replaceable): Promise<Claim>;
  /** The claim on a key, if it is at most `maxAgeMs` old. */
  findClaim(tenant: Tenant, key: string, maxAgeMs: number): Promise<Claim | undefined>;
  /** The latest turn that was committed with this fingerprint within the last `maxAgeMs`. */
  findByFingerprint(tenant: Tenant, fingerprint: string, maxAgeMs: number): Promise<TurnId | undefined>;
  /**
   * Forgets claims and fingerprints that are older than that. A turn that was claimed and is `deleted` is erased
   * with its claim if it is the only turn of a session without a record.
   */
  forgetRequests(olderThan: { claimsMs: number; fingerprintsMs: number }): Promise<void>;
  /** Erases the claims whose target is the session or one of its turns, and the fingerprints of its turns. */
  erase(tenant: Tenant, session: SessionId): Promise<void>;
}
