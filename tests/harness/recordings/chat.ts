import { type Recording, recordings } from '../../conformance/wire-protocol.ts';

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const PROVIDERS = [
  'alibaba',
  'azure',
  'groq',
  'mistral',
  'moonshotai',
  'openai',
  'openai-compatible',
  'perplexity',
  'xai',
];

/** Adds the pieces of a message or a call: strings and lists are joined, numbers and nulls replaced. */
function join(held: unknown, piece: unknown): unknown {
  if (typeof held === 'string' && typeof piece === 'string') return held + piece;
  if (Array.isArray(held) && Array.isArray(piece)) return [...held, ...piece];
  if (isObject(held) && isObject(piece)) {
    const joined = { ...held };
    for (const [key, value] of Object.entries(piece)) joined[key] = join(joined[key], value);
    return joined;
  }
  return piece ?? held;
}

function addCall(calls: Json[], piece: Json): void {
  const at = typeof piece.index === 'number' ? piece.index : calls.length;
  const { index: _index, id, type, ...rest } = piece;
  const held = calls[at];
  calls[at] = held
    ? (join(held, rest) as Json)
    : { ...(id ? { id } : {}), ...(type ? { type } : {}), ...rest };
}

function addDelta(message: Json, delta: Json): void {
  for (const [key, value] of Object.entries(delta)) {
    if (key === 'role') message.role = value ?? message.role;
    else if (key === 'tool_calls' && Array.isArray(value)) {
      message.tool_calls ??= [];
      for (const piece of value) addCall(message.tool_calls as Json[], piece);
    } else message[key] = join(message[key], value);
  }
}

/** Fields that are whole each time: the last value is used, and objects are merged. */
function last(held: unknown, value: unknown): unknown {
  if (value === null || value === undefined) return held;
  return isObject(held) && isObject(value) ? { ...held, ...value } : value;
}

/** The whole answer that is equal to a recorded stream. */
export function wholeChat(events: unknown[]): unknown {
  const body: Json = {};
  const choices: Json[] = [];
  for (const event of events as Json[]) {
    for (const [key, value] of Object.entries(event)) {
      if (key === 'obfuscation' || key === 'choices') continue;
      if (value === '') continue;
      body[key] = key === 'usage' ? (value ?? body.usage) : last(body[key], value);
    }
    for (const piece of (event.choices ?? []) as Json[]) {
      const at = piece.index as number;
      choices[at] ??= { index: at, message: {} };
      const choice = choices[at];
      for (const [key, value] of Object.entries(piece)) {
        if (key === 'delta') addDelta(choice.message as Json, value as Json);
        else choice[key] = last(choice[key], value);
      }
    }
  }
  return { ...body, choices };
}

/**
 * Left out: other APIs of the same providers (responses, completions, embeddings, images) and the
 * recorded error body, which is a fault test.
 */
export const chatRecordings = (): Recording[] =>
  recordings(
    PROVIDERS,
    /^(alibaba|groq|mistral|moonshotai|perplexity|chat-(?!reasoning-model)|azure-deepseek|xai-chat)/,
  );
