import type { Delta } from '../../core/delta.ts';
import { Fault } from '../../core/errors.ts';
import { isObject } from '../../core/json.ts';
import type { Prompt } from '../../core/prompt.ts';
import type { StreamReader } from '../claw.ts';
import type { AnswerHeaders } from '../http/transport.ts';
import { reportedOf } from '../status.ts';
import { laterUsage } from '../usage.ts';
import { type Answer, type Candidate, emptyAnswer, finishOf, logprobsOf, usageOf } from './answer.ts';
import { errorOf, streamFault } from './fault.ts';
import { cutOpenPart, endOpenPart, type Reading, readPart, readRefusal } from './parts.ts';
import { malformed } from './wire.ts';

export function geminiReader(prompt: Prompt, headers?: AnswerHeaders): StreamReader {
  const answer = emptyAnswer(prompt, headers);
  return {
    push: ({ data }) => (data === '' ? [] : readBody(answer, parse(data))),
    end: () => endAnswer(answer),
  };
}

/**
 * A whole answer is read as a stream of one chunk. Proxies that ignore `alt=sse` send a stream as a list of
 * chunks.
 */
export function geminiAnswer(body: unknown, prompt: Prompt, headers?: AnswerHeaders): Delta[] {
  const answer = emptyAnswer(prompt, headers);
  const chunks: unknown[] = Array.isArray(body) ? body : [body];
  return [...chunks.flatMap((chunk) => readBody(answer, chunk)), ...endAnswer(answer)];
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    throw malformed('an event in JSON', data);
  }
}

function readBody(answer: Answer, body: unknown): Delta[] {
  const error = errorOf(body);
  if (error) throw streamFault(error, answer.started);
  if (!isObject(body)) throw malformed('an object', body);
  return readChunk(answer, body);
}

const ANSWER_FIELDS = new Set(['candidates', 'usageMetadata', 'modelVersion', 'responseId']);

function readChunk(answer: Answer, chunk: Record<string, unknown>): Delta[] {
  const out: Delta[] = [];
  refuseBlocked(chunk);
  for (const key in chunk) if (!ANSWER_FIELDS.has(key)) answer.extra[key] = chunk[key];
  if (!answer.started) start(answer, chunk, out);
  if (chunk.candidates !== undefined) readCandidates(answer, chunk.candidates, out);
  if (isObject(chunk.usageMetadata)) readUsage(answer, chunk.usageMetadata, out);
  return out;
}

/** The last deltas. Throws unless every candidate has a finish reason: the protocol has no other end mark. */
function endAnswer(answer: Answer): Delta[] {
  if (answer.candidates.length === 0) throw malformed('at least one candidate', answer.extra);
  const out: Delta[] = [];
  answer.candidates.sort((a, b) => a.choice - b.choice);
  for (const candidate of answer.candidates) endCandidate({ answer, candidate, out });
  if (answer.usage !== answer.usageSent) sendUsage(answer, out);
  const candidates = answer.candidates.map((candidate) => candidate.extra);
  if (candidates.some((extra) => Object.keys(extra).length > 0)) answer.extra.candidates = candidates;
  if (Object.keys(answer.extra).length > 0) out.push({ type: 'extra', fields: answer.extra });
  return out;
}

function refuseBlocked(chunk: Record<string, unknown>): void {
  const feedback = chunk.promptFeedback;
  if (!isObject(feedback) || typeof feedback.blockReason !== 'string') return;
  const why = typeof feedback.blockReasonMessage === 'string' ? `: ${feedback.blockReasonMessage}` : '';
  throw new Fault('content_filtered', `Gemini blocked the prompt (${feedback.blockReason})${why}`, {
    raw: chunk,
    reported: reportedOf({ code: feedback.blockReason, type: undefined, param: undefined }),
  });
}

function start(answer: Answer, chunk: Record<string, unknown>, out: Delta[]): void {
  answer.started = true;
  if (typeof chunk.modelVersion === 'string') answer.model = chunk.modelVersion;
  if (typeof chunk.responseId === 'string') answer.id = chunk.responseId;
  out.push(
    answer.id === undefined
      ? { type: 'start', model: answer.model }
      : { type: 'start', model: answer.model, id: answer.id },
  );
}

function readCandidates(answer: Answer, candidates: unknown, out: Delta[]): void {
  if (!Array.isArray(candidates)) throw malformed('an array of candidates', candidates);
  for (const wire of candidates) {
    if (!isObject(wire)) throw malformed('a candidate', wire);
    readCandidate(answer, candidateNamed(answer, wire.index), wire, out);
  }
}

