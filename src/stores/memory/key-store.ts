import type { KeyStore } from '../../security/key-store.ts';
import type { SealKey, SealKeyStore } from '../../security/seal-key-store.ts';

/** Keeps the root key's hash and the keys of seals for as long as the process lives. */
export class MemoryKeyStore implements KeyStore, SealKeyStore {
  private hash: string | undefined;
  private readonly seals = new Map<string, SealKey>();

  async rootKeyHash(): Promise<string | undefined> {
    return this.hash;
  }

  async setRootKeyHash(hash: string): Promise<void> {
    this.hash = hash;
  }

  async removeRootKeyHash(): Promise<void> {
    this.hash = undefined;
  }

  async sealKeys(): Promise<SealKey[]> {
    return [...this.seals.values()].sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
  }

  async addSealKey(key: SealKey): Promise<void> {
    if (!this.seals.has(key.id)) this.seals.set(key.id, key);
  }
}
