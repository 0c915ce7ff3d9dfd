import type { Emit } from '../core/events.ts';
import type { Overload } from '../limits/overload.ts';
import type { Embedder } from '../turn/embed/embedder.ts';
import { Indexer } from '../turn/past/indexer.ts';
import { Pasts } from '../turn/past/pasts.ts';
import { RecallEmbeddings } from '../turn/past/recall-model.ts';
import { sweepVectors } from '../turn/past/sweep-vectors.ts';
import type { Stores } from './stores.ts';

export interface RecallParts {
  stores: Pick<Stores, 'log' | 'vectors'>;
  embedder: Embedder;
  overload: Pick<Overload, 'level'>;
  /** The embedding model that the configuration names. */
  model(): string | undefined;
  emit: Emit;
}

/** Puts together what finds the past of sessions again. */
export function openRecall({ stores, embedder, overload, model, emit }: RecallParts) {
  const { log, vectors } = stores;
  const pasts = new Pasts(log, vectors, emit);
  const embeddings = new RecallEmbeddings({ embedder, model, emit });
  const indexer = new Indexer({ pasts, embeddings, vectors, log, overload, emit });
  const sweeping = new AbortController();
  void sweepVectors({ log, vectors, emit }, sweeping.signal);
  return {
    path: { pasts, embeddings, indexer, vectors },
    /** Recall goes on with words alone where its model cannot be called: the operator must learn of it. */
    reportMissing() {
      const problem = embeddings.problem();
      if (!problem) return;
      const { code, message } = problem;
      emit({ type: 'recall-model-missing', model: model()!, code, message });
    },
    close() {
      indexer.close();
      sweeping.abort();
    },
  };
}
