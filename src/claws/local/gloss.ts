import { Fault } from '../../core/errors.ts';
import type { EmbeddingClaw } from '../embedding.ts';

/** The length of the vectors of `local/gloss`. */
const DIMENSIONS = 128;

/**
 * `local/gloss`: the built-in embedding model. It is deterministic and offline, and no language model: a text gets the
 * mean of the vectors of its English words, which are made from the glosses of WordNet. A text without a known English
 * word gets a vector of zeros. `meaningOf` gives the vector, and how many words were read.
 */
export function glossEmbedding(
  meaningOf: (text: string) => { vector: Float32Array; words: number },
): EmbeddingClaw {
  return {
    ...{ provider: 'local', mostInputs: 2_048, takesTokens: false },
    async embed({ inputs, dimensions }, signal) {
      if (dimensions !== undefined && dimensions !== DIMENSIONS)
        throw unsupported('dimensions', `local/gloss has vectors of ${DIMENSIONS} dimensions only.`);
      let words = 0;
      const vectors: Float32Array[] = [];
      for (const input of inputs) {
        signal.throwIfAborted();
        if (typeof input !== 'string')
          throw unsupported('input', 'local/gloss takes texts as input, and no tokens.');
        const meaning = meaningOf(input);
        words += meaning.words;
        vectors.push(meaning.vector);
        // A long list must not keep other requests waiting.
        if (vectors.length % AT_ONCE === 0) await new Promise(setImmediate);
      }
      return { vectors, usage: { input: words, output: 0, cacheRead: 0, cacheWrite: 0, reasoning: 0 } };
    },
  };
}

const AT_ONCE = 16;

const unsupported = (param: string, message: string): Fault =>
  new Fault('unsupported_parameter', message, { param });
