import type { EmbeddingRequest, Embeddings } from '../../core/embedding.ts';
import { Fault } from '../../core/errors.ts';
import { isObject } from '../../core/json.ts';
import type { Provider, WireRequest } from '../claw.ts';
import type { EmbeddingProtocol } from '../embedding.ts';
import { notVectors, sameLength, vectorOf } from '../vectors.ts';
import { geminiFault } from './fault.ts';
import { modelPath, versionOf } from './request.ts';
import { present } from './wire.ts';

/**
 * Gemini's `batchEmbedContents`; https://ai.google.dev/api/embeddings. The API takes at most 100 texts at once, and no
 * tokens.
 */
export const geminiEmbedding: EmbeddingProtocol = {
  mostInputs: 100,
  takesTokens: false,
  request: embeddingRequest,
  answer: embeddingAnswer,
  fault: geminiFault,
};

const TASKS = { query: 'RETRIEVAL_QUERY', passage: 'RETRIEVAL_DOCUMENT' } as const;

function embeddingRequest(
  { model, inputs, dimensions, purpose }: EmbeddingRequest,
  { baseUrl, apiKey }: Provider,
): WireRequest {
  const name = model.includes('/') ? model : `models/${model}`;
  const requests = inputs.map((input) => {
    if (typeof input !== 'string')
      throw new Fault('unsupported_parameter', 'Gemini takes texts as input, and no tokens.', {
        param: 'input',
      });
    return present({
      model: name,
      content: { parts: [{ text: input }] },
      taskType: purpose && TASKS[purpose],
      outputDimensionality: dimensions,
    });
  });
  return {
    path: `${versionOf(baseUrl)}/${modelPath(model)}:batchEmbedContents`,
    headers: apiKey === undefined ? {} : { 'x-goog-api-key': apiKey },
    body: { requests },
  };
}

function embeddingAnswer(body: unknown, { inputs }: EmbeddingRequest): Embeddings {
  if (!isObject(body) || !Array.isArray(body.embeddings))
    throw notVectors('a field `embeddings` with a list', body);
  const vectors = body.embeddings.map((entry: unknown) => vectorOf(isObject(entry) ? entry.values : entry));
  const counted = isObject(body.usageMetadata) ? body.usageMetadata.promptTokenCount : undefined;
  const isKnown = typeof counted === 'number' && Number.isInteger(counted) && counted >= 0;
  return {
    vectors: sameLength(vectors, inputs.length),
    usage: {
      ...{ input: isKnown ? counted : 0, output: 0, cacheRead: 0, cacheWrite: 0, reasoning: 0 },
      ...(body.usageMetadata !== undefined && { raw: body.usageMetadata }),
    },
    ...(!isKnown && { estimated: true }),
  };
}
