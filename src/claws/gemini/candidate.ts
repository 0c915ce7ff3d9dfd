import type { Delta, Finish } from '../../core/delta.ts';
import { Fault } from '../../core/errors.ts';
import { logprobsOf } from './logprobs.ts';
import { cutOpenPart, endOpenPart, readPart } from './part.ts';
import type { Answer, Candidate } from './state.ts';
import { isObject, malformed } from './wire.ts';

/** Far beyond what Gemini gives; a larger index is no index. */
const MAX_CANDIDATES = 64;

/** The first candidate's index may be left out: it is the default value of its type. */
export function candidateNamed(answer: Answer, index: unknown): Candidate {
  const choice = index ?? 0;
  const known = answer.candidates.find((candidate) => candidate.choice === choice);
  if (known) return known;
  if (typeof choice !== 'number' || !Number.isInteger(choice) || choice < 0 || choice >= MAX_CANDIDATES) {
    throw malformed('the index of a candidate', index);
  }
  const candidate: Candidate = { choice, items: 0, calls: 0, extra: {} };
  answer.candidates.push(candidate);
  return candidate;
}

const READ_HERE = new Set(['content', 'index', 'finishReason', 'logprobsResult']);

export function readCandidate(
  answer: Answer,
  candidate: Candidate,
  wire: Record<string, unknown>,
  out: Delta[],
): void {
  for (const key in wire) {
    if (!READ_HERE.has(key)) candidate.extra[key] = joined(candidate.extra[key], wire[key], union);
  }
  const logprobs = wire.logprobsResult === undefined ? undefined : logprobsOf(wire.logprobsResult);
  candidate.logprobs = logprobs;
  for (const part of partsOf(wire.content)) {
    if (!isObject(part)) throw malformed('a part', part);
    readPart({ answer, candidate, out }, part);
  }
  if (wire.logprobsResult !== undefined) {
    keepLogprobs(candidate, wire.logprobsResult, logprobs !== undefined && candidate.logprobs === undefined);
  }
  if (typeof wire.finishReason === 'string') {
    candidate.finish = wire.finishReason;
    refuseEmptyFailure(answer, candidate, wire);
  }
}

/** A candidate without content is none of the usual ones, but a lawful one: safety stops look so. */
function partsOf(content: unknown): unknown[] {
  if (content === undefined || content === null) return [];
  if (!isObject(content)) throw malformed('a content', content);
  if (content.parts === undefined || content.parts === null) return [];
  if (!Array.isArray(content.parts)) throw malformed('an array of parts', content.parts);
  return content.parts;
}

type JoinLists = (before: unknown[], after: unknown[]) => unknown[];

/** Lists inside the metadata of a stream's chunks are joined; anything else is as the newest chunk has it. */
function joined(before: unknown, after: unknown, join: JoinLists): unknown {
  if (!isObject(before) || !isObject(after)) return after;
  const both = { ...before, ...after };
  for (const field in after) {
    const [old, added] = [before[field], after[field]];
    if (Array.isArray(old) && Array.isArray(added)) both[field] = join(old, added);
  }
  return both;
}

/** Sources that an earlier chunk gave are not listed twice where a later one repeats them. */
const union: JoinLists = (before, after) => {
  const known = new Set(before.map((entry) => JSON.stringify(entry)));
  return [...before, ...after.filter((entry) => !known.has(JSON.stringify(entry)))];
};

/** Tokens do repeat. */
const concatenation: JoinLists = (before, after) => [...before, ...after];

/** What the text parts could not take: probabilities without a text, and fields beside the tokens. */
function keepLogprobs({ extra }: Candidate, result: unknown, taken: boolean): void {
  let rest = result;
  if (taken && isObject(result)) {
    const { chosenCandidates, topCandidates, ...others } = result;
    if (Object.keys(others).length === 0) return;
    rest = others;
  }
  extra.logprobsResult = joined(extra.logprobsResult, rest, concatenation);
}

/** The model wrote something that Gemini could not read as a call, and Gemini withheld it. */
const FAILED = new Set(['MALFORMED_FUNCTION_CALL', 'UNEXPECTED_TOOL_CALL', 'MALFORMED_RESPONSE']);

/** An answer that is nothing but such a failure is no answer; another attempt may well be one. */
function refuseEmptyFailure(answer: Answer, candidate: Candidate, wire: Record<string, unknown>): void {
  if (!FAILED.has(candidate.finish!) || candidate.items > 0 || answer.candidates.length > 1) return;
  const why = typeof wire.finishMessage === 'string' ? `: ${wire.finishMessage}` : '';
  throw new Fault('provider_error', `Gemini gave no answer (${candidate.finish})${why}.`, { raw: wire });
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
function finishOf(candidate: Candidate, raw: string): Finish {
  const unified = FINISH.get(raw) ?? 'unknown';
  return { unified: unified === 'stop' && candidate.calls > 0 ? 'tool_calls' : unified, raw };
}

export function endCandidate(candidate: Candidate, out: Delta[]): void {
  if (candidate.finish === undefined) {
    throw malformed(`a finishReason of candidate ${candidate.choice} before the end`, candidate.extra);
  }
  if (candidate.finish === 'STOP') endOpenPart(candidate, out);
  else cutOpenPart(candidate, out);
  out.push({ type: 'finish', reason: finishOf(candidate, candidate.finish), choice: candidate.choice });
}
