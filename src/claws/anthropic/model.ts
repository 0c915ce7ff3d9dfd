import { isObject } from '../../core/json.ts';
import type { Prompt } from '../../core/prompt.ts';
import { wantsSummary } from '../../core/settings.ts';
import type { Wire } from './wire.ts';

/**
 * What a Claude model accepts. The Messages API refuses other fields with 400, and each generation removed
 * something. Sources: the migration guides on platform.claude.com (2026-10).
 */
export interface ModelTraits {
  /** How a request turns thinking on: not at all, with a budget of tokens, or with an effort. */
  thinking: 'none' | 'budget' | 'adaptive';
  /** How a request turns thinking off; `never` if it cannot. */
  off: 'omit' | 'disabled' | 'between_tools' | 'never';
  /** The accepted values of `output_config.effort`. */
  efforts: readonly string[];
  /** Which of temperature and top_p are accepted: both, one of the two, or none. */
  sampling: 'free' | 'one' | 'none';
  /** Whether the last message may be an assistant message, which the model continues. */
  prefill: boolean;
  /** Whether `output_config.format` and strict tools are accepted. */
  jsonSchema: boolean;
  /** Whether a request may force a tool while thinking is on. */
  forcedToolThinking: boolean;
  /** Whether a thinking block in a request is refused after a change to anything before it. */
  boundThinking: boolean;
}

const LOW_TO_HIGH = ['low', 'medium', 'high'] as const;
const ALL_EFFORTS = [...LOW_TO_HIGH, 'xhigh', 'max'] as const;

/** Claude before version 3.7. */
const PLAIN: ModelTraits = {
  thinking: 'none',
  off: 'omit',
  efforts: [],
  sampling: 'free',
  prefill: true,
  jsonSchema: false,
  forcedToolThinking: false,
  boundThinking: false,
};

/** Claude 3.7 and 4, and models of other companies behind the same API. */
const BUDGETED: ModelTraits = { ...PLAIN, thinking: 'budget' };
const CLAUDE_4_1: ModelTraits = { ...BUDGETED, sampling: 'one' };
const CLAUDE_4_5: ModelTraits = { ...CLAUDE_4_1, jsonSchema: true };
const OPUS_4_5: ModelTraits = { ...CLAUDE_4_5, efforts: LOW_TO_HIGH };
const CLAUDE_4_6: ModelTraits = {
  ...CLAUDE_4_5,
  thinking: 'adaptive',
  efforts: [...LOW_TO_HIGH, 'max'],
  prefill: false,
};
const OPUS_4_7: ModelTraits = { ...CLAUDE_4_6, efforts: ALL_EFFORTS, sampling: 'none' };
const OPUS_4_8: ModelTraits = { ...OPUS_4_7, forcedToolThinking: true };
const CLAUDE_5: ModelTraits = { ...OPUS_4_8, off: 'disabled' };
const FABLE_5: ModelTraits = { ...OPUS_4_8, off: 'never' };
const HAIKU_5_5: ModelTraits = { ...CLAUDE_5, boundThinking: true };
const SONNET_5_5: ModelTraits = { ...HAIKU_5_5, off: 'between_tools' };
const OPUS_5_5: ModelTraits = { ...HAIKU_5_5, off: 'never' };

/** By family: the first version with these traits (4.5 is 405), newest first. */
const FAMILIES: Record<string, readonly (readonly [since: number, traits: ModelTraits])[]> = {
  opus: [
    [505, OPUS_5_5],
    [500, CLAUDE_5],
    [408, OPUS_4_8],
    [407, OPUS_4_7],
    [406, CLAUDE_4_6],
    [405, OPUS_4_5],
    [401, CLAUDE_4_1],
    [400, BUDGETED],
  ],
  sonnet: [
    [505, SONNET_5_5],
    [500, CLAUDE_5],
    [406, CLAUDE_4_6],
    [405, CLAUDE_4_5],
    [307, BUDGETED],
  ],
  haiku: [
    [505, HAIKU_5_5],
    [405, CLAUDE_4_5],
  ],
  fable: [
    [501, OPUS_5_5],
    [500, FABLE_5],
  ],
  mythos: [
    [501, OPUS_5_5],
    [0, FABLE_5],
  ],
};

