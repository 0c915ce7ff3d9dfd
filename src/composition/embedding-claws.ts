import type { EmbeddingClaw, EmbeddingProtocol } from '../claws/embedding.ts';
import { geminiEmbedding } from '../claws/gemini/embedding.ts';
import { type HttpEmbeddingParts, httpEmbedding } from '../claws/http-embedding.ts';
import { glossEmbedding } from '../claws/local/gloss.ts';
import { openaiEmbedding } from '../claws/openai-chat/embedding.ts';
import { gloss } from '../context/retrieval/gloss.ts';
import { termsOf } from '../context/retrieval/words.ts';
import type { ProtocolName } from '../core/prompt.ts';

/** Anthropic has no API for embeddings. */
const PROTOCOLS: Partial<Record<ProtocolName, EmbeddingProtocol>> = {
  'openai-chat': openaiEmbedding,
  'openai-responses': openaiEmbedding,
  gemini: geminiEmbedding,
};

/** The embedding claw of a connection; `undefined` where none of its provider's protocols has embeddings. */
export function embeddingClaw(
  protocols: readonly ProtocolName[],
  parts: Omit<HttpEmbeddingParts, 'protocol'>,
): EmbeddingClaw | undefined {
  const protocol = protocols.map((name) => PROTOCOLS[name]).find((known) => known !== undefined);
  return protocol && httpEmbedding({ ...parts, protocol });
}

/** The built-in embedding model, `local/gloss`. */
export const LOCAL_EMBEDDING = {
  claw: glossEmbedding((text) => {
    const terms = termsOf(text);
    return { vector: gloss().meaning(terms), words: terms.length };
  }),
  models: ['gloss'],
};
