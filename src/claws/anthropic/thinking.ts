import type { Prompt } from '../claw.ts';
import { type ModelTraits, traitsOf } from './model.ts';
import { isObject, type Wire } from './wire.ts';

export interface ThinkingFields {
  /** The request's `thinking`; absent for the model's own default. */
  thinking?: Wire;
  /** The request's `output_config.effort`. */
  effort?: string;
}

/** The least that the provider takes. */
const LEAST_BUDGET = 1024;

/** How many tokens an older model may think for each effort. */
const BUDGETS = new Map([
  ['minimal', LEAST_BUDGET],
  ['low', 2048],
  ['medium', 8192],
  ['high', 16_384],
  ['xhigh', 32_768],
  ['max', 65_536],
]);

export interface ThinkingCase {
  maxTokens: number;
  /** A tool has to be called, which some models cannot do while they think. */
  forcedTool: boolean;
}

export function thinkingFields(prompt: Prompt, { maxTokens, forcedTool }: ThinkingCase): ThinkingFields {
  const traits = traitsOf(prompt.model);
  const { effort, summary } = prompt.settings.reasoning ?? {};
  if (traits.thinking === 'none') return {};
  if (effort === 'none') return turnedOff(traits);
  // The caller needs the call; the thinking is a wish.
  const quiet = forcedTool && !traits.forcedToolThinking;
  if (traits.thinking === 'budget') {
    const thinking = quiet ? undefined : budget(effort, maxTokens);
    return { ...(thinking && { thinking }), ...effortField(traits, effort) };
  }
  const shown = typeof summary === 'string' && summary !== 'none';
  const wanted = !quiet && (effort !== undefined || shown);
  return {
    ...(wanted && { thinking: { type: 'adaptive', ...(shown && { display: 'summarized' }) } }),
    ...effortField(traits, effort),
  };
}

/** Whether the request makes the model think, as far as it can be told from outside. */
export function isThinking(thinking: unknown): boolean {
  return isObject(thinking) && (thinking.type === 'enabled' || thinking.type === 'adaptive');
}

function turnedOff({ off, efforts }: ModelTraits): ThinkingFields {
  if (off === 'omit') return {};
  if (off === 'never') return efforts[0] === undefined ? {} : { effort: efforts[0] };
  return { thinking: { type: off } };
}

/** `max_tokens` counts thinking too, so a part of it is left for the answer. */
function budget(effort: string | undefined, maxTokens: number): Wire | undefined {
  const wanted = BUDGETS.get(effort ?? '');
  if (wanted === undefined) return undefined;
  const budget_tokens = Math.min(wanted, Math.floor(maxTokens * 0.8));
  return budget_tokens < LEAST_BUDGET ? undefined : { type: 'enabled', budget_tokens };
}

const NEAREST = new Map([
  ['minimal', ['low']],
  ['xhigh', ['max', 'high']],
  ['max', ['high']],
]);

/** An effort that the model does not know becomes the nearest that it does; a strange word is the provider's to refuse. */
function effortField({ efforts }: ModelTraits, effort: string | undefined): { effort?: string } {
  if (effort === undefined || efforts.length === 0) return {};
  if (efforts.includes(effort)) return { effort };
  return { effort: NEAREST.get(effort)?.find((near) => efforts.includes(near)) ?? effort };
}