/** `claude-opus-4-5-20251101`, `anthropic.claude-sonnet-5-v1`. A date is not a minor version. */
const NAMED = /claude-(opus|sonnet|haiku|fable|mythos)(?:-(\d+)(?:[-.](\d{1,2})(?!\d))?)?/;
/** `claude-3-7-sonnet-20250219` */
const NAMED_BEFORE_4 = /claude-(\d)(?:[-.](\d))?-(opus|sonnet|haiku)/;

export function traitsOf(model: string): ModelTraits {
  const name = model.toLowerCase();
  if (!name.includes('claude')) return BUDGETED;
  const old = NAMED_BEFORE_4.exec(name);
  if (old) return traitsSince(old[3], versionOf(old[1], old[2]));
  if (/claude-(instant|v?[12]\b)/.test(name)) return PLAIN;
  const named = NAMED.exec(name);
  // An unknown family is newer than the known ones.
  return named ? traitsSince(named[1], versionOf(named[2], named[3])) : OPUS_5_5;
}

function traitsSince(family: string | undefined, version: number): ModelTraits {
  return FAMILIES[family ?? '']?.find(([since]) => since <= version)?.[1] ?? PLAIN;
}

function versionOf(major = '0', minor = '0'): number {
  return Number(major) * 100 + Number(minor);
}

/** The fields of a request that say whether and how much the model thinks. */
export interface ThinkingFields {
  /** The request's `thinking`. Absent: the model's default. */
  thinking?: Wire;
  /** The request's `output_config.effort`. */
  effort?: string;
}

/** The smallest budget that the provider accepts. */
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

/** What of a request limits how the model may think. */
export interface ThinkingCase {
  maxTokens: number;
  /** The request forces a tool call. Some models cannot do that while they think. */
  forcedTool: boolean;
}

export function thinkingFields(prompt: Prompt, { maxTokens, forcedTool }: ThinkingCase): ThinkingFields {
  const traits = traitsOf(prompt.model);
  const { effort } = prompt.settings.reasoning ?? {};
  if (traits.thinking === 'none') return {};
  if (effort === 'none') return turnedOff(traits);
  // The tool call is required and thinking is optional, so thinking is left out.
  const quiet = forcedTool && !traits.forcedToolThinking;
  if (traits.thinking === 'budget') {
    const thinking = quiet ? undefined : budget(effort, maxTokens);
    return { ...(thinking && { thinking }), ...effortField(traits, effort) };
  }
  const shown = wantsSummary(prompt.settings);
  const wanted = !quiet && (effort !== undefined || shown);
  return {
    ...(wanted && { thinking: { type: 'adaptive', ...(shown && { display: 'summarized' }) } }),
    ...effortField(traits, effort),
  };
}

/** Whether the request turns thinking on. */
export function isThinking(thinking: unknown): boolean {
  return isObject(thinking) && (thinking.type === 'enabled' || thinking.type === 'adaptive');
}

function turnedOff({ off, efforts }: ModelTraits): ThinkingFields {
  if (off === 'omit') return {};
  if (off === 'never') return efforts[0] === undefined ? {} : { effort: efforts[0] };
  return { thinking: { type: off } };
}

/** `max_tokens` includes thinking, so a part of it is kept for the answer. */
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

/**
 * An effort that the model does not know becomes the nearest one that it knows. Other words are sent
 * unchanged.
 */
function effortField({ efforts }: ModelTraits, effort: string | undefined): { effort?: string } {
  if (effort === undefined || efforts.length === 0) return {};
  if (efforts.includes(effort)) return { effort };
  return { effort: NEAREST.get(effort)?.find((near) => efforts.includes(near)) ?? effort };
}
