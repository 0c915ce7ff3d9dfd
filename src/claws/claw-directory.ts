import type { Candidate } from '../core/candidate.ts';
import type { Directory, ModelLimits, Service } from '../core/directory.ts';
import { Fault } from '../core/errors.ts';
import type { ProtocolName } from '../core/prompt.ts';
import { type Alias, captureOf } from '../core/routing.ts';
import { type Price, perMillion } from '../core/usage.ts';
import { billedPrice, type Priced } from './catalogue/billing.ts';
import type { Catalogue, ModelFacts } from './catalogue/catalogue.ts';
import type { Claw, Provider } from './claw.ts';
import type { EmbeddingClaw } from './embedding.ts';
import { EmbeddingDirectory } from './embedding-directory.ts';
import type { Connection, FoundProvider } from './find-providers.ts';

/** What the operator says about a model; overrides the catalogue. Prices are US dollars per million tokens. */
export interface ModelOverride {
  id: string;
  context?: number;
  output?: number;
  inputPrice?: number;
  outputPrice?: number;
  cacheReadPrice?: number;
  cacheWritePrice?: number;
  cacheWriteHourPrice?: number;
  inputs?: readonly string[];
  tools?: boolean;
  structuredOutput?: boolean;
}

/** What the configuration says about models. */
export interface ModelSettings {
  /** The models of the configuration, by provider as the operator wrote it. */
  overrides: Readonly<Record<string, readonly ModelOverride[]>>;
  /** The multipliers of prices by service tier, for each provider, under the name that the operator wrote. */
  multipliers: Readonly<Record<string, Readonly<Record<string, number>>>>;
  aliases: readonly Alias[];
}

/** What `ClawDirectory` works with. */
export interface ClawDirectoryParts {
  catalogue: Catalogue;
  settings: ModelSettings;
  makeClaw(provider: Provider, protocol: ProtocolName): Claw;
  /** `undefined` where none of the provider's protocols has embeddings. */
  makeEmbedding(provider: Provider, protocols: readonly ProtocolName[]): EmbeddingClaw | undefined;
  /** The claws that need no provider; the key is the provider's id. */
  builtIn: Readonly<Record<string, BuiltIn>>;
}

/** A claw that needs no provider, and the embedding model beside it. */
interface BuiltIn {
  claw: Claw;
  models: readonly string[];
  embedding?: { claw: EmbeddingClaw; models: readonly string[] };
}

interface Entry extends Service {
  /** What `/v1/models` lists. */
  listed: readonly string[];
  overrides: ReadonlyMap<string, ModelOverride>;
  /** Of the listed models: a call does not search the catalogue. */
  limits: ReadonlyMap<string, ModelLimits>;
  multipliers?: Readonly<Record<string, number>>;
  /** One for each instance, in the same order. */
  connections: readonly OpenConnection[];
}

/** The claws of one connection, one for each protocol. */
interface OpenConnection {
  instance?: string;
  /** Absent for built-in claws. */
  provider?: Provider;
  claws: ReadonlyMap<ProtocolName, Claw>;
  embedding?: EmbeddingClaw;
}

/** For how long prompt caches keep a prompt at providers that do not say it: the shortest time of those that do. */
const CACHE_MS = 300_000;

/** What can be called, as routing sees it, and the claws behind it. */
export class ClawDirectory implements Directory {
  /** The same for the choice of an embedding model. */
  readonly embeddings: Directory = new EmbeddingDirectory(this, () => this.entries.keys());
  private entries = new Map<string, Entry>();
  private byName = new Map<string, Entry>();
  /** Claws that the configuration no longer has, by their candidate. `until` is in milliseconds since the epoch. */
  private readonly retired = new Map<string, { claw: Claw; until: number }>();

  private settings: ModelSettings;
  /** The aliases without a `*` in their names, by name, and those with one. */
  private aliases: ReadonlyMap<string, Alias> = new Map();
  private patterns: readonly Alias[] = [];

  constructor(private readonly parts: ClawDirectoryParts) {
    this.settings = parts.settings;
    this.update([]);
  }

  /** Takes effect with the next `update`. */
  reconfigure(settings: ModelSettings): void {
    this.settings = settings;
  }

