import type { Delta } from '../../core/delta.ts';
import { Fault } from '../../core/errors.ts';
import type { Prompt } from '../claw.ts';
import { newAnswer } from './answer-state.ts';
import { finishAnswer, readChunk } from './chunk.ts';
import { failureIn } from './fault.ts';
import { isObject } from './wire.ts';

/** Translates a whole answer: the same deltas as its stream, in bigger pieces. */
export function chatAnswer(body: unknown, prompt: Prompt): Delta[] {
  const failure = failureIn(body, { started: false, isErrorEvent: false });
  if (failure) throw failure;
  if (!isObject(body)) {
    throw new Fault('provider_protocol_error', "The provider's answer is not a JSON object.", { raw: body });
  }
  const state = newAnswer(prompt.model);
  readChunk(state, body, 'message');
  return finishAnswer(state);
}
