import { candidateName } from '../core/candidate.ts';
import type { Delta } from '../core/delta.ts';
import { type ErrorCode, Fault } from '../core/errors.ts';
import { matches, type SimulatedFault } from '../core/routing.ts';
import type { Interceptor } from './call-chain.ts';

/**
 * Lets calls fail as the caller asked, to test fallbacks (`x-clawhold-simulate`). A call that fails before its
 * answer never reaches its provider.
 */
export function simulateFaults(): Interceptor {
  return (next) => async (call) => {
    const fault = call.faults?.find(({ target }) => matches(target, candidateName(call.candidate)));
    if (!fault) return next(call);
    if (fault.after === 0) throw failureOf(fault);
    const answer = await next(call);
    return { ...answer, rest: cutAfter(answer.rest, fault) };
  };
}

const failureOf = ({ code }: SimulatedFault): Fault =>
  new Fault(code as ErrorCode, 'This failure is simulated, because the request asks for it.');

/** The first burst has come already. */
function cutAfter(
  rest: AsyncIterator<readonly Delta[]>,
  fault: SimulatedFault,
): AsyncIterator<readonly Delta[]> {
  let bursts = 1;
  return {
    async next() {
      if (bursts++ < fault.after) return rest.next();
      await rest.return?.();
      throw failureOf(fault);
    },
    async return() {
      await rest.return?.();
      return { done: true, value: undefined };
    },
  };
}
