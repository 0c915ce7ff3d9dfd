import type { Price } from '../core/usage.ts';

/** A claw and a model that could serve a turn. */
export interface Candidate {
  provider: string;
  protocol: string;
  /** The model's name at the provider. */
  model: string;
  /** Tokens of prompt and answer together, where known. */
  contextLimit?: number;
  /** The most tokens it can generate, where known. */
  outputLimit?: number;
  price?: Price;
  /** Why it stands where it does, for the receipt. */
  reason: string;
}

/** What callers see: `provider/model`. */
export const candidateName = ({ provider, model }: Candidate): string => `${provider}/${model}`;
