import type { EmbeddingInput } from '../core/embedding.ts';
import { Fault } from '../core/errors.ts';
import type { Quota } from '../core/quota.ts';
import type { Caller } from '../core/request.ts';
import type { Hold } from '../limits/hold.ts';
import { type Embedded, tokensOf } from '../turn/embed/embedder.ts';
import type { TurnPath } from '../turn/path.ts';

/** A caller's request for embeddings. */
export interface EmbeddingAsk {
  model: string;
  inputs: readonly EmbeddingInput[];
  dimensions?: number;
  user?: string;
  extra: Record<string, unknown>;
}

/** Embeddings for callers. Nothing of them is stored. */
export class EmbeddingsApi {
  constructor(private readonly path: Pick<TurnPath, 'embedder' | 'limits' | 'overload' | 'emit'>) {}

  /** Rejects as a turn does that is refused or whose calls fail. `gone` is aborted when the client disconnects. */
  async create(
    ask: EmbeddingAsk,
    caller: Caller,
    gone: AbortSignal,
  ): Promise<{ embedded: Embedded; quota?: Quota }> {
    const { embedder, limits, overload, emit } = this.path;
    const { model, ...embedding } = ask;
    const candidates = embedder.choose(model, caller, ask.user);
    overload.admit('interactive');
    const { tenant, key, requestId } = caller;
    const hold = limits.active
      ? await limits.take({
          ...{ tenant, key, model, user: ask.user, isStreamed: false },
          estimate: () => ({ input: tokensOf(ask.inputs), other: 0 }),
        })
      : undefined;
    const startedAt = performance.now();
    const ended = {
      type: 'embeddings-ended',
      model,
      key,
      tenant,
      requestId,
      inputs: ask.inputs.length,
    } as const;
    try {
      const embedded = await embedder.embed(candidates, embedding, caller, gone);
      await settled(hold, embedded);
      const { candidate, usage, cost } = embedded;
      emit({ ...ended, ms: performance.now() - startedAt, candidate, tokens: usage.input, cost });
      return { embedded, quota: hold?.quota };
    } catch (failure) {
      await hold?.settle();
      emit({ ...ended, ms: performance.now() - startedAt, failure });
      throw hold && failure instanceof Fault ? failure.with({ quota: hold.quota }) : failure;
    }
  }
}

function settled(hold: Hold | undefined, { usage }: Embedded): Promise<void> | undefined {
  hold?.report({ usage });
  return hold?.settle();
}
