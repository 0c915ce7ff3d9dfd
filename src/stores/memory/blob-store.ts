import type { SessionId } from '../../core/ids.ts';
import type { Tenant } from '../../core/request.ts';
import type { BlobOwner, BlobStore } from '../../session/blob-store.ts';

/** Keeps blobs for as long as the process lives. */
export class MemoryBlobStore implements BlobStore {
  /** By owner, then by hash. */
  private readonly blobs = new Map<string, Map<string, Uint8Array>>();

  async putBlob(owner: BlobOwner, bytes: Uint8Array): Promise<string> {
    const hash = new Bun.CryptoHasher('sha256').update(bytes).digest('hex');
    const key = keyOf(owner);
    const blobs = this.blobs.get(key) ?? new Map<string, Uint8Array>();
    this.blobs.set(key, blobs.set(hash, bytes.slice()));
    return hash;
  }

  async getBlob(owner: BlobOwner, hash: string): Promise<Uint8Array | undefined> {
    return this.blobs.get(keyOf(owner))?.get(hash)?.slice();
  }

  async deleteBlob(owner: BlobOwner, hash: string): Promise<void> {
    this.blobs.get(keyOf(owner))?.delete(hash);
  }

  async erase(tenant: Tenant, session: SessionId): Promise<void> {
    this.blobs.delete(keyOf({ tenant, session }));
  }
}

const keyOf = ({ tenant, session }: BlobOwner): string => JSON.stringify([tenant, session]);
