/** Hashed keys of the gateway itself. */
export interface KeyStore {
  /** The SHA-256 of the root key, in hex; `undefined` before one was made. */
  rootKeyHash(): Promise<string | undefined>;
  setRootKeyHash(hash: string): Promise<void>;
}
