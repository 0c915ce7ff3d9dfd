import type { Tenant } from '../../core/turn.ts';
import type { BlobStore } from '../../session/store.ts';

/** Keeps blobs for as long as the process lives. */
export class MemoryBlobStore implements BlobStore {
  private readonly blobs = new Map<string, string>();

  async putBlob(tenant: Tenant, content: string): Promise<string> {
    const hash = new Bun.CryptoHasher('sha256').update(content).digest('hex');
    this.blobs.set(`${hash} ${tenant}`, content);
    return hash;
  }

  async getBlob(tenant: Tenant, hash: string): Promise<string | undefined> {
    return this.blobs.get(`${hash} ${tenant}`);
  }
}
