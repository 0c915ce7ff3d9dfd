import type { KeyStore } from '../../security/key-store.ts';

/** Keeps the root key's hash for as long as the process lives. */
export class MemoryKeyStore implements KeyStore {
  private hash: string | undefined;

  async rootKeyHash(): Promise<string | undefined> {
    return this.hash;
  }

  async setRootKeyHash(hash: string): Promise<void> {
    this.hash = hash;
  }

  async removeRootKeyHash(): Promise<void> {
    this.hash = undefined;
  }
}
