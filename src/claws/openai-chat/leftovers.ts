import { isObject, type Json } from './wire.ts';

/**
 * Keeps a field that stands for itself each time it comes (of the envelope or of a choice): the last
 * value counts, and objects are merged, because Groq spreads `x_groq` over the first and last chunk.
 */
export function keepLatest(target: Json, key: string, value: unknown): void {
  if (value === null || value === undefined || key === '__proto__') return;
  const held = target[key];
  target[key] = isObject(value) && isObject(held) ? { ...held, ...value } : value;
}

/** Words that a server may repeat in every chunk: never concatenated. */
const REPEATED = new Set(['id', 'index', 'type', 'role', 'name', 'format']);

/**
 * Grows a field that comes in pieces (of a message or a tool call), as OpenAI's own SDKs do
 * (`accumulate_delta`): strings and lists are joined, objects merged, numbers replaced.
 */
export function grow(target: Json, key: string, value: unknown): void {
  if (value === null || value === undefined || key === '__proto__') return;
  const held = target[key];
  if (typeof held === 'string' && typeof value === 'string' && !REPEATED.has(key)) target[key] = held + value;
  else if (Array.isArray(held) && Array.isArray(value)) for (const entry of value) held.push(entry);
  else if (isObject(value)) {
    const grown: Json = isObject(held) ? held : {};
    for (const inner in value) grow(grown, inner, value[inner]);
    target[key] = grown;
  } else target[key] = value;
}
