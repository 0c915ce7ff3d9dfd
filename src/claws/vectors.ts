import { Fault } from '../core/errors.ts';

/** No model has longer vectors: a provider's answer is bounded by it. */
const MOST_DIMENSIONS = 16_384;

/** The fault of an answer that has no vectors, or not those of the request. */
export function notVectors(expected: string, got: unknown): Fault {
  const text = (JSON.stringify(got) ?? 'nothing').slice(0, 1000);
  return new Fault('provider_protocol_error', `The answer is no list of embeddings: expected ${expected}.`, {
    raw: text,
  });
}

/** A vector as providers write it: a list of numbers, or base64 of 32-bit floats in little endian. */
export function vectorOf(value: unknown): Float32Array {
  const vector = typeof value === 'string' ? decoded(value) : listed(value);
  if (vector.length === 0 || vector.length > MOST_DIMENSIONS || !vector.every(Number.isFinite))
    throw notVectors(`1 to ${MOST_DIMENSIONS} finite numbers`, value);
  return vector;
}

function listed(value: unknown): Float32Array {
  if (!Array.isArray(value) || !value.every((number) => typeof number === 'number'))
    throw notVectors('a list of numbers', value);
  return Float32Array.from(value as number[]);
}

function decoded(text: string): Float32Array {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length % 4 !== 0) throw notVectors('base64 of 32-bit floats', text);
  const vector = new Float32Array(bytes.length / 4);
  for (let at = 0; at < vector.length; at++) vector[at] = bytes.readFloatLE(4 * at);
  return vector;
}

/** The vectors, if there is one for each input and all have the same length. */
export function sameLength(vectors: readonly Float32Array[], inputs: number): readonly Float32Array[] {
  if (vectors.length !== inputs)
    throw notVectors(`${inputs} embeddings, one for each input`, { embeddings: vectors.length });
  const { length } = vectors[0]!;
  if (vectors.some((vector) => vector.length !== length)) throw notVectors('vectors of one length', null);
  return vectors;
}
