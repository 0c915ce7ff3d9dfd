import type { Plan } from './behaviour.ts';
import { asJson, type Json } from './shape.ts';

type Count = (text: string) => number;

/** A tokenizer takes 250 MB and a fifth of a second, so it is loaded for the models that count with it. */
const loaded = new Map<Plan['tokenizer'], Count>();

function tokenizerOf(name: Plan['tokenizer']): Count {
  const known = loaded.get(name);
  if (known) return known;
  const { countTokens } = require(`gpt-tokenizer/encoding/${name}_base`) as {
    countTokens(text: string, options: { disallowedSpecial: Set<string> }): number;
  };
  const texts = new Map<string, number>();
  const count = (text: string) => {
    const before = texts.get(text);
    if (before !== undefined) return before;
    const tokens = countTokens(text, { disallowedSpecial: new Set() });
    if (texts.size > 200_000) texts.clear();
    texts.set(text, tokens);
    return tokens;
  };
  loaded.set(name, count);
  return count;
}

/** What the model reads of a request, in all protocols. */
const READ = ['messages', 'input', 'instructions', 'system', 'contents', 'systemInstruction', 'tools'];
const TEXTS = new Set([
  'text',
  'content',
  'arguments',
  'output',
  'instructions',
  'system',
  'input',
  'description',
]);
/** Of a message beside its text. */
const PER_MESSAGE = 4;

/** The tokens of the request's prompt, as the model counts them. */
export function promptTokens(body: Json, plan: Plan): number {
  const count = tokenizerOf(plan.tokenizer);
  const walk = (value: unknown, key: string): number => {
    if (typeof value === 'string') return TEXTS.has(key) ? count(value) : 0;
    if (Array.isArray(value)) return value.reduce((sum: number, one) => sum + walk(one, key), 0);
    if (typeof value !== 'object' || value === null) return 0;
    const own = 'role' in value || 'call_id' in value ? PER_MESSAGE : 0;
    return Object.entries(value).reduce((sum, [name, one]) => sum + walk(one, name), own);
  };
  const tokens = READ.reduce((sum, key) => sum + walk(body[key], key), 0);
  return Math.ceil((tokens * plan.dear) / 100);
}

/** Why the model refuses a prompt: it has no room for it and for the answer that the request asks for. */
export function lengthTrouble(body: Json, plan: Plan) {
  if (plan.window === 0) return undefined;
  const { maxOutputTokens } = asJson(body.generationConfig);
  const asked = body.max_tokens ?? body.max_completion_tokens ?? body.max_output_tokens ?? maxOutputTokens;
  const tokens = promptTokens(body, plan);
  const isTooLong = tokens + (typeof asked === 'number' ? asked : 1) > plan.window;
  return isTooLong ? ({ kind: 'context', tokens, limit: plan.window } as const) : undefined;
}
