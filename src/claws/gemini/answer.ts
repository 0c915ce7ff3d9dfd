import type { Finish, ReasoningDeltaType } from '../../core/delta.ts';
import { isObject } from '../../core/json.ts';
import type { Prompt } from '../../core/prompt.ts';
import { wantsSummary } from '../../core/settings.ts';
import type { Usage } from '../../core/usage.ts';
import type { AnswerHeaders } from '../http/transport.ts';
import { answeredTier, tokenCount } from '../usage.ts';
import type { Segment } from './native.ts';
import type { StreamedArguments } from './streamed-arguments.ts';

/** What was read of one answer. A whole answer is one chunk. */
export interface Answer {
  /** The requested model, until the answer names its own. */
  model: string;
  id?: string;
  started: boolean;
  nextIndex: number;
  candidates: Candidate[];
  /** The newest token counts. In a stream they grow with each chunk. */
  usage?: Record<string, unknown>;
  usageSent?: Record<string, unknown>;
  /** The service tier that the headers of the answer name. */
  tier?: string;
  extra: Record<string, unknown>;
  /** The type of delta that thoughts become. */
  thoughts: ReasoningDeltaType;
}

/** The header names the tier that answered: https://ai.google.dev/gemini-api/docs/priority-inference */
export function emptyAnswer(
  { model, settings }: Pick<Prompt, 'model' | 'settings'>,
  headers?: AnswerHeaders,
): Answer {
  return {
    model,
    tier: headers?.get('x-gemini-service-tier') ?? undefined,
    thoughts: wantsSummary(settings) ? 'summary-delta' : 'reasoning-delta',
    started: false,
    nextIndex: 0,
    candidates: [],
    extra: {},
  };
}

/** What was read of one alternative (`choice`) of an answer. */
export interface Candidate {
  choice: number;
  items: number;
  calls: number;
  /** The open text. It ends when a part of another kind begins. */
  text?: OpenText;
  /** A call whose arguments are not complete yet. */
  call?: OpenCall;
  /** Those of the tokens of this chunk, until they are put beside a text. */
  logprobs?: unknown[];
  finish?: string;
  /** Fields beside the content: grounding, citations, safety ratings… */
  extra: Record<string, unknown>;
}

/** A message, or a reasoning item if `thought`. */
export interface OpenText {
  index: number;
  thought: boolean;
  segments: Segment[];
}

/** A call whose arguments still come. */
export interface OpenCall {
  index: number;
  call_id: string;
  name: string;
  streamed: StreamedArguments;
  partFields: Record<string, unknown>;
}

/** Results of hosted tools go back to the model and are billed as input, in addition to the prompt. */
export function usageOf(raw: Record<string, unknown>, tier?: string): Usage {
  const reasoning = tokenCount(raw.thoughtsTokenCount);
  return {
    input: tokenCount(raw.promptTokenCount) + tokenCount(raw.toolUsePromptTokenCount),
    output: tokenCount(raw.candidatesTokenCount) + reasoning,
    cacheRead: tokenCount(raw.cachedContentTokenCount),
    cacheWrite: 0,
    reasoning,
    audioInput: audioIn(raw.promptTokensDetails, raw.cacheTokensDetails),
    audioOutput: audioIn(raw.candidatesTokensDetails),
    tier: answeredTier(raw.serviceTier ?? tier ?? TRAFFIC.get(raw.trafficType)),
    raw,
  };
}

/** Vertex AI's names of tiers. Any other name, such as provisioned throughput, is a tier of its own. */
const TRAFFIC: ReadonlyMap<unknown, string> = new Map([
  ['ON_DEMAND', 'default'],
  ['ON_DEMAND_FLEX', 'flex'],
  ['ON_DEMAND_PRIORITY', 'priority'],
  ['PROVISIONED_THROUGHPUT', 'provisioned_throughput'],
]);

/**
 * The audio tokens of the list `details`, without the audio tokens of the list `cached`; `undefined` where
 * there are none.
 */
function audioIn(details: unknown, cached?: unknown): number | undefined {
  return Math.max(0, audioOf(details) - audioOf(cached)) || undefined;
}

function audioOf(details: unknown): number {
  if (!Array.isArray(details)) return 0;
  const audio = details.filter((detail) => isObject(detail) && detail.modality === 'AUDIO');
  return audio.reduce((sum, detail) => sum + tokenCount(detail.tokenCount), 0);
}

/** `LogprobsResult` in the shape of the Responses API, one entry per chosen token. */
export function logprobsOf(result: unknown): unknown[] | undefined {
  if (!isObject(result) || !Array.isArray(result.chosenCandidates)) return undefined;
  const tops = Array.isArray(result.topCandidates) ? result.topCandidates : [];
  return result.chosenCandidates.map((chosen, i) => {
    const top: unknown = tops[i];
    const candidates = isObject(top) && Array.isArray(top.candidates) ? top.candidates : [];
    return { ...tokenOf(chosen), top_logprobs: candidates.map(tokenOf) };
  });
}

function tokenOf(candidate: unknown): Record<string, unknown> {
  const { token, logProbability, tokenId, ...rest } = isObject(candidate) ? candidate : {};
  const text = typeof token === 'string' ? token : '';
  const id = tokenId === undefined ? undefined : { token_id: tokenId };
  return { token: text, logprob: logProbability ?? 0, bytes: [...Buffer.from(text)], ...id, ...rest };
}

const FINISH: ReadonlyMap<string, Finish['unified']> = new Map([
  ['STOP', 'stop'],
  ['MAX_TOKENS', 'length'],
  ['SAFETY', 'content_filter'],
  ['RECITATION', 'content_filter'],
  ['BLOCKLIST', 'content_filter'],
  ['PROHIBITED_CONTENT', 'content_filter'],
  ['SPII', 'content_filter'],
  ['IMAGE_SAFETY', 'content_filter'],
  ['IMAGE_PROHIBITED_CONTENT', 'content_filter'],
  ['IMAGE_RECITATION', 'content_filter'],
]);

/** Gemini gives the reason STOP for a call too. */
export function finishOf(candidate: Candidate, raw: string): Finish {
  const unified = FINISH.get(raw) ?? 'unknown';
  return { unified: unified === 'stop' && candidate.calls > 0 ? 'tool_calls' : unified, raw };
}
