import { type Config, policyOf } from '../config/config.ts';
import type { Tenant } from '../core/request.ts';
import type { KeyStore } from '../security/key-store.ts';
import { DEFAULT_TENANT, hashKey, Keyring, newKey } from '../security/keys.ts';

export interface OpenKeys {
  keyring: Keyring;
  /** The root key, if it was made now: shown once, kept only as a hash. */
  newRootKey?: string;
  /** Replaces the keys of the configuration. The root key stays. */
  reconfigure(config: Config): void;
}

/** The keys of the configuration and the root key: the configured one, the stored one, or a new one. */
export async function openKeys(config: Config, keys: KeyStore): Promise<OpenKeys> {
  const root = await rootKeyHash(config, keys);
  const keyring = new Keyring();
  const reconfigure = (next: Config) => {
    const rootCaller = { tenant: DEFAULT_TENANT, key: 'root', policy: policyOf(next.turns), mayKeep: true };
    const configured = next.keys.map(
      ({ name, key, tenant, policy, keep }) =>
        [hashKey(key), { tenant: tenant as Tenant, key: name, policy, mayKeep: keep }] as const,
    );
    keyring.replace(new Map([...configured, [root.hash, rootCaller]]));
  };
  reconfigure(config);
  return { keyring, newRootKey: root.newKey, reconfigure };
}

async function rootKeyHash(
  { masterKey }: Config,
  keys: KeyStore,
): Promise<{ hash: string; newKey?: string }> {
  if (masterKey !== undefined) return { hash: hashKey(masterKey) };
  const known = await keys.rootKeyHash();
  if (known !== undefined) return { hash: known };
  const made = newKey();
  await keys.setRootKeyHash(hashKey(made));
  return { hash: hashKey(made), newKey: made };
}
