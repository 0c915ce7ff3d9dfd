import type { Delta } from '../../core/delta.ts';
import { Fault } from '../../core/errors.ts';
import { candidateNamed, endCandidate, readCandidate } from './candidate.ts';
import type { Answer } from './state.ts';
import { usageOf } from './usage.ts';
import { isObject, malformed } from './wire.ts';

const READ_HERE = new Set(['candidates', 'usageMetadata', 'modelVersion', 'responseId']);

export function readChunk(answer: Answer, chunk: Record<string, unknown>): Delta[] {
  const out: Delta[] = [];
  refuseBlocked(chunk);
  for (const key in chunk) if (!READ_HERE.has(key)) answer.extra[key] = chunk[key];
  if (!answer.started) start(answer, chunk, out);
  if (chunk.candidates !== undefined) readCandidates(answer, chunk.candidates, out);
  if (isObject(chunk.usageMetadata)) readUsage(answer, chunk.usageMetadata, out);
  return out;
}

/** The last deltas; throws unless every candidate said why it ended, which is all the end mark there is. */
export function endAnswer(answer: Answer): Delta[] {
  if (answer.candidates.length === 0) throw malformed('at least one candidate', answer.extra);
  const out: Delta[] = [];
  answer.candidates.sort((a, b) => a.choice - b.choice);
  for (const candidate of answer.candidates) endCandidate(candidate, out);
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
  throw new Fault('content_filtered', `Gemini blocked the prompt (${feedback.blockReason})${why}.`, {
    raw: chunk,
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
  // Vertex counts in the last chunk only; what the others say must not hide counts that came.
  answer.usage = counted || !answer.usage ? usage : { ...answer.usage, ...usage };
  // The first counts tell what the prompt costs even if the answer is cut; the last ones follow at the end.
  if (counted && !answer.usageSent) sendUsage(answer, out);
}

function sendUsage(answer: Answer, out: Delta[]): void {
  answer.usageSent = answer.usage;
  out.push({ type: 'usage', usage: usageOf(answer.usage!) });
}
