/** Hashed keys of the gateway itself. */
export interface KeyStore {
  /** The SHA-256 of the generated root key, in hex; `undefined` when there is none. */
  rootKeyHash(): Promise<string | undefined>;
  setRootKeyHash(hash: string): Promise<void>;
  /** Has no effect when there is none. */
  removeRootKeyHash(): Promise<void>;
}
