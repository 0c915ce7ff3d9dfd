import type { Claw } from '../../claws/claw.ts';
import { type Candidate, candidateKey } from '../../core/candidate.ts';
import type { Delta } from '../../core/delta.ts';
import { type FailedCall, Fault } from '../../core/errors.ts';
import type { Emit } from '../../core/events.ts';
import type { Dispatch } from '../../routing/call-chain.ts';
import { unfilteredBeginning } from '../../routing/filtered-answer.ts';
import { simulated } from '../../routing/simulate.ts';

/** The end of the chain: calls the candidate's claw, and waits for the first burst of its answer. */
export function dispatchTo(clawOf: (candidate: Candidate) => Claw, emit: Emit): Dispatch {
  return async (call) => {
    const {
      candidate,
      prompt,
      signal,
      trace,
      count,
      faults,
      hasRefusedChain,
      heard,
      quota,
      running,
      traceParent,
    } = call;
    count.calls++;
    running?.(true);
    emit({ type: 'call-started', trace, candidate, attempt: count.calls });
    const startedAt = performance.now();
    try {
      const claw = clawOf(candidate);
      const open = () => claw.call(prompt, signal, { heard, quota, traceParent })[Symbol.asyncIterator]();
      const bursts = faults ? simulated(faults, candidate, open) : open();
      const first = await (hasRefusedChain ? unfilteredBeginning(bursts, prompt) : burstOf(bursts));
      if (first.length === 0) {
        throw new Fault('provider_protocol_error', `${candidate.provider} sent an empty answer.`);
      }
      const exact = prompt.continues === true && claw.prefills(prompt);
      return { first, rest: bursts, exact };
    } catch (failure) {
      running?.(false);
      if (failure instanceof Fault) count.failed.push(failedCall(candidate, failure, startedAt));
      throw failure;
    }
  };
}

function failedCall(candidate: Candidate, { code, reported }: Fault, startedAt: number): FailedCall {
  const { status, request_id: requestId } = reported ?? {};
  const ms = Math.round(performance.now() - startedAt);
  return {
    ...{ model: candidateKey(candidate), code, ms },
    ...(status !== undefined && { status }),
    ...(requestId !== undefined && { requestId }),
  };
}

/** The next burst; empty where there is none. */
async function burstOf(bursts: AsyncIterator<readonly Delta[]>): Promise<readonly Delta[]> {
  const { done, value } = await bursts.next();
  return done ? [] : value;
}
