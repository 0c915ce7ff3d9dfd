import type { EmbeddingClaw } from '../../claws/embedding.ts';
import { estimateTokens } from '../../context/tokens.ts';
import { type Candidate, candidateName } from '../../core/candidate.ts';
import type { Directory } from '../../core/directory.ts';
import type { EmbeddingInput, EmbeddingRequest, Embeddings } from '../../core/embedding.ts';
import { callFailureOf, Fault } from '../../core/errors.ts';
import type { Quota } from '../../core/quota.ts';
import type { NanoDollars, Usage } from '../../core/usage.ts';
import type { Asker } from '../../routing/choose.ts';
import { chooseEmbedding } from '../../routing/choose-embedding.ts';
import { guarded } from '../../routing/guarded.ts';
import type { HealthStore } from '../../routing/health.ts';
import type { MoneyBudget } from '../../routing/money-budget.ts';
import { costOf } from '../../usage/prices.ts';

/** What the embedder needs. `now` is a monotonic clock in milliseconds. */
export interface EmbedderParts {
  /** `ClawDirectory.embeddings`, and all providers. */
  directory: Directory;
  claws: Pick<Directory, 'service'>;
  clawOf(candidate: Candidate): EmbeddingClaw;
  health: HealthStore;
  budget: MoneyBudget;
  /** Milliseconds that one call may take. */
  callMs(candidate: Candidate): number;
  now(): number;
}

/** Texts to embed, for one caller. */
export interface Embedding extends Omit<EmbeddingRequest, 'model'> {
  /** As the caller names it: `provider/model`, a known model, or an alias. */
  model: string;
}

/** The vectors of a request, and what they cost. */
export interface Embedded extends Embeddings {
  candidate: Candidate;
  /** Absent where the price is not known. */
  cost?: NanoDollars;
}

/** Embeds texts with any claw that can. */
export class Embedder {
  constructor(private readonly parts: EmbedderParts) {}

  /** The candidates for a model of this name, all with the same vectors. Throws as `chooseEmbedding` does. */
  choose(model: string, asker: Asker, user?: string): Candidate[] {
    return chooseEmbedding({ model, user }, asker, this.parts);
  }

  /**
   * Calls the candidates in order until one embeds all inputs; a long list is divided into several calls. Those that
   * are held back come last. Rejects with the failure of the last one that was called.
   */
  async embed(
    candidates: readonly Candidate[],
    embedding: Omit<Embedding, 'model'>,
    { tenant }: Pick<Asker, 'tenant'>,
    signal: AbortSignal,
  ): Promise<Embedded> {
    const { health } = this.parts;
    const isReady = (candidate: Candidate) => (health.of(candidate).isAvailable ? 0 : 1);
    const inOrder = candidates.toSorted((a, b) => isReady(a) - isReady(b));
    let failure: unknown;
    for (const [index, candidate] of inOrder.entries()) {
      const isLast = index === inOrder.length - 1;
      try {
        return await this.embedWith({ candidate, tenant, signal, isLast }, embedding);
      } catch (error) {
        if (signal.aborted || (callFailureOf(error)?.concerns ?? 'request') === 'request') throw error;
        failure = error;
      }
    }
    throw failure;
  }

  private async embedWith(
    call: { candidate: Candidate; tenant: string; signal: AbortSignal; isLast: boolean },
    { inputs, ...embedding }: Omit<Embedding, 'model'>,
  ): Promise<Embedded> {
    const { candidate } = call;
    const claw = this.parts.clawOf(candidate);
    const vectors: Float32Array[] = [];
    let usage: Usage | undefined;
    let estimated = false;
    for (const part of partsOf(inputs, claw)) {
      const request = { ...embedding, model: candidate.model, inputs: part };
      const run = (signal: AbortSignal, quota: (quota: Quota) => void) =>
        claw.embed(request, signal, { quota });
      const answer = await guarded({ ...call, run, withinMs: this.parts.callMs(candidate) }, this.parts);
      if (vectors.length > 0 && vectors[0]!.length !== answer.vectors[0]!.length)
        throw new Fault(
          'provider_protocol_error',
          `${candidateName(candidate)} gave vectors of different lengths.`,
        );
      vectors.push(...answer.vectors);
      const input = answer.estimated ? tokensOf(part) : answer.usage.input;
      estimated ||= answer.estimated === true;
      usage = usage ? { ...usage, input: usage.input + input } : { ...answer.usage, input };
    }
    const { price } = candidate;
    return {
      ...{ candidate, vectors, usage: usage!, cost: price && costOf(usage!, price).amount },
      ...(estimated && { estimated }),
    };
  }
}

/** About how many tokens inputs have. */
export function tokensOf(inputs: readonly EmbeddingInput[]): number {
  return inputs.reduce<number>((sum, input) => sum + tokensIn(input), 0);
}

const tokensIn = (input: EmbeddingInput): number =>
  typeof input === 'string' ? estimateTokens(input) : input.length;

/** Estimates may be too low, and a provider refuses what is too much. */
const SHARE_OF_LIMIT = 0.7;

/** The inputs in parts that the claw takes. One input that is too large alone is for the provider to refuse. */
function* partsOf(
  inputs: readonly EmbeddingInput[],
  { mostInputs, mostTokens = Number.POSITIVE_INFINITY }: EmbeddingClaw,
): Generator<EmbeddingInput[]> {
  let part: EmbeddingInput[] = [];
  let tokens = 0;
  for (const input of inputs) {
    const size = mostTokens === Number.POSITIVE_INFINITY ? 0 : tokensIn(input);
    if (part.length === mostInputs || (part.length > 0 && tokens + size > SHARE_OF_LIMIT * mostTokens)) {
      yield part;
      part = [];
      tokens = 0;
    }
    part.push(input);
    tokens += size;
  }
  yield part;
}
