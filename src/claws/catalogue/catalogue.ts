import { nearest } from '../../core/nearest.ts';
import { type Price, perMillion, type TokenPrice } from '../../core/usage.ts';
import {
  FLAGS,
  MODALITIES,
  type Modality,
  type ModelRow,
  type ModelTable,
  type PriceRow,
} from './model-rows.ts';
import models from './models.json';
import { PROVIDERS, type ProviderRow } from './providers.ts';

/** What is known about one model at one provider. */
export interface ModelFacts {
  /** The provider's id, as in its row. */
  provider: string;
  /** The model's name at the provider. It may differ from the requested name by a date. */
  id: string;
  /** In tokens: input and output together. */
  context: number;
  /** In tokens. Present when input is limited to less than the context. */
  inputLimit?: number;
  /** In tokens: the longest answer, with reasoning. */
  output: number;
  /** Absent when unknown. A free model has prices of 0. */
  price?: Price;
  /** What it accepts as input. Always includes `text`. */
  input: Modality[];
  /** It can call functions. */
  tools: boolean;
  /** It can reason before it answers. */
  reasoning: boolean;
  /** It can answer with JSON that fits a schema. */
  structuredOutput: boolean;
  /** It accepts files or images. */
  attachment: boolean;
  /** Its provider has announced when it is shut down. */
  deprecated: boolean;
}

/** Providers and models that are known at build time. A provider is listed whether it has a key or not. */
export interface Catalogue {
  readonly providers: readonly ProviderRow[];
  /** By id or alias: `google` gives `gemini`. */
  provider(name: string): ProviderRow | undefined;
  /**
   * A model at a provider (id or alias). A dated name that is not listed gives the undated model
   * (`gpt-5-2025-08-07` → `gpt-5`). An undated or `-latest` name that is not listed gives the newest dated one.
   */
  model(provider: string, model: string): ModelFacts | undefined;
  /**
   * All models of a provider (id or alias), sorted by name. Empty for an unknown provider and for local
   * servers.
   */
  models(provider: string): ModelFacts[];
  /** Ids of the providers that list exactly this model name. Providers of their own models come first. */
  providersOf(model: string): string[];
  /** Entries of `among` that are similar to `name`, nearest first: suggestions for a misspelled name. */
  nearest(name: string, among: Iterable<string>, count?: number): string[];
}

interface ModelIndex {
  exact: Map<string, ModelRow>;
  /** By the name without its date. */
  undated: Map<string, ModelRow>;
}

/** The catalogue of this version. The index of a provider is built at its first use. */
export function loadCatalogue(table: ModelTable = models as unknown as ModelTable): Catalogue {
  const byName = new Map<string, ProviderRow>();
  for (const row of PROVIDERS) {
    for (const name of [row.id, ...(row.aliases ?? [])]) byName.set(name, row);
  }
  const indexes = new Map<string, ModelIndex>();
  let offers: Map<string, string[]> | undefined;

  const indexOf = (provider: string): ModelIndex => {
    const known = indexes.get(provider);
    if (known) return known;
    const index = indexRows(table[provider] ?? []);
    indexes.set(provider, index);
    return index;
  };
  return {
    providers: PROVIDERS,
    provider: (name) => byName.get(name),
    model(provider, model) {
      const id = byName.get(provider)?.id;
      if (id === undefined) return undefined;
      const { exact, undated } = indexOf(id);
      const row = exact.get(model) ?? undated.get(withoutDate(model));
      return row && facts(id, row);
    },
    models(provider) {
      const id = byName.get(provider)?.id ?? '';
      return (table[id] ?? []).map((row) => facts(id, row));
    },
    providersOf(model) {
      offers ??= indexOffers(table);
      return offers.get(model) ?? [];
    },
    nearest,
  };
}

function indexRows(rows: readonly ModelRow[]): ModelIndex {
  const exact = new Map(rows.map((row) => [row[0], row]));
  const undated = new Map<string, ModelRow>();
  for (const row of rows) {
    const name = withoutDate(row[0]);
    const other = undated.get(name);
    if (!other || isBetter(row[0], other[0], name)) undated.set(name, row);
  }
  return { exact, undated };
}

/** The undated name itself is best, then `-latest`, then the newest date. */
function isBetter(id: string, other: string, name: string): boolean {
  const rank = (candidate: string) => (candidate === name ? 2 : candidate.endsWith('-latest') ? 1 : 0);
  return rank(id) === rank(other) ? id > other : rank(id) > rank(other);
}

/**
 * `gpt-5-2025-08-07`, `claude-opus-4-1@20250805`, `mistral-large-2411`, `gemini-2.0-flash-001`, `…-latest`.
 */
function withoutDate(model: string): string {
  return model.replace(/[-@](\d{4}-\d{2}-\d{2}|20\d{6}|\d{4}|00\d|latest)$/, '');
}

function indexOffers(table: ModelTable): Map<string, string[]> {
  const offers = new Map<string, string[]>();
  for (const { id } of PROVIDERS) {
    for (const [model] of table[id] ?? []) {
      const providers = offers.get(model);
      if (providers) providers.push(id);
      else offers.set(model, [id]);
    }
  }
  return offers;
}

function facts(provider: string, row: ModelRow): ModelFacts {
  const [id, flags, context, output, priceRow, inputLimit, ...tiers] = row;
  const has = (flag: number) => (flags & flag) !== 0;
  const input: Modality[] = ['text'];
  for (const [name, flag] of Object.entries(MODALITIES)) {
    if (has(flag)) input.push(name as Modality);
  }
  return {
    provider,
    id,
    context,
    inputLimit: inputLimit || undefined,
    output,
    price: priceRow ? priceOf(priceRow, tiers) : undefined,
    input,
    tools: has(FLAGS.tools),
    reasoning: has(FLAGS.reasoning),
    structuredOutput: has(FLAGS.structuredOutput),
    attachment: has(FLAGS.attachment),
    deprecated: has(FLAGS.deprecated),
  };
}

function priceOf(row: PriceRow, tiers: readonly (readonly [number, ...PriceRow])[]): Price {
  if (tiers.length === 0) return tokenPrice(row);
  return { ...tokenPrice(row), tiers: tiers.map(([above, ...price]) => ({ above, ...tokenPrice(price) })) };
}

function tokenPrice(row: PriceRow): TokenPrice {
  const [input, output, cacheRead, cacheWrite, reasoning, audioInput, audioOutput] = row;
  const optional = (usd?: number | null) => (usd == null ? undefined : perMillion(usd));
  return {
    input: perMillion(input),
    output: perMillion(output),
    cacheRead: optional(cacheRead),
    cacheWrite: optional(cacheWrite),
    reasoning: optional(reasoning),
    audioInput: optional(audioInput),
    audioOutput: optional(audioOutput),
  };
}
