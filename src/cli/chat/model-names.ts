import { nearest } from '../../core/nearest.ts';

/** Which model a typed name means. */
export type ResolvedName =
  | { kind: 'model'; name: string; listed: boolean }
  | { kind: 'several'; names: string[] }
  | { kind: 'unknown'; near: string[] };

/**
 * Finds the model that a typed name means: a whole name, a name without its provider, or a part of exactly one
 * name. A name that is not listed is used as it is when its provider is known, because providers add models
 * before the list has them.
 */
export function resolveModel(typed: string, models: readonly string[]): ResolvedName {
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

/** Names that are similar to the typed one, with or without the provider. */
function nearModels(typed: string, models: readonly string[]): string[] {
  const whole = nearest(typed, models, 3);
  if (whole.length > 0) return whole;
  const shortNames = new Map(models.map((name) => [name.split('/').slice(1).join('/'), name]));
  return nearest(typed, shortNames.keys(), 3).map((short) => shortNames.get(short)!);
}

/** The default models of each provider: good for a chat, and not the most expensive. The newest match is used. */
const DEFAULTS: Record<string, RegExp> = {
  anthropic: /^claude-sonnet-\d+(-\d{1,2})?$/,
  openai: /^gpt-\d+(\.\d+)?$/,
  gemini: /^gemini-\d+(\.\d+)?-flash$/,
  openrouter: /^anthropic\/claude-sonnet-[\d.]+$/,
  groq: /gpt-oss-120b$/,
  xai: /^grok-\d+(\.\d+)?$/,
  mistral: /^mistral-medium-latest$/,
  deepseek: /^deepseek-(chat|v\d+-pro)$/,
};

const byNumber = new Intl.Collator('en', { numeric: true }).compare;

/**
 * The model to use when the user names none: an alias from the settings, else one of the first provider, else the
 * built-in one.
 */
export function defaultModel(models: readonly string[]): string {
  const external = models.find((name) => !name.startsWith('local/'));
  if (external === undefined) return models[0] ?? 'local/recall';
  const slash = external.indexOf('/');
  if (slash === -1) return external;
  const provider = external.slice(0, slash);
  const own = models.filter((name) => name.startsWith(`${provider}/`));
  const matching = own.filter((name) => DEFAULTS[provider]?.test(name.slice(slash + 1)));
  return matching.sort(byNumber).at(-1) ?? external;
}