  /**
   * Replaces what can be called by what was found; claws of connections that have not changed stay. For
   * `RETIRED_MS`, candidates that were chosen before still find their claws.
   */
  update(found: readonly FoundProvider[]): void {
    const before = this.entries;
    // New objects: see `Directory.alias`.
    const aliases = this.settings.aliases.map((alias) => ({ ...alias }));
    this.aliases = new Map(
      aliases.filter(({ name }) => !name.includes('*')).map((each) => [each.name, each]),
    );
    this.patterns = aliases.filter(({ name }) => name.includes('*'));
    this.entries = new Map();
    this.byName = new Map();
    for (const [provider, { claw, models, embedding }] of Object.entries(this.parts.builtIn)) {
      const entry: Entry = {
        provider,
        protocols: [claw.protocol],
        ready: true,
        models: new Set(models),
        listed: models,
        overrides: new Map(),
        limits: new Map(),
        instances: [{ weight: 1 }],
        collectsData: false,
        cacheMs: CACHE_MS,
        connections: [{ claws: new Map([[claw.protocol, claw]]), embedding: embedding?.claw }],
        embeds: embedding && { models: new Set(embedding.models) },
      };
      this.entries.set(provider, entry);
      this.byName.set(provider, entry);
    }
    for (const provider of found) {
      const entry = this.entryOf(provider, before.get(provider.id));
      this.entries.set(provider.id, entry);
      for (const name of [provider.id, ...provider.aliases]) this.byName.set(name, entry);
    }
    this.retire(before.values());
  }

  /**
   * The claw of the candidate's instance, and of the first instance for a candidate that names none. Throws
   * `provider_not_configured` where the provider was turned off since the candidate was chosen, or no longer has
   * the protocol.
   */
  claw(candidate: Candidate): Claw {
    const { provider, protocol, instance } = candidate;
    const connections = this.entries.get(provider)?.connections ?? [];
    const first = connections[0]?.claws.get(protocol);
    if (first && (instance === undefined || instance === connections[0]!.instance)) return first;
    const named = connections.find((one) => one.instance === instance)?.claws.get(protocol);
    if (named) return named;
    const retired = this.retired.get(clawKey(candidate));
    if (retired && retired.until > Date.now()) return retired.claw;
    if (first) return first;
    throw new Fault('provider_not_configured', `The provider "${provider}" was turned off.`);
  }

  /**
   * The embedding claw of the candidate's instance, and of the first instance where there is no such instance. Throws
   * `provider_not_configured` where the provider was turned off since the candidate was chosen.
   */
  embedding({ provider, instance }: Pick<Candidate, 'provider' | 'instance'>): EmbeddingClaw {
    const connections = this.entries.get(provider)?.connections ?? [];
    const named = connections.find((one) => one.instance === instance) ?? connections[0];
    if (named?.embedding) return named.embedding;
    throw new Fault('provider_not_configured', `The provider "${provider}" was turned off.`);
  }

  service(provider: string): Service | undefined {
    return this.byName.get(provider);
  }

  services(): Service[] {
    return [...this.entries.values()];
  }

  limits(provider: string, model: string): ModelLimits {
    const entry = this.entries.get(provider);
    return (
      entry?.limits.get(model) ??
      this.limitsOf({ provider, model, own: entry?.multipliers }, entry?.overrides.get(model))
    );
  }

  providersOf(model: string): string[] {
    const offering = [...this.entries.values()].filter(
      (entry) => entry.ready && entry.listed.includes(model),
    );
    const order = this.parts.catalogue.providersOf(model);
    const rank = ({ provider }: Entry) => (order.includes(provider) ? order.indexOf(provider) : order.length);
    return offering.sort((a, b) => rank(a) - rank(b)).map(({ provider }) => provider);
  }

  alias(name: string): { alias: Alias; wildcard?: string } | undefined {
    const exact = this.aliases.get(name);
    if (exact) return { alias: exact };
    for (const alias of this.patterns) {
      const wildcard = captureOf(alias.name, name);
      if (wildcard !== undefined) return { alias, wildcard };
    }
    return undefined;
  }

  names(): string[] {
    const names = [...this.aliases.values()].filter((alias) => this.isReady(alias)).map(({ name }) => name);
    for (const { provider, ready, listed } of this.entries.values()) {
      if (ready) for (const model of listed) names.push(`${provider}/${model}`);
    }
    return names;
  }

  /** Whether a model of the alias can be called now, or one that a rule leads to. */
  private isReady({ members, rules }: Alias): boolean {
    const isReady = (name: string) => this.byName.get(name.slice(0, name.indexOf('/')))?.ready === true;
    return (
      members.some(({ model }) => isReady(model)) ||
      rules.some(({ use }) => isReady(use) || this.aliases.has(use))
    );
  }

