import { nearest } from '../../core/nearest.ts';

/** What a typed model name comes to. */
export type Named =
  | { kind: 'model'; name: string; listed: boolean }
  | { kind: 'several'; names: string[] }
  | { kind: 'unknown'; near: string[] };

/**
 * Finds the model that was meant: its whole name, its name without the provider, a part that only one
 * name has. A name that no list has is taken as it is where the provider is known: new models come
 * faster than lists.
 */
export function resolveModel(typed: string, models: readonly string[]): Named {
  if (models.includes(typed)) return { kind: 'model', name: typed, listed: true };
  const wanted = typed.toLowerCase();
  const short = models.filter((name) => name.toLowerCase().split('/').slice(1).join('/') === wanted);
  if (short.length === 1) return { kind: 'model', name: short[0]!, listed: true };
  const provider = typed.slice(0, typed.indexOf('/') + 1);
  if (provider && typed !== provider && models.some((name) => name.startsWith(provider)))
    return { kind: 'model', name: typed, listed: false };
  const parts = short.length > 0 ? short : models.filter((name) => name.toLowerCase().includes(wanted));
  if (parts.length === 1) return { kind: 'model', name: parts[0]!, listed: true };
  if (parts.length > 1) return { kind: 'several', names: parts };
  return { kind: 'unknown', near: nearModels(typed, models) };
}

/** Names that the typed one may have been meant to be, with or without its provider. */
export function nearModels(typed: string, models: readonly string[]): string[] {
  const whole = nearest(typed, models, 3);
  if (whole.length > 0) return whole;
  const shortNames = new Map(models.map((name) => [name.split('/').slice(1).join('/'), name]));
  return nearest(typed, shortNames.keys(), 3).map((short) => shortNames.get(short)!);
}

/** What to begin with, per provider: good for a chat without being its dearest. The newest match wins. */
const SENSIBLE: Record<string, RegExp> = {
  anthropic: /^claude-sonnet-\d+(-\d{1,2})?$/,
  openai: /^gpt-\d+(\.\d+)?$/,
  gemini: /^gemini-\d+(\.\d+)?-flash$/,
  openrouter: /^anthropic\/claude-sonnet-[\d.]+$/,
  groq: /gpt-oss-120b$/,
  xai: /^grok-\d+(\.\d+)?$/,
  mistral: /^mistral-medium-latest$/,
  deepseek: /^deepseek-(chat|v\d+-pro)$/,
};

const naturally = new Intl.Collator('en', { numeric: true }).compare;

/** The model for somebody who named none: an alias of the operator's, the first provider's, or the built-in one. */
export function defaultModel(models: readonly string[]): string {
  const foreign = models.find((name) => !name.startsWith('local/'));
  if (foreign === undefined) return models[0] ?? 'local/recall';
  const slash = foreign.indexOf('/');
  if (slash === -1) return foreign;
  const provider = foreign.slice(0, slash);
  const own = models.filter((name) => name.startsWith(`${provider}/`));
  const sensible = own.filter((name) => SENSIBLE[provider]?.test(name.slice(slash + 1)));
  return sensible.sort(naturally).at(-1) ?? foreign;
}
