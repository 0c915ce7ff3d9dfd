import { type PicoDollars, perMillion } from '../../core/usage.ts';

/** What is known of a model that embeds. */
export interface EmbeddingFacts {
  id: string;
  /** Tokens of one input. */
  context: number;
  /** The length of its vectors. */
  dimensions: number;
  /** Its vectors can be cut to a shorter length by the provider. */
  shortens: boolean;
  /** For one token of input. */
  price: PicoDollars;
}

const model = (
  id: string,
  context: number,
  dimensions: number,
  usd: number,
  shortens = false,
): EmbeddingFacts => ({ id, context, dimensions, shortens, price: perMillion(usd) });

/**
 * The embedding models of the providers whose list prices are public, in US dollars per million tokens. From
 * models.dev and the price lists of the providers, November 2026. The catalogue of chat models (`models.json`) does
 * not have them: their "output" is the length of a vector.
 */
const MODELS: Readonly<Record<string, readonly EmbeddingFacts[]>> = {
  openai: [
    model('text-embedding-3-large', 8_191, 3_072, 0.13, true),
    model('text-embedding-3-small', 8_191, 1_536, 0.02, true),
    model('text-embedding-ada-002', 8_192, 1_536, 0.1),
  ],
  gemini: [model('gemini-embedding-001', 2_048, 3_072, 0.15, true)],
  mistral: [model('mistral-embed', 8_000, 1_024, 0.1)],
  local: [model('gloss', 8_192, 128, 0)],
};

/** The known embedding models of a provider, by its id. */
export const embeddingModels = (provider: string): readonly EmbeddingFacts[] => MODELS[provider] ?? [];

export const embeddingFacts = (provider: string, id: string): EmbeddingFacts | undefined =>
  embeddingModels(provider).find((known) => known.id === id);
