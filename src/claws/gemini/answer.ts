import type { Finish } from '../../core/delta.ts';
import type { Usage } from '../../core/usage.ts';
import type { Segment } from './native.ts';
import type { StreamedArguments } from './streamed-arguments.ts';
import { isObject } from './wire.ts';

/** What has been read of one answer. A whole answer is one chunk. */
export interface Answer {
  /** The model that was asked for, until the answer names its own. */
  model: string;
  id?: string;
  started: boolean;
  nextIndex: number;
  candidates: Candidate[];
  /** The newest token counts; those of a stream grow from chunk to chunk. */
  usage?: Record<string, unknown>;
  usageSent?: Record<string, unknown>;
  extra: Record<string, unknown>;
}

export function emptyAnswer(model: string): Answer {
  return { model, started: false, nextIndex: 0, candidates: [], extra: {} };
}

/** What has been read of one alternative (`choice`) of an answer. */
export interface Candidate {
  choice: number;
  items: number;
  calls: number;
  /** Text grows until a part of another kind begins. */
  text?: OpenText;
  /** A call whose arguments are still coming. */
  call?: OpenCall;
  /** Of the tokens of this chunk, until a text takes them. */
  logprobs?: unknown[];
  finish?: string;
  /** Fields beside the content: grounding, citations, safety ratings… */
  extra: Record<string, unknown>;
}

/** A message, or a reasoning where the text was thought. */
export interface OpenText {
  index: number;
  thought: boolean;
  segments: Segment[];
}

export interface OpenCall {
  index: number;
  call_id: string;
  name: string;
  streamed: StreamedArguments;
  marks: Record<string, unknown>;
}

function count(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

/** Results of hosted tools are fed back to the model as input and are billed so, beside the prompt. */
export function usageOf(raw: Record<string, unknown>): Usage {
  const reasoning = count(raw.thoughtsTokenCount);
  return {
    input: count(raw.promptTokenCount) + count(raw.toolUsePromptTokenCount),
    output: count(raw.candidatesTokenCount) + reasoning,
    cacheRead: count(raw.cachedContentTokenCount),
    cacheWrite: 0,
    reasoning,
    raw,
  };
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

/** Gemini stops for a call with the same word as for an answer. */
export function finishOf(candidate: Candidate, raw: string): Finish {
  const unified = FINISH.get(raw) ?? 'unknown';
  return { unified: unified === 'stop' && candidate.calls > 0 ? 'tool_calls' : unified, raw };
}
