import type { Catalogue, ModelFacts } from '../claws/catalogue/catalogue.ts';
import type { Claw, ProtocolName, Provider } from '../claws/claw.ts';
import type { FoundProvider } from '../claws/find-providers.ts';
import { type Price, perMillion } from '../core/usage.ts';
import type { Candidate } from '../routing/candidate.ts';
import type { Directory, ModelLimits, Service } from '../routing/choose.ts';

/** What the operator says of a model; goes before the catalogue. Prices are US dollars per million tokens. */
export interface ModelOverride {
  id: string;
  context?: number;
  output?: number;
  inputPrice?: number;
  outputPrice?: number;
  cacheReadPrice?: number;
  cacheWritePrice?: number;
}

export interface ClawDirectoryParts {
  catalogue: Catalogue;
  /** The models of the configuration, by provider as the operator wrote it. */
  overrides: Readonly<Record<string, readonly ModelOverride[]>>;
  aliases: Readonly<Record<string, readonly string[]>>;
  makeClaw(provider: Provider, protocol: ProtocolName): Claw;
  /** The claws that need no provider; the key is the provider's id. */
  builtIn: Readonly<Record<string, { claw: Claw; models: readonly string[] }>>;
}

interface Entry extends Service {
  /** What `/v1/models` lists. */
  listed: readonly string[];
  overrides: ReadonlyMap<string, ModelOverride>;
  claws: Map<ProtocolName, Claw>;
  connection?: Provider;
}

/** What can be called, as routing sees it, and the claws behind it. */
export class ClawDirectory implements Directory {
  private entries = new Map<string, Entry>();
  private byName = new Map<string, Entry>();

  constructor(private readonly parts: ClawDirectoryParts) {
    this.update([]);
  }

  /** Takes over what was found; claws of connections that have not changed stay. */
  update(found: readonly FoundProvider[]): void {
    const before = this.entries;
    this.entries = new Map();
    this.byName = new Map();
    for (const [provider, { claw, models }] of Object.entries(this.parts.builtIn)) {
      const claws = new Map([[claw.protocol, claw]]);
      const entry: Entry = {
        provider,
        protocols: [claw.protocol],
        ready: true,
        models: new Set(models),
        listed: models,
        overrides: new Map(),
        claws,
      };
      this.entries.set(provider, entry);
      this.byName.set(provider, entry);
    }
    for (const provider of found) {
      const entry = this.entryOf(provider, before.get(provider.id));
      this.entries.set(provider.id, entry);
      for (const name of [provider.id, ...provider.aliases]) this.byName.set(name, entry);
    }
  }

  claw({ provider, protocol }: Candidate): Claw {
    const entry = this.entries.get(provider)!;
    let claw = entry.claws.get(protocol);
    if (!claw) {
      claw = this.parts.makeClaw(entry.connection!, protocol);
      entry.claws.set(protocol, claw);
    }
    return claw;
  }

  service(provider: string): Service | undefined {
    return this.byName.get(provider);
  }

  limits(provider: string, model: string): ModelLimits {
    const facts = this.parts.catalogue.model(provider, model);
    const override = this.entries.get(provider)?.overrides.get(model);
    return {
      contextLimit: override?.context ?? facts?.context,
      outputLimit: override?.output ?? facts?.output,
      price: priceOf(override, facts),
    };
  }

  providersOf(model: string): string[] {
    const offering = [...this.entries.values()].filter(
      (entry) => entry.ready && entry.listed.includes(model),
    );
    const order = this.parts.catalogue.providersOf(model);
    const rank = ({ provider }: Entry) => (order.includes(provider) ? order.indexOf(provider) : order.length);
    return offering.sort((a, b) => rank(a) - rank(b)).map(({ provider }) => provider);
  }

  alias(name: string): readonly string[] | undefined {
    return Object.hasOwn(this.parts.aliases, name) ? this.parts.aliases[name] : undefined;
  }

  names(): string[] {
    const names = Object.keys(this.parts.aliases);
    for (const { provider, ready, listed } of this.entries.values()) {
      if (ready) for (const model of listed) names.push(`${provider}/${model}`);
    }
    return names;
  }

  private entryOf(found: FoundProvider, before: Entry | undefined): Entry {
    const { catalogue, overrides } = this.parts;
    const own = [found.id, ...found.aliases].flatMap((name) => overrides[name] ?? []);
    const known = found.state === 'on' ? found.detectedModels : undefined;
    const listed = new Set([
      ...(known ?? catalogue.models(found.id).map(({ id }) => id)),
      ...own.map(({ id }) => id),
    ]);
    const connection = found.state === 'on' ? found.provider : undefined;
    const same = before !== undefined && Bun.deepEquals(before.connection, connection);
    return {
      provider: found.id,
      protocols: found.protocols,
      ready: found.state === 'on',
      turnOnWith: found.state === 'off' ? found.turnOnWith : undefined,
      listed: [...listed],
      overrides: new Map(own.map((model) => [model.id, model])),
      claws: same ? before.claws : new Map(),
      connection,
    };
  }
}

function priceOf(override: ModelOverride | undefined, facts: ModelFacts | undefined): Price | undefined {
  if (override?.inputPrice === undefined || override.outputPrice === undefined) return facts?.price;
  const { inputPrice, outputPrice, cacheReadPrice, cacheWritePrice } = override;
  return {
    input: perMillion(inputPrice),
    output: perMillion(outputPrice),
    cacheRead: cacheReadPrice === undefined ? undefined : perMillion(cacheReadPrice),
    cacheWrite: cacheWritePrice === undefined ? undefined : perMillion(cacheWritePrice),
  };
}
