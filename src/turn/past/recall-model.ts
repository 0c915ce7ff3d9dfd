import { embeddingFacts } from '../../claws/catalogue/embedding-models.ts';
import { type Candidate, candidateName } from '../../core/candidate.ts';
import { Fault } from '../../core/errors.ts';
import type { Emit } from '../../core/events.ts';
import type { Tenant } from '../../core/request.ts';
import type { KeyRules } from '../../core/routing.ts';
import type { Embedder } from '../embed/embedder.ts';

/** The vectors of models that can shorten them are asked for with this length: a longer one finds little more. */
const ENOUGH_DIMENSIONS = 512;
/** A turn waits so long for the vector of its query, and then goes on without. */
const QUERY_MS = 300;
/** After a query that failed or was too slow, turns do not wait for others, in milliseconds. */
const REST_MS = 15_000;
/** Characters of a text that are embedded: they fit the 2,048 tokens of the smallest models in most languages. */
const MOST_EMBEDDED = 4_000;

/** For whom something is embedded: the rules of a key also hold for what recall sends of its sessions. */
export interface RecallAsker {
  tenant: Tenant;
  rules?: KeyRules;
}

/** The embedding model for recall, as it can be called now. */
export interface RecallModel {
  candidates: readonly Candidate[];
  dimensions?: number;
  /** `VectorScope.model`. */
  key: string;
}

/** The embedding model that `context.embeddings` names. */
export class RecallEmbeddings {
  /** By the key of a model: until when its queries are left out, on the clock of `performance.now()`. */
  private readonly resting = new Map<string, number>();

  constructor(
    private readonly parts: {
      embedder: Pick<Embedder, 'choose' | 'embed'>;
      /** Read when it is needed: it changes with the configuration. */
      model(): string | undefined;
      emit: Emit;
    },
  ) {}

  /** `undefined` where none is set, or where it cannot be called, or not for this caller. */
  for(asker: RecallAsker): RecallModel | undefined {
    const name = this.parts.model();
    if (name === undefined) return undefined;
    try {
      return this.modelOf(name, asker);
    } catch (failure) {
      if (failure instanceof Fault) return undefined;
      throw failure;
    }
  }

  /** The fault of a model that is set and cannot be called. */
  problem(): Fault | undefined {
    const name = this.parts.model();
    try {
      if (name !== undefined) this.modelOf(name, { tenant: 'default' as Tenant });
      return undefined;
    } catch (failure) {
      if (failure instanceof Fault) return failure;
      throw failure;
    }
  }

  /** The vector of a query, if it comes in time. Never rejects. */
  async query(text: string, asker: RecallAsker): Promise<Float32Array | undefined> {
    const model = text.trim() === '' ? undefined : this.for(asker);
    if (!model || performance.now() < (this.resting.get(model.key) ?? 0)) return undefined;
    try {
      const [vector] = await this.embed([text], 'query', model, asker, AbortSignal.timeout(QUERY_MS));
      return vector;
    } catch (failure) {
      this.resting.set(model.key, performance.now() + REST_MS);
      const code = failure instanceof Fault ? failure.code : 'provider_timeout';
      this.parts.emit({
        type: 'recall-embedding-failed',
        candidate: model.candidates[0]!,
        during: 'query',
        code,
      });
      return undefined;
    }
  }

  /** The vectors of passages. Rejects as `Embedder.embed`. */
  passages(
    texts: readonly string[],
    model: RecallModel,
    asker: RecallAsker,
    signal: AbortSignal,
  ): Promise<readonly Float32Array[]> {
    return this.embed(texts, 'passage', model, asker, signal);
  }

  private async embed(
    texts: readonly string[],
    purpose: 'query' | 'passage',
    { candidates, dimensions }: RecallModel,
    { tenant }: RecallAsker,
    signal: AbortSignal,
  ): Promise<readonly Float32Array[]> {
    const inputs = texts.map((text) => text.slice(0, MOST_EMBEDDED));
    const embedding = { inputs, purpose, ...(dimensions !== undefined && { dimensions }) };
    return (await this.parts.embedder.embed(candidates, embedding, { tenant }, signal)).vectors;
  }

  private modelOf(name: string, { tenant, rules }: RecallAsker): RecallModel {
    // The list of models of a key is about what its callers may name.
    const own = rules && { ...rules, models: undefined };
    const candidates = this.parts.embedder.choose(name, { tenant, key: 'recall', rules: own });
    const [first] = candidates;
    const facts = embeddingFacts(first!.provider, first!.model);
    const dimensions =
      facts?.shortens && facts.dimensions > ENOUGH_DIMENSIONS ? ENOUGH_DIMENSIONS : undefined;
    return { candidates, dimensions, key: `${candidateName(first!)} ${dimensions ?? ''}`.trimEnd() };
  }
}
