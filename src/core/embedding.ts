import type { Usage } from './usage.ts';

/** A text, or the numbers of its tokens in the tokenizer of the model. */
export type EmbeddingInput = string | readonly number[];

/** What is to be embedded, as every claw understands it. */
export interface EmbeddingRequest {
  /** The model's name at the provider. */
  model: string;
  /** At least one; none is empty. */
  inputs: readonly EmbeddingInput[];
  /** The length of the vectors, for models that can shorten them. Absent: as the model has it. */
  dimensions?: number;
  /** The caller's own id of its end user. */
  user?: string;
  /** What the vectors are compared for: some models embed a question otherwise than what is searched. */
  purpose?: 'query' | 'passage';
  /** Fields of the caller that the gateway does not know; only for providers with the same vocabulary. */
  extra?: Readonly<Record<string, unknown>>;
}

/** What a model made of the inputs of a request. */
export interface Embeddings {
  /** One for each input, in their order, all of the same length. */
  vectors: readonly Float32Array[];
  usage: Usage;
  /** The provider did not report its usage. */
  estimated?: boolean;
}
