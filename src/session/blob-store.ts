import type { SessionId } from '../core/ids.ts';
import type { Tenant } from '../core/request.ts';

/** The owner of a blob. */
export interface BlobOwner {
  tenant: Tenant;
  session: SessionId;
}

/**
 * Large content, stored once per session by its hash, outside the rows. A session or
 * a tenant cannot read the blobs of another one, even if it knows their hash. Implementations pass
 * `tests/conformance/blob-store.ts`. Failures of the store itself reject with `store_unavailable`.
 */
export interface BlobStore {
  /** Resolves to the SHA-256 of the bytes in lower-case hex, once they survive a crash of the machine. Idempotent. */
  putBlob(owner: BlobOwner, bytes: Uint8Array): Promise<string>;
  /** `undefined` when the blob is missing or damaged (its hash no longer fits). */
  getBlob(owner: BlobOwner, hash: string): Promise<Uint8Array | undefined>;
  /** No effect where there is no such blob. */
  deleteBlob(owner: BlobOwner, hash: string): Promise<void>;
  /** Deletes all blobs of a session. */
  erase(tenant: Tenant, session: SessionId): Promise<void>;
}
