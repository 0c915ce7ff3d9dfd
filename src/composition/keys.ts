import { type Config, policyOf } from '../config/config.ts';
import { systemClock } from '../core/clock.ts';
import type { Caller, Tenant } from '../core/request.ts';
import type { KeyRules } from '../core/routing.ts';
import { DEFAULT_TENANT, hashKey, Keyring, newKey } from '../security/keys.ts';
import { Seals } from '../security/seals.ts';
import { openStores, type Stores } from './stores.ts';

export interface OpenKeys {
  keyring: Keyring;
  /** The root key, if it was made now. The store keeps its hash, and the key file the key for local clients. */
  newRootKey?: string;
  /** Replaces the keys of the configuration. The root key stays. */
  reconfigure(config: Config): void;
  /** Takes a root key that another process has stored. The earlier key is refused from then on. */
  refresh(): Promise<void>;
}

type KeyStores = Pick<Stores, 'keys' | 'keyFile'>;

/** Where the root key comes from. A fixed one does not change while the gateway runs. */
type RootKey = { kind: 'fixed'; hash: string } | { kind: 'stored'; hash: string; newKey?: string };

/**
 * The keys of the configuration and the root key. Exactly one root key is valid: `own`, else the configured one,
 * else the stored one, else a new one. A configured key removes a different stored one: when the setting is
 * removed, the next start makes a new key, so that neither the configured nor an earlier key is valid again.
 * With `own`, the stored key is neither read nor changed.
 */
export async function openKeys(config: Config, stores: KeyStores, own?: string): Promise<OpenKeys> {
  const root = await rootKey(config, stores, own);
  let rootHash: string | undefined = root.hash;
  let settings = config;
  const keyring = new Keyring();
  const fill = () => {
    const rootCaller = {
      tenant: DEFAULT_TENANT,
      key: 'root',
      policy: policyOf(settings.turns),
      mayKeep: true,
      isRoot: true,
    };
    const configured = settings.keys.map((key) => [hashKey(key.key), callerOf(key)] as const);
    const ofRoot = rootHash === undefined ? [] : [[rootHash, rootCaller] as const];
    keyring.replace(new Map([...configured, ...ofRoot]));
  };
  fill();
  return {
    keyring,
    newRootKey: root.kind === 'stored' ? root.newKey : undefined,
    reconfigure(next) {
      settings = next;
      fill();
    },
    async refresh() {
      if (root.kind === 'fixed') return;
      const stored = await stores.keys.rootKeyHash();
      if (stored === rootHash) return;
      rootHash = stored;
      fill();
    },
  };
}

function callerOf({ name, tenant, policy, keep, sessions, ...settings }: Config['keys'][number]): Caller {
  const { models, regions, dataCollection, timeouts, context, historyTokens } = settings;
  const rules: KeyRules = { models, regions, dataCollection, limits: timeouts, context, historyTokens };
  const hasRules =
    models || regions || timeouts || context || historyTokens !== undefined || dataCollection === 'deny';
  return {
    ...{ tenant: tenant as Tenant, key: name, policy, mayKeep: keep, isRoot: false },
    ...(sessions === 'recognise' && { recognises: true as const }),
    ...(hasRules && { rules }),
  };
}

async function rootKey(config: Config, stores: KeyStores, own: string | undefined): Promise<RootKey> {
  if (own !== undefined) return { kind: 'fixed', hash: hashKey(own) };
  const { keys, keyFile } = stores;
  const stored = await keys.rootKeyHash();
  // A variable that was exported for clients holds the stored key. It changes nothing.
  const configured = config.rootKey === undefined ? undefined : hashKey(config.rootKey);
  if (configured !== undefined && configured !== stored) {
    if (stored !== undefined) await keys.removeRootKeyHash();
    keyFile?.remove();
    return { kind: 'fixed', hash: configured };
  }
  if (stored === undefined) {
    const key = await storeNewKey(stores);
    return { kind: 'stored', hash: hashKey(key), newKey: key };
  }
  // The file has another key if the database comes from a backup, for example.
  const inFile = keyFile?.read();
  if (inFile !== undefined && hashKey(inFile) !== stored) keyFile?.remove();
  return { kind: 'stored', hash: stored };
}

async function storeNewKey({ keys, keyFile }: KeyStores): Promise<string> {
  const key = newKey();
  await keys.setRootKeyHash(hashKey(key));
  keyFile?.write(key);
  return key;
}

/**
 * Makes a new root key and replaces the earlier one. Gateways that run on the data folder take it within
 * `ROOT_KEY_EVERY_MS`. Throws an error for the operator when the root key is not a stored one.
 */
export async function rotateRootKey(config: Config): Promise<string> {
  if (config.rootKey !== undefined)
    throw new Error(
      'The root key comes from the settings (CLAWHOLD_ROOT_KEY, or root_key in clawhold.yaml). Change it there and ' +
        'restart the gateway. If only clients use the variable, run: unset CLAWHOLD_ROOT_KEY',
    );
  if (config.storage.kind === 'memory')
    throw new Error('With storage in memory, every start makes a new root key. Restart the gateway.');
  const stores = await openStores(config, () => {});
  try {
    return await storeNewKey(stores);
  } finally {
    await stores.close();
  }
}

/**
 * Adds a key that seals reasoning from now on. Older keys still open what they sealed. Running gateways on the same
 * store use the new key within five minutes. Resolves to its id.
 */
export async function rotateSealKey(config: Config): Promise<string> {
  const stores = await openStores(config, () => {});
  try {
    return await (await Seals.open(stores.keys, systemClock)).rotate();
  } finally {
    await stores.close();
  }
}

/** How soon a running gateway takes a root key that another process has stored. */
export const ROOT_KEY_EVERY_MS = 1_000;
