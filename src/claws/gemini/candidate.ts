import type { Delta, Finish } from '../../core/delta.ts';
import { Fault } from '../../core/errors.ts';
import { logprobsOf } from './logprobs.ts';
import { endOpenPart, readPart } from './part.ts';
import type { Answer, Candidate } from './state.ts';
import { isObject, malformed } from './wire.ts';

/** The first candidate's index may be left out: it is the default value of its type. */
export function candidateNamed(answer: Answer, index: unknown): Candidate {
  const choice = index ?? 0;
  let candidate = answer.candidates.find((known) => known.choice === choice);
  if (candidate) return candidate;
  if (choice !== answer.candidates.length) throw malformed('the next index of a candidate', index);
  candidate = { choice, items: 0, calls: 0, extra: {} };
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
  for (const key in wire) if (!READ_HERE.has(key)) keepBeside(candidate.extra, key, wire[key]);
  if (wire.logprobsResult !== undefined) candidate.logprobs = logprobsOf(wire.logprobsResult);
  for (const part of partsOf(wire.content)) {
    if (!isObject(part)) throw malformed('a part', part);
    readPart({ answer, candidate, out }, part);
  }
  if (wire.logprobsResult !== undefined) keepLogprobs(candidate, wire.logprobsResult);
  if (typeof wire.finishReason === 'string') {
    candidate.finish = wire.finishReason;
    refuseEmptyFailure(answer, candidate, wire);
  }
}

/** A candidate without content is none of the usual ones, but a lawful one: safety stops look so. */
function partsOf(content: unknown): unknown[] {
  if (content === undefined) return [];
  if (!isObject(content)) throw malformed('a content', content);
  if (content.parts === undefined) return [];
  if (!Array.isArray(content.parts)) throw malformed('an array of parts', content.parts);
  return content.parts;
}

/** Lists inside the metadata of a stream's chunks are joined; anything else is as the newest chunk has it. */
function keepBeside(extra: Record<string, unknown>, key: string, value: unknown): void {
  const before = extra[key];
  if (!isObject(before) || !isObject(value)) {
    extra[key] = value;
    return;
  }
  const joined = { ...before, ...value };
  for (const field in value) {
    const [old, added] = [before[field], value[field]];
    if (Array.isArray(old) && Array.isArray(added)) joined[field] = union(old, added);
  }
  extra[key] = joined;
}

function union(old: unknown[], added: unknown[]): unknown[] {
  const known = new Set(old.map((entry) => JSON.stringify(entry)));
  return [...old, ...added.filter((entry) => !known.has(JSON.stringify(entry)))];
}

/** What the text parts could not take: probabilities without a text, and fields beside the tokens. */
function keepLogprobs(candidate: Candidate, result: unknown): void {
  const taken = candidate.logprobs === undefined && logprobsOf(result) !== undefined;
  candidate.logprobs = undefined;
  if (!taken) {
    keepBeside(candidate.extra, 'logprobsResult', result);
    return;
  }
  const { chosenCandidates, topCandidates, ...rest } = result as Record<string, unknown>;
  if (Object.keys(rest).length > 0) keepBeside(candidate.extra, 'logprobsResult', rest);
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
  endOpenPart(candidate, out);
  out.push({ type: 'finish', reason: finishOf(candidate, candidate.finish), choice: candidate.choice });
}
