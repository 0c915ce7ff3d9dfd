import type { Settings } from '../../core/settings.ts';
import { present } from './wire.ts';

/**
 * Undefined if the model does not think or the request does not ask for it. Level and budget together are
 * refused.
 */
export function thinkingConfig(
  model: string,
  reasoning: Settings['reasoning'],
): Record<string, unknown> | undefined {
  const generation = generationOf(model);
  if (!reasoning || generation < 2.5) return undefined;
  const { effort, summary } = reasoning;
  const config = present({
    includeThoughts: summary && summary !== 'none' ? true : undefined,
    thinkingLevel: effort && generation >= 3 ? levelOf(model, effort) : undefined,
    thinkingBudget: effort && generation < 3 ? budgetOf(model, effort) : undefined,
  });
  return Object.keys(config).length > 0 ? config : undefined;
}

/**
 * MINIMAL is accepted only by Flash before 3.7 and by Flash-Lite. No model since Gemini 3 can turn thinking
 * off.
 */
function lowestLevel(model: string): string {
  return /gemini-3(\.[0-6])?-flash|-flash-lite/.test(model) ? 'MINIMAL' : 'LOW';
}

/** Gemini 3 Pro has no MEDIUM. Google's own OpenAI endpoint uses HIGH instead. */
function levelOf(model: string, effort: string): string | undefined {
  switch (effort) {
    case 'none':
    case 'minimal':
      return lowestLevel(model);
    case 'low':
      return 'LOW';
    case 'medium':
      return /gemini-3-pro/.test(model) ? 'HIGH' : 'MEDIUM';
    case 'high':
    case 'xhigh':
    case 'max':
      return 'HIGH';
  }
  return undefined;
}

/**
 * In tokens, as Google's own OpenAI endpoint chooses them
 * (https://ai.google.dev/gemini-api/docs/openai#thinking).
 */
function budgetOf(model: string, effort: string): number | undefined {
  const pro = /2\.5-pro/.test(model);
  switch (effort) {
    case 'none':
      // 2.5 Pro cannot turn thinking off. Its smallest budget is 128.
      return pro ? 128 : 0;
    case 'minimal':
    case 'low':
      return 1024;
    case 'medium':
      return 8192;
    case 'high':
      return 24_576;
    case 'xhigh':
    case 'max':
      return pro ? 32_768 : 24_576;
  }
  return undefined;
}

/** The version in a model's name. A name without one (`gemini-flash-latest`) is of the newest generation. */
export function generationOf(model: string): number {
  if (!/(^|\/)gemini-/.test(model)) return 0;
  const version = /-(\d+(?:\.\d+)?)/.exec(model);
  return version ? Number(version[1]) : Number.POSITIVE_INFINITY;
}

/**
 * Whether a conversation may end with a model content, which the model continues. Refused since 3.5
 * Flash-Lite: "Requests ending with a model turn are not supported"
 * (https://ai.google.dev/gemini-api/docs/whats-new-gemini-3.6).
 */
export function takesPrefill(model: string): boolean {
  const generation = generationOf(model);
  return generation >= 2 && generation < 3.5;
}