function readUsage(answer: Answer, usage: Record<string, unknown>, out: Delta[]): void {
  const counted = typeof usage.promptTokenCount === 'number';
  // Vertex sends counts in only one chunk.
  answer.usage = answer.usage ? laterUsage(answer.usage, usage) : usage;
  // The first counts are sent at once, so that the prompt's cost is known even if the answer is cut. The last
  // ones follow at the end.
  if (counted && !answer.usageSent) sendUsage(answer, out);
}

function sendUsage(answer: Answer, out: Delta[]): void {
  answer.usageSent = answer.usage;
  out.push({ type: 'usage', usage: usageOf(answer.usage!, answer.tier) });
}

/** Far more than Gemini sends. A larger index is malformed. */
const MAX_CANDIDATES = 64;

/** The index may be absent for the first candidate, because 0 is the default value. */
function candidateNamed(answer: Answer, index: unknown): Candidate {
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

const CANDIDATE_FIELDS = new Set(['content', 'index', 'finishReason', 'logprobsResult']);

function readCandidate(
  answer: Answer,
  candidate: Candidate,
  wire: Record<string, unknown>,
  out: Delta[],
): void {
  for (const key in wire) {
    if (!CANDIDATE_FIELDS.has(key)) candidate.extra[key] = joined(candidate.extra[key], wire[key], union);
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

/** A candidate without content is valid: a stop for safety has none. */
function partsOf(content: unknown): unknown[] {
  if (content === undefined || content === null) return [];
  if (!isObject(content)) throw malformed('a content', content);
  if (content.parts === undefined || content.parts === null) return [];
  if (!Array.isArray(content.parts)) throw malformed('an array of parts', content.parts);
  return content.parts;
}

type JoinLists = (before: unknown[], after: unknown[]) => unknown[];

/** Joins the lists inside the metadata of a stream's chunks. Other values are those of the newest chunk. */
function joined(before: unknown, after: unknown, join: JoinLists): unknown {
  if (!isObject(before) || !isObject(after)) return after;
  const both = { ...before, ...after };
  for (const field in after) {
    const [old, added] = [before[field], after[field]];
    if (Array.isArray(old) && Array.isArray(added)) both[field] = join(old, added);
  }
  return both;
}

/** A later chunk may repeat the sources of an earlier one. They are kept once. */
const union: JoinLists = (before, after) => {
  const known = new Set(before.map((entry) => JSON.stringify(entry)));
  return [...before, ...after.filter((entry) => !known.has(JSON.stringify(entry)))];
};

/** Tokens may be equal, so all are kept. */
const concatenation: JoinLists = (before, after) => [...before, ...after];

/** Keeps log probabilities without a text, and fields beside the tokens. */
function keepLogprobs({ extra }: Candidate, result: unknown, taken: boolean): void {
  let rest = result;
  if (taken && isObject(result)) {
    const { chosenCandidates, topCandidates, ...others } = result;
    if (Object.keys(others).length === 0) return;
    rest = others;
  }
  extra.logprobsResult = joined(extra.logprobsResult, rest, concatenation);
}

/** Finish reasons for output that Gemini could not read as a call and did not send. */
const FAILED = new Set(['MALFORMED_FUNCTION_CALL', 'UNEXPECTED_TOOL_CALL', 'MALFORMED_RESPONSE']);

/** An answer of nothing but such a failure is refused, because another call may succeed. */
function refuseEmptyFailure(answer: Answer, candidate: Candidate, wire: Record<string, unknown>): void {
  if (!FAILED.has(candidate.finish!) || candidate.items > 0 || answer.candidates.length > 1) return;
  const why = typeof wire.finishMessage === 'string' ? `: ${wire.finishMessage}` : '';
  throw new Fault('provider_error', `Gemini gave no answer (${candidate.finish})${why}.`, { raw: wire });
}

function endCandidate(reading: Reading): void {
  const { candidate, out } = reading;
  if (candidate.finish === undefined) {
    throw malformed(`a finishReason of candidate ${candidate.choice} before the end`, candidate.extra);
  }
  const reason = finishOf(candidate, candidate.finish);
  const { finishMessage } = candidate.extra;
  if (reason.unified === 'content_filter' && typeof finishMessage === 'string' && finishMessage !== '') {
    readRefusal(reading, finishMessage);
  }
  if (candidate.finish === 'STOP') endOpenPart(reading);
  else cutOpenPart(reading);
  out.push({ type: 'finish', reason, choice: candidate.choice });
}
