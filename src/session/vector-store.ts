import type { SessionId, TurnId } from '../core/ids.ts';
import type { Tenant } from '../core/request.ts';

/** Whose vectors, and of which model: vectors of different models are never mixed. */
export interface VectorScope {
  tenant: Tenant;
  session: SessionId;
  /** A name that is equal only for vectors that can be compared. */
  model: string;
}

/** The vector of a passage of a turn. */
export interface PassageVector {
  turn: TurnId;
  /** Names the passage in its turn; without a control character. */
  passage: string;
  /** Only its direction counts. */
  vector: Int8Array;
}

/**
 * The vectors of the passages of sessions. They are derived: everything in the store can be made again from the log,
 * and the store may be deleted at any time. Implementations pass `tests/conformance/vector-store.ts`. What a resolved
 * promise has written, every later read sees; it need not survive a crash of the machine, but nothing is ever half
 * written. Failures of the store itself reject with `store_unavailable`.
 */
export interface VectorStore {
  /** All of them or none. A vector of the same passage is replaced. */
  putVectors(scope: VectorScope, vectors: readonly PassageVector[]): Promise<void>;
  /** The vectors of all branches, by turn and passage, after the one that is named; at most `limit`. */
  readVectors(
    scope: VectorScope,
    after: Pick<PassageVector, 'turn' | 'passage'> | undefined,
    limit: number,
  ): Promise<PassageVector[]>;
  /** Forgets the vectors of a turn, of all models. */
  forgetTurn(tenant: Tenant, session: SessionId, turn: TurnId): Promise<void>;
  /** Forgets all vectors of a session. */
  eraseVectors(tenant: Tenant, session: SessionId): Promise<void>;
  /** The sessions that have vectors, by tenant and id, after the one that is named; at most `limit`. */
  sessionsWithVectors(
    after: Pick<VectorScope, 'tenant' | 'session'> | undefined,
    limit: number,
  ): Promise<Pick<VectorScope, 'tenant' | 'session'>[]>;
}
