/** A key that seals reasoning. */
export interface SealKey {
  /** Letters and digits; a part of every text that is sealed with the key. */
  id: string;
  /** 32 random bytes. */
  secret: Uint8Array;
  /** Milliseconds since the epoch. The newest key seals; all keys open. */
  createdAt: number;
}

/** The keys that seal reasoning, shared by all instances of a store. A key is never changed or removed. */
export interface SealKeyStore {
  /** All keys, the newest last. Of keys with the same time, the one with the greater id counts as newer. */
  sealKeys(): Promise<SealKey[]>;
  /** A key with an id that is known changes nothing. */
  addSealKey(key: SealKey): Promise<void>;
}
