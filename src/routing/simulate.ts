import { type Candidate, candidateName } from '../core/candidate.ts';
import type { Delta } from '../core/delta.ts';
import type { ErrorCode } from '../core/error-catalogue.ts';
import { Fault } from '../core/errors.ts';
import { matches, type SimulatedFault } from '../core/routing.ts';

type Bursts = AsyncIterator<readonly Delta[]>;

/**
 * Lets a call fail as its caller asked, to test fallbacks (`x-clawhold-simulate`). A call that fails before its
 * answer never reaches its provider: `open` is not called then.
 */
export function simulated(
  faults: readonly SimulatedFault[],
  candidate: Candidate,
  open: () => Bursts,
): Bursts {
  // The fixed answer of a last resort is no call of a provider.
  if (candidate.answer !== undefined) return open();
  const fault = faults.find(({ target }) => matches(target, candidateName(candidate)));
  if (!fault) return open();
  if (fault.after === 0) throw failureOf(fault);
  return cutAfter(open(), fault);
}

const failureOf = ({ code }: SimulatedFault): Fault =>
  new Fault(code as ErrorCode, 'This failure is simulated, because the request asks for it.');

function cutAfter(bursts: Bursts, fault: SimulatedFault): Bursts {
  let seen = 0;
  const stop = async () => {
    await bursts.return?.();
  };
  return {
    async next() {
      if (seen++ < fault.after) return bursts.next();
      await stop();
      throw failureOf(fault);
    },
    async return() {
      await stop();
      return { done: true, value: undefined };
    },
  };
}
