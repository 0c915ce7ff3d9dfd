/** A key that seals reasoning. */
export interface SealKey {
  /** Letters and digits. It is a part of every seal that the key makes. */
  id: string;
  /** 32 random bytes. */
  secret: Uint8Array;
  /** Milliseconds since the epoch. The newest key seals; all keys open. */
  createdAt: number;
}

/** The keys of seals, shared by all processes of a store. A key is never changed or removed. */
export interface SealKeyStore {
  /** All keys, the newest last. Of keys with the same time, the one with the greater id counts as newer. */
  sealKeys(): Promise<SealKey[]>;
  /** Has no effect if the store has a key with the same id. */
  addSealKey(key: SealKey): Promise<void>;
}
