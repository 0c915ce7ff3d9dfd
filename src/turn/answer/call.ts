import type { Claw } from '../../claws/claw.ts';
import type { Candidate } from '../../core/candidate.ts';
import { callFailureOf, Fault } from '../../core/errors.ts';
import type { Emit, TurnTrace } from '../../core/events.ts';
import type { Prompt } from '../../core/prompt.ts';
import { callFailed } from '../../routing/attempts.ts';
import type { Answer, Call, Dispatch } from '../../routing/call-chain.ts';
import { isExceeded } from './prompt.ts';

/** Which candidates to call, and with what. */
export interface CallRequest {
  candidates: readonly Candidate[];
  /** Throws `context_length_exceeded` where the conversation does not fit the candidate. */
  prompt(candidate: Candidate): Prompt;
  signal: AbortSignal;
  trace: TurnTrace;
  /** The name of the caller's key. */
  key: string;
}

/** An answer that has begun, and the candidate that gives it. */
export interface Called extends Answer {
  candidate: Candidate;
  /** Calls that failed before this one. */
  retries: number;
}

/**
 * Calls the candidates in order until one gives a first delta. A candidate that the conversation does not fit
 * is skipped. Throws the failure of the last candidate that was called, or `context_length_exceeded` where the
 * conversation fits none.
 */
export async function callFirst(request: CallRequest, dispatch: Dispatch, emit: Emit): Promise<Called> {
  const { candidates, signal, trace, key } = request;
  const count = { calls: 0 };
  let failure: unknown;
  for (const [index, candidate] of candidates.entries()) {
    const prompt = promptOrExceeded(request, candidate);
    if (prompt instanceof Fault) {
      emit({ type: 'context-exceeded', trace, candidate });
      if (count.calls === 0) failure = prompt;
      continue;
    }
    const call: Call = { candidate, prompt, signal, trace, key, count };
    try {
      const answer = await dispatch(call);
      return { ...answer, candidate, retries: count.calls - 1 };
    } catch (error) {
      failure = error;
      const isLast = index === candidates.length - 1;
      const goesOn = !isLast && mayAskAnother(error);
      emit(callFailed(call, error, goesOn ? 'next-candidate' : 'give-up'));
      if (!goesOn) break;
    }
  }
  throw failure;
}

function promptOrExceeded({ prompt }: CallRequest, candidate: Candidate): Prompt | Fault {
  try {
    return prompt(candidate);
  } catch (failure) {
    if (isExceeded(failure)) return failure as Fault;
    throw failure;
  }
}

/** Another candidate may serve where the failure is not about the request itself. */
function mayAskAnother(failure: unknown): boolean {
  const meaning = callFailureOf(failure);
  return meaning !== undefined && meaning.concerns !== 'request';
}

/** The end of the chain: calls the candidate's claw, and waits for the first burst of its answer. */
export function dispatchTo(clawOf: (candidate: Candidate) => Claw, emit: Emit): Dispatch {
  return async ({ candidate, prompt, signal, trace, count }) => {
    count.calls++;
    emit({ type: 'call-started', trace, candidate, attempt: count.calls });
    const claw = clawOf(candidate);
    const bursts = claw.call(prompt, signal)[Symbol.asyncIterator]();
    const first = await bursts.next();
    if (first.done) throw new Fault('provider_protocol_error', `${candidate.provider} sent an empty answer.`);
    const exact = prompt.continues === true && claw.prefills(prompt);
    return { first: first.value, rest: bursts, exact };
  };
}
