/** One model in `models.json`. Short, because there are many: trailing zeros and nulls are left out. */
export type ModelRow = readonly [
  id: string,
  /** A sum of `FLAGS` and `MODALITIES`. */
  flags: number,
  /** Tokens. */
  context: number,
  /** Tokens. */
  output: number,
  /** Null when the price is unknown. */
  price?: PriceRow | null,
  /** Tokens. 0 when only the context limits the input. */
  inputLimit?: number,
  ...tiers: (readonly [above: number, ...price: PriceRow])[],
];

/** US dollars per million tokens. Null when the provider has no such price. */
export type PriceRow = readonly [
  input: number,
  output: number,
  cacheRead?: number | null,
  cacheWrite?: number | null,
  reasoning?: number | null,
  audioInput?: number | null,
  audioOutput?: number | null,
];

/** Models by the provider's id. `import.ts` generates it. */
export type ModelTable = Readonly<Record<string, readonly ModelRow[]>>;

export const FLAGS = { tools: 1, reasoning: 2, structuredOutput: 4, attachment: 8, deprecated: 16 } as const;

/** What a model accepts as input beside text. */
export const MODALITIES = { image: 32, audio: 64, video: 128, pdf: 256 } as const;

/** A kind of input that a model accepts. */
export type Modality = 'text' | keyof typeof MODALITIES;
