import type { Prompt } from '../claw.ts';
import { isObject, type Wire } from './wire.ts';

/**
 * What a Claude model takes. The Messages API refuses with 400 what a model does not know, and each
 * generation took something away; sources are the migration guides on platform.claude.com (2026-10).
 */
export interface ModelTraits {
  /** How thinking is asked for: not at all, with a budget of tokens, or with an effort. */
  thinking: 'none' | 'budget' | 'adaptive';
  /** How thinking is turned off; `never` where it cannot be. */
  off: 'omit' | 'disabled' | 'between_tools' | 'never';
  /** What `output_config.effort` may say. */
  efforts: readonly string[];
  /** Whether temperature and top_p are taken: freely, one of the two, or not at all. */
  sampling: 'free' | 'one' | 'none';
  /** Whether the last message may be the assistant's, to be continued. */
  prefill: boolean;
  /** Whether `output_config.format` and strict tools are known. */
  jsonSchema: boolean;
  /** Whether a tool may be forced while the model thinks. */
  forcedToolThinking: boolean;
  /** Whether a thinking block given back is refused when anything before it has changed. */
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

/** Claude 3.7 and 4, and the models of other makers behind the same API. */
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

/** By family and the version from which it holds (4.5 is 405), newest first. */
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

/** `claude-opus-4-5-20251101`, `anthropic.claude-sonnet-5-v1`; a date is not a minor version. */
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
  // A family that we have not heard of is newer than those we have.
  return named ? traitsSince(named[1], versionOf(named[2], named[3])) : OPUS_5_5;
}

function traitsSince(family: string | undefined, version: number): ModelTraits {
  return FAMILIES[family ?? '']?.find(([since]) => since <= version)?.[1] ?? PLAIN;
}

function versionOf(major = '0', minor = '0'): number {
  return Number(major) * 100 + Number(minor);
}

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
