import type { Fault } from '../core/errors.ts';
import type { Prompt, ProtocolName } from '../core/prompt.ts';
import { callersParam } from './caller-params.ts';

/**
 * The failure of a call as callers, logs and stored turns see it: what the provider says is without secrets, and
 * its parameter is in the caller's words. `protocol` is the one in which the provider was called.
 */
export function shownFailure(
  fault: Fault,
  prompt: Prompt,
  protocol: ProtocolName,
  redact: (text: string) => string,
): Fault {
  const reported = fault.reported?.param;
  const param = reported === undefined ? fault.param : callersParam(reported, protocol, prompt);
  return (param === fault.param ? fault : fault.with({ param })).reworded(redact);
}
