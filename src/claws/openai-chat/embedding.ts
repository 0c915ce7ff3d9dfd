import type { EmbeddingRequest, Embeddings } from '../../core/embedding.ts';
import { isObject } from '../../core/json.ts';
import type { Provider, WireRequest } from '../claw.ts';
import type { EmbeddingProtocol } from '../embedding.ts';
import { notVectors, sameLength, vectorOf } from '../vectors.ts';
import { chatFault } from './fault.ts';

/**
 * OpenAI's `POST /embeddings` and the servers that are compatible with it. OpenAI API reference, "Create embeddings":
 * at most 2,048 inputs and 300,000 tokens together.
 */
export const openaiEmbedding: EmbeddingProtocol = {
  mostInputs: 2_048,
  mostTokens: 300_000,
  takesTokens: true,
  request: embeddingRequest,
  answer: embeddingAnswer,
  fault: chatFault,
};

/** https://docs.mistral.ai/api, "Embeddings": the name of the field for the length of vectors. */
const DIMENSIONS_FIELDS: Readonly<Record<string, string>> = { mistral: 'output_dimension' };

/** OpenAI itself, and Azure's API, which is the same: only these surely know base64, which takes a quarter of the bytes. */
const knowsBase64 = ({ developerRole, maxTokensField }: Provider['quirks']): boolean =>
  developerRole === true && maxTokensField === 'max_completion_tokens';

function embeddingRequest(
  { model, inputs, dimensions, user, extra }: EmbeddingRequest,
  { id, apiKey, quirks }: Provider,
): WireRequest {
  return {
    path: '/embeddings',
    headers: apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` },
    body: {
      ...extra,
      ...{ model, input: inputs },
      ...(dimensions !== undefined && { [DIMENSIONS_FIELDS[id] ?? 'dimensions']: dimensions }),
      ...(user !== undefined && { user }),
      ...(knowsBase64(quirks) && { encoding_format: 'base64' }),
    },
  };
}

function embeddingAnswer(body: unknown, { inputs }: EmbeddingRequest): Embeddings {
  if (!isObject(body) || !Array.isArray(body.data)) throw notVectors('a field `data` with a list', body);
  const vectors: Float32Array[] = [];
  body.data.forEach((entry: unknown, at) => {
    if (!isObject(entry)) throw notVectors('objects in `data`', entry);
    const index = typeof entry.index === 'number' ? entry.index : at;
    vectors[index] = vectorOf(entry.embedding);
  });
  const usage = isObject(body.usage) ? body.usage : {};
  const input = Number(usage.prompt_tokens ?? usage.total_tokens ?? Number.NaN);
  const isKnown = Number.isInteger(input) && input >= 0;
  return {
    vectors: sameLength(
      Array.from(vectors, (vector) => vector ?? new Float32Array(0)),
      inputs.length,
    ),
    usage: {
      ...{ input: isKnown ? input : 0, output: 0, cacheRead: 0, cacheWrite: 0, reasoning: 0 },
      ...(body.usage !== undefined && { raw: body.usage }),
    },
    ...(!isKnown && { estimated: true }),
  };
}
