import type { ProtocolName } from '../core/prompt.ts';
import type { ProviderRow } from './catalogue/providers.ts';
import type { Provider, Quirks } from './claw.ts';
import type { LocalServer } from './local-servers.ts';

/**
 * What an operator has set for one provider. Absent values come from the provider's row or the environment.
 */
export interface ProviderSettings {
  /** Without a trailing slash. */
  readonly baseUrl?: string;
  readonly apiKey?: string;
  /** False turns the provider off, even when a key is found. */
  readonly enabled: boolean;
  readonly protocol?: ProtocolName;
  /** Each defined quirk replaces the row's quirk of that name. */
  readonly quirks: Quirks;
  /** None: the provider has one connection, with the key and the base URL above. */
  readonly instances?: readonly InstanceSettings[];
  readonly region?: string;
  readonly dataCollection?: 'deny' | 'allow';
  /** Calls tell the provider the trace that they are in. */
  readonly traceContext?: boolean;
}

/** One of several connections of a provider. It has the provider's key or base URL where it has none. */
export interface InstanceSettings {
  readonly name: string;
  readonly baseUrl?: string;
  readonly apiKey?: string;
  /** Its share of the calls, relative to the other instances. */
  readonly weight: number;
  readonly region?: string;
}

/** Where providers may be found: in the catalogue, the configuration, the environment and on this machine. */
export interface FindProvidersOptions {
  rows: readonly ProviderRow[];
  /** By id or alias. A name that no row has defines a provider of the operator. */
  settings: Readonly<Record<string, ProviderSettings>>;
  env: Readonly<Record<string, string | undefined>>;
  /** Servers that were detected on this machine. */
  localServers?: readonly LocalServer[];
  /**
   * The port that the gateway itself listens on. Variables like `OPENAI_BASE_URL` are often set for the
   * gateway's clients. One that points to the gateway itself is ignored.
   */
  ownPort?: number;
}

interface Known {
  id: string;
  name: string;
  aliases: readonly string[];
  /** The protocols to choose from. The first is the default. */
  protocols: readonly [ProtocolName, ...ProtocolName[]];
  /** Its row in the catalogue. Absent for a provider that the operator defined. */
  row?: ProviderRow;
}

/** A connection of a provider, and where its parts come from. */
export interface Connection {
  /** The name of its instance; absent for the only connection of a provider without instances. */
  instance?: string;
  /** Its share of the calls, relative to the provider's other connections. */
  weight: number;
  region?: string;
  provider: Provider;
  /** The source of the key: a variable's name or a setting's path. Absent when there is no key. */
  keyFrom?: string;
  /**
   * The source of the base URL: a variable's name, a setting's path, or `detected`. Absent: the catalogue.
   */
  baseUrlFrom?: string;
}

/** A provider that can be called. */
export interface ProviderOn extends Known {
  state: 'on';
  connections: readonly Connection[];
  region?: string;
  /** Whether the provider may store requests or train on them. */
  collectsData: boolean;
  /** The chat models of a detected server. */
  detectedModels?: readonly string[];
}

/** A provider that cannot be called. `turnOnWith` names the variable or setting that changes it. */
export interface ProviderOff extends Known {
  state: 'off';
  reason: 'no_key' | 'not_running' | 'disabled';
  turnOnWith: string;
}

/** A provider that was found, ready or not. */
export type FoundProvider = ProviderOn | ProviderOff;

/**
 * Every provider of `rows` and of the settings, on or off. Settings take precedence over variables. A
 * provider is on when it has a key, instances, or a base URL from the settings. A local server is on when it was
 * detected, or when a variable or the settings name it.
 */
export function findProviders(options: FindProvidersOptions): FoundProvider[] {
  const { rows, settings } = options;
  const known = new Set(rows.flatMap((row) => [row.id, ...(row.aliases ?? [])]));
  const own = Object.keys(settings)
    .filter((id) => !known.has(id))
    .map((id) => findOwn(id, settings[id]!));
  return [...rows.map((row) => findRow(row, options)), ...own.filter((found) => found !== undefined)];
}

