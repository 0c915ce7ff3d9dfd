import type { Delta } from '../core/delta.ts';
import { Fault } from '../core/errors.ts';
import { callersParam } from './caller-params.ts';
import type { Claw, Prompt } from './claw.ts';
import type { Redact } from './redaction.ts';

/**
 * The same claw. What a provider says when a call fails, before its answer or in its stream, reaches callers,
 * logs and stored turns only through here: without secrets, and with its parameter in the caller's words. `redact`
 * is asked at each failure.
 */
export function withToldFailures(claw: Claw, redact: () => Redact): Claw {
  const { protocol } = claw;
  const told = (fault: Fault, prompt: Prompt): Fault => {
    const theirs = fault.reported?.param;
    const param = theirs === undefined ? fault.param : callersParam(theirs, protocol, prompt);
    return (param === fault.param ? fault : fault.with({ param })).reworded(redact());
  };
  return {
    ...claw,
    call(prompt, ...rest) {
      const bursts = claw.call(prompt, ...rest)[Symbol.asyncIterator]();
      const reword = (failure: unknown): never => {
        throw failure instanceof Fault ? told(failure, prompt) : failure;
      };
      // A generator here would cost each burst of an answer several promises.
      const reworded: AsyncIterator<readonly Delta[]> = {
        next: () => bursts.next().catch(reword),
        return: async () => (await bursts.return?.()) ?? { done: true, value: undefined },
      };
      return { [Symbol.asyncIterator]: () => reworded };
    },
  };
}