  private entryOf(found: FoundProvider, before: Entry | undefined): Entry {
    const { catalogue } = this.parts;
    const { overrides } = this.settings;
    const own = [found.id, ...found.aliases].flatMap((name) => overrides[name] ?? []);
    const known = found.state === 'on' ? found.detectedModels : undefined;
    const listed = new Set([
      ...(known ?? catalogue.models(found.id).map(({ id }) => id)),
      ...own.map(({ id }) => id),
    ]);
    const overridden = new Map(own.map((model) => [model.id, model]));
    const connections = found.state === 'on' ? found.connections : [];
    const multipliers: Record<string, number> = Object.assign(
      {},
      ...[found.id, ...found.aliases].map((name) => this.settings.multipliers[name]),
    );
    const opened = connections.map((connection) =>
      this.opened(connection, found.protocols, before?.connections ?? []),
    );
    const limitsOf = (model: string) =>
      [model, this.limitsOf({ provider: found.id, model, own: multipliers }, overridden.get(model))] as const;
    return {
      provider: found.id,
      protocols: found.protocols,
      ready: found.state === 'on',
      turnOnWith: found.state === 'off' ? found.turnOnWith : undefined,
      listed: [...listed],
      overrides: overridden,
      multipliers,
      limits: new Map(found.state === 'on' ? [...listed].map(limitsOf) : []),
      instances: connections.map(({ instance: name, weight, region }) => ({ name, weight, region })),
      region: found.state === 'on' ? found.region : undefined,
      collectsData: found.state === 'off' || found.collectsData,
      cacheMs: catalogue.provider(found.id)?.cacheMs ?? CACHE_MS,
      // A provider that is off may have an API for embeddings: its protocol says so.
      embeds: found.state === 'off' || opened.some(({ embedding }) => embedding) ? {} : undefined,
      connections: opened,
    };
  }

  /** With the claws of an equal connection `before`, as far as there are any. */
  private opened(
    { instance, provider }: Connection,
    protocols: readonly ProtocolName[],
    before: readonly OpenConnection[],
  ): OpenConnection {
    const same = before.find((open) => Bun.deepEquals(open.provider, provider));
    const claws = new Map(
      protocols.map((name) => [name, same?.claws.get(name) ?? this.parts.makeClaw(provider, name)]),
    );
    const embedding = same?.embedding ?? this.parts.makeEmbedding(provider, protocols);
    return { instance, provider, claws, embedding };
  }

  /** Keeps the claws of entries that have no successor, for a while. */
  private retire(before: Iterable<Entry>): void {
    const now = Date.now();
    for (const [key, { until }] of this.retired) if (until <= now) this.retired.delete(key);
    for (const { provider, connections } of before) {
      const after = this.entries.get(provider)?.connections ?? [];
      for (const [index, { instance, claws }] of connections.entries()) {
        for (const [protocol, claw] of claws) {
          if (after.some((one) => one.instance === instance && one.claws.has(protocol))) continue;
          const retired = { claw, until: now + RETIRED_MS };
          this.retired.set(clawKey({ provider, protocol, instance }), retired);
          // Candidates may also name no instance.
          if (index === 0) this.retired.set(clawKey({ provider, protocol }), retired);
        }
      }
    }
  }

  private limitsOf(priced: Priced, override: ModelOverride | undefined): ModelLimits {
    const facts = this.parts.catalogue.model(priced.provider, priced.model);
    const listed = priceOf(override, facts);
    return {
      contextLimit: override?.context ?? facts?.context,
      outputLimit: override?.output ?? facts?.output,
      price: listed && billedPrice(listed, priced),
      reasons: facts?.reasoning,
      inputs: override?.inputs ?? facts?.input,
      tools: override?.tools ?? facts?.tools,
      structured: override?.structuredOutput ?? facts?.structuredOutput,
    };
  }
}

/** Between its choice and its call, a turn may wait for its session: `limits.session_wait_ms` by default. */
const RETIRED_MS = 120_000;

const clawKey = ({
  provider,
  protocol,
  instance = '',
}: Pick<Candidate, 'provider' | 'protocol' | 'instance'>) => `${provider} ${protocol} ${instance}`;

/** The price of the configuration or of the catalogue. */
function priceOf(override: ModelOverride | undefined, facts: ModelFacts | undefined): Price | undefined {
  if (override?.inputPrice === undefined || override.outputPrice === undefined) return facts?.price;
  const { inputPrice, outputPrice, cacheReadPrice, cacheWritePrice, cacheWriteHourPrice } = override;
  return {
    input: perMillion(inputPrice),
    output: perMillion(outputPrice),
    cacheRead: cacheReadPrice === undefined ? undefined : perMillion(cacheReadPrice),
    cacheWrite: cacheWritePrice === undefined ? undefined : perMillion(cacheWritePrice),
    cacheWriteHour: cacheWriteHourPrice === undefined ? undefined : perMillion(cacheWriteHourPrice),
  };
}