function findRow(row: ProviderRow, options: FindProvidersOptions): FoundProvider {
  const names = [row.id, ...(row.aliases ?? [])];
  const settingName = names.find((name) => options.settings[name] !== undefined) ?? row.id;
  const settings = options.settings[settingName];
  const known: Known = {
    id: row.id,
    name: row.name,
    aliases: row.aliases ?? [],
    protocols: settings?.protocol ? [settings.protocol] : row.protocols,
    row,
  };
  if (settings?.enabled === false) {
    return { ...known, state: 'off', reason: 'disabled', turnOnWith: `claws.${settingName}.enabled` };
  }

  const key = settings?.apiKey
    ? { value: settings.apiKey, from: `claws.${settingName}.api_key` }
    : firstSet(options.env, row.keyVariables);
  const server = options.localServers?.find(({ id }) => id === row.id);
  const address = settings?.baseUrl
    ? { value: settings.baseUrl, from: `claws.${settingName}.base_url` }
    : (addressVariable(row, options) ?? (server && { value: server.baseUrl, from: 'detected' }));
  const hasInstances = (settings?.instances?.length ?? 0) > 0;
  if (row.local ? !address && !settings : !key && !settings?.baseUrl && !hasInstances) {
    const [turnOnWith = ''] = row.local ? row.baseUrlVariables : row.keyVariables;
    return { ...known, state: 'off', reason: row.local ? 'not_running' : 'no_key', turnOnWith };
  }
  const quirks = mergeQuirks(row.quirks, settings?.quirks);
  const usual = { id: row.id, key, address, baseUrl: address?.value ?? row.baseUrl, quirks };
  const connections = connectionsOf(usual, settings, settingName);
  const isDetected = connections.some(({ baseUrlFrom }) => baseUrlFrom === 'detected');
  return {
    ...known,
    state: 'on',
    connections,
    region: settings?.region,
    collectsData: settings?.dataCollection !== 'deny',
    detectedModels: isDetected ? server?.models : undefined,
  };
}

/** Undefined for settings without an address or a protocol. The configuration refuses such settings. */
function findOwn(id: string, settings: ProviderSettings): FoundProvider | undefined {
  const { baseUrl, protocol, apiKey, instances = [] } = settings;
  const hasAddress = instances.length > 0 && instances.every((instance) => instance.baseUrl !== undefined);
  if ((baseUrl === undefined && !hasAddress) || protocol === undefined) return undefined;
  const known: Known = { id, name: id, aliases: [], protocols: [protocol] };
  if (!settings.enabled) {
    return { ...known, state: 'off', reason: 'disabled', turnOnWith: `claws.${id}.enabled` };
  }
  const usual = {
    id,
    key: apiKey === undefined ? undefined : { value: apiKey, from: `claws.${id}.api_key` },
    address: baseUrl === undefined ? undefined : { value: baseUrl, from: `claws.${id}.base_url` },
    baseUrl: baseUrl ?? '',
    quirks: mergeQuirks({}, settings.quirks),
  };
  return {
    ...known,
    state: 'on',
    connections: connectionsOf(usual, settings, id),
    region: settings.region,
    collectsData: settings.dataCollection !== 'deny',
  };
}

/** What each connection of a provider has, unless its instance says otherwise. */
interface Usual {
  id: string;
  key: Setting | undefined;
  address: Setting | undefined;
  /** The value of `address`, or the provider's usual base URL. */
  baseUrl: string;
  quirks: Quirks;
}

/** One for each instance of the settings, or the usual one. `settingName` is the provider's name in the settings. */
function connectionsOf(
  usual: Usual,
  settings: ProviderSettings | undefined,
  settingName: string,
): Connection[] {
  const { id, quirks } = usual;
  const { instances = [], region, traceContext: wantsTrace }: Partial<ProviderSettings> = settings ?? {};
  if (instances.length === 0) {
    const provider = { id, baseUrl: usual.baseUrl, apiKey: usual.key?.value, quirks, wantsTrace };
    return [{ weight: 1, region, provider, keyFrom: usual.key?.from, baseUrlFrom: usual.address?.from }];
  }
  return instances.map(({ name, apiKey, baseUrl, weight, ...instance }, index) => {
    const from = `claws.${settingName}.instances[${index}]`;
    return {
      instance: name,
      weight,
      region: instance.region ?? region,
      provider: {
        id,
        baseUrl: baseUrl ?? usual.baseUrl,
        apiKey: apiKey ?? usual.key?.value,
        quirks,
        wantsTrace,
      },
      keyFrom: apiKey === undefined ? usual.key?.from : `${from}.api_key`,
      baseUrlFrom: baseUrl === undefined ? usual.address?.from : `${from}.base_url`,
    };
  });
}

interface Setting {
  value: string;
  from: string;
}

function firstSet(
  env: Readonly<Record<string, string | undefined>>,
  names: readonly string[],
): Setting | undefined {
  for (const from of names) {
    // A pasted key often ends in a line break, which is not allowed in a header.
    const value = env[from]?.trim();
    if (value) return { value, from };
  }
  return undefined;
}

function addressVariable(row: ProviderRow, { env, ownPort }: FindProvidersOptions): Setting | undefined {
  for (const name of row.baseUrlVariables) {
    const found = firstSet(env, [name]);
    if (!found || pointsToGateway(found.value, ownPort)) continue;
    return { ...found, value: found.value.replace(/\/+$/, '') };
  }
  return undefined;
}

function pointsToGateway(address: string, ownPort: number | undefined): boolean {
  const url = URL.parse(address);
  if (!url || ownPort === undefined || url.port !== String(ownPort)) return false;
  return /^(localhost|127(\.\d+){3}|0\.0\.0\.0|\[::1?\])$/.test(url.hostname);
}

function mergeQuirks(known: Quirks, overrides: Quirks = {}): Quirks {
  const given = Object.entries(overrides).filter(([, value]) => value !== undefined);
  return { ...known, ...Object.fromEntries(given) };
}
