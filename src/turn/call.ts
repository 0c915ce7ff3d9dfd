import type { Claw } from '../claws/claw.ts';
import type { Delta } from '../core/delta.ts';
import { type ErrorCode, Fault } from '../core/errors.ts';
import type { Prompt } from '../core/prompt.ts';
import type { Candidate } from '../routing/candidate.ts';
import { Deadline, type Timeouts } from '../routing/deadline.ts';

export interface CallParts {
  candidates: readonly Candidate[];
  claw(candidate: Candidate): Claw;
  prompt(candidate: Candidate): Prompt;
  timeouts: Timeouts;
  signal: AbortSignal;
}

/** An answer that has begun: from here on, the candidate is committed. */
export interface Answer {
  candidate: Candidate;
  /** Calls that failed before this one. */
  retries: number;
  /** Whether it goes on with the very next character, where the prompt `continues`. */
  exact: boolean;
  /** All deltas in their bursts, the first one included. Throws a `Fault` where the answer breaks. */
  bursts: AsyncGenerator<readonly Delta[]>;
}

/** Failures that say nothing about the next candidate: it may be up, have room, or take what this one refuses. */
const MOVES_ON = new Set<ErrorCode>([
  'provider_unreachable',
  'provider_timeout',
  'provider_error',
  'provider_overloaded',
  'provider_protocol_error',
  'provider_auth_failed',
  'provider_rejected_request',
  'context_length_exceeded',
  'rate_limited',
  'quota_exceeded',
  'model_not_found',
  'stream_interrupted',
]);

/** Failures of a moment: the same candidate is tried once more. */
const MAY_PASS = new Set<ErrorCode>([
  'provider_unreachable',
  'provider_error',
  'provider_protocol_error',
  'stream_interrupted',
]);

/** Calls the candidates in order until one gives a first delta. Throws the last failure when none answers. */
export async function call(parts: CallParts): Promise<Answer> {
  let failure: unknown;
  let retries = 0;
  for (const candidate of parts.candidates) {
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        return { candidate, retries, ...(await begin(parts, candidate)) };
      } catch (error) {
        failure = error;
        retries++;
        if (!(error instanceof Fault) || !MAY_PASS.has(error.code)) break;
      }
    }
    if (!(failure instanceof Fault) || !MOVES_ON.has(failure.code)) break;
  }
  throw failure;
}

/** Settles with the first burst, so that a failure before it is known before anything is committed. */
async function begin(parts: CallParts, candidate: Candidate): Promise<Pick<Answer, 'bursts' | 'exact'>> {
  const claw = parts.claw(candidate);
  const prompt = parts.prompt(candidate);
  // A whole answer has no first token before its last one.
  const limits = prompt.stream ? parts.timeouts : { ...parts.timeouts, firstTokenMs: parts.timeouts.totalMs };
  const deadline = new Deadline(limits, parts.signal);
  const bursts = claw.call(prompt, deadline.signal)[Symbol.asyncIterator]();
  try {
    const first = await bursts.next();
    if (first.done) throw new Fault('provider_protocol_error', `${candidate.provider} sent an empty answer.`);
    const exact = prompt.continues === true && claw.prefills(prompt);
    return { bursts: go(deadline, first.value, bursts), exact };
  } catch (error) {
    deadline.clear();
    throw error;
  }
}

async function* go(
  deadline: Deadline,
  first: readonly Delta[],
  rest: AsyncIterator<readonly Delta[]>,
): AsyncGenerator<readonly Delta[]> {
  try {
    for (let burst = first; ; ) {
      deadline.touch();
      yield burst;
      const next = await rest.next();
      if (next.done) return;
      burst = next.value;
    }
  } finally {
    deadline.clear();
    await rest.return?.();
  }
}
