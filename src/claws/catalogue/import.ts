import { looksLikeChat } from './chat-models.ts';
import { FLAGS, MODALITIES, type ModelRow, type ModelTable, type PriceRow } from './model-rows.ts';
import { PROVIDERS } from './providers.ts';

/**
 * Generates `models.json` from the catalogue of models.dev (MIT):
 *
 *     curl -o models-dev.json https://models.dev/api.json
 *     npm run catalogue -- models-dev.json
 */

interface SourcePrice {
  input?: number;
  output?: number;
  reasoning?: number;
  cache_read?: number;
  cache_write?: number;
  /** Other names that some rows use for `cache_read`. */
  cache_input?: number;
  cached_input?: number;
  /** Another name that some rows use for `cache_write`. */
  cached_write?: number;
  input_audio?: number;
  output_audio?: number;
}

/** The fields of a model of models.dev that are used here. */
export interface SourceModel {
  attachment?: boolean;
  reasoning?: boolean;
  tool_call?: boolean;
  structured_output?: boolean;
  status?: string;
  modalities?: { input?: string[]; output?: string[] };
  limit?: { context?: number; input?: number; output?: number };
  cost?: SourcePrice & { tiers?: (SourcePrice & { tier: { size: number; type?: string } })[] };
}

/** The published catalogue that models are taken from: its providers by id, their models by name. */
export type SourceCatalogue = Record<string, { models: Record<string, SourceModel> }>;

/** The chat models of the providers in `PROVIDERS`. Providers that the source does not have are left out. */
export function modelTable(source: SourceCatalogue): ModelTable {
  const table: Record<string, ModelRow[]> = {};
  for (const provider of PROVIDERS) {
    // The owner of a local server chooses its models, so the server itself is asked at run time.
    const models = provider.local ? undefined : source[provider.catalogue ?? provider.id]?.models;
    if (!models) continue;
    table[provider.id] = Object.entries(models)
      .filter(([id, model]) => isChatModel(id, model))
      .map(([id, model]) => modelRow(id, model))
      .sort(([a], [b]) => (a < b ? -1 : 1));
  }
  return table;
}

/** One model per line, so that the difference to a newer catalogue is readable. */
export function tableText(table: ModelTable): string {
  const providers = Object.entries(table).map(([id, rows]) => {
    const lines = rows.map((row) => JSON.stringify(row)).join(',\n');
    return `${JSON.stringify(id)}:[\n${lines}\n]`;
  });
  return `{\n${providers.join(',\n')}\n}\n`;
}

function isChatModel(id: string, { modalities, limit }: SourceModel): boolean {
  const speaksText = modalities?.input?.includes('text') && modalities.output?.includes('text');
  // The source gives a limit of 0 or 1 to models that do not generate text.
  return Boolean(speaksText && (limit?.context ?? 0) > 1 && (limit?.output ?? 0) > 1 && looksLikeChat(id));
}

function modelRow(id: string, model: SourceModel): ModelRow {
  const { cost, limit } = model;
  const inputLimit = limit?.input === limit?.context ? 0 : (limit?.input ?? 0);
  const tiers = (cost?.tiers ?? [])
    .filter(({ tier }) => tier.type === undefined || tier.type === 'context')
    .map((tier): readonly [number, ...PriceRow] => [tier.tier.size, ...priceRow(tier)]);
  const price = cost?.input === undefined ? null : priceRow(cost);
  const rest = tiers.length > 0 ? [price, inputLimit, ...tiers] : trimmed([price, inputLimit || null]);
  return [id, flagsOf(model), limit?.context ?? 0, limit?.output ?? 0, ...rest] as unknown as ModelRow;
}

function flagsOf(model: SourceModel): number {
  let flags = 0;
  if (model.tool_call) flags += FLAGS.tools;
  if (model.reasoning) flags += FLAGS.reasoning;
  if (model.structured_output) flags += FLAGS.structuredOutput;
  if (model.attachment) flags += FLAGS.attachment;
  if (model.status === 'deprecated') flags += FLAGS.deprecated;
  for (const [name, flag] of Object.entries(MODALITIES)) {
    if (model.modalities?.input?.includes(name)) flags += flag;
  }
  return flags;
}

function priceRow(cost: SourcePrice): PriceRow {
  const cacheRead = cost.cache_read ?? cost.cache_input ?? cost.cached_input;
  // When there is an input price, 0 means "no such price" in the source, not "free".
  const cacheWrite = cost.cache_write ?? cost.cached_write;
  const rest = [cacheRead, cacheWrite, cost.reasoning, cost.input_audio, cost.output_audio].map(
    (amount) => amount || null,
  );
  return [cost.input ?? 0, cost.output ?? 0, ...trimmed(rest)] as unknown as PriceRow;
}

function trimmed<Entry>(row: readonly (Entry | null)[]): (Entry | null)[] {
  return row.slice(0, row.findLastIndex((entry) => entry !== null) + 1);
}

if (import.meta.main) {
  const [path] = process.argv.slice(2);
  if (path === undefined) {
    console.error('usage: npm run catalogue -- <the JSON of models.dev>');
    process.exit(1);
  }
  const table = modelTable((await Bun.file(path).json()) as SourceCatalogue);
  const target = new URL('./models.json', import.meta.url);
  const bytes = await Bun.write(target, tableText(table));
  const count = Object.values(table).reduce((sum, rows) => sum + rows.length, 0);
  console.log(`${count} models of ${Object.keys(table).length} providers, ${bytes} bytes`);
}
