import type { Delta } from '../../core/delta.ts';
import type { Prompt } from '../../core/prompt.ts';
import { endingOf, startOf } from './envelope.ts';
import { failureOf } from './fault.ts';
import { contentDeltas, isCall, readItem, skeletonOf } from './output-item.ts';
import { isObject, type Json, listIn, malformed, objectIn } from './shape.ts';

/** The deltas of a whole answer: the same that its stream would have given. */
export function answerDeltas(body: unknown, prompt: Prompt): Delta[] {
  const response = objectIn(body, 'the answer');
  if (isObject(response.error) || response.status === 'failed') throw failureOf(response.error, response);
  const output = listIn(response.output, 'output of the answer');
  refuseUnfinished(response);
  const deltas: Delta[] = [startOf(response, prompt)];
  let called = false;
  for (const [index, raw] of output.entries()) {
    const { item, native } = readItem(raw);
    called ||= isCall(item);
    deltas.push({ type: 'item-start', index, item: skeletonOf(item) });
    deltas.push(...contentDeltas(index, item));
    deltas.push({ type: 'item-end', index, item, native });
  }
  deltas.push(...endingOf(response, { called, incomplete: response.status === 'incomplete' }));
  return deltas;
}

/** Compatible servers may leave the status out; one that says the answer is not there yet is believed. */
function refuseUnfinished(response: Json): void {
  const { status } = response;
  if (status === undefined || status === 'completed' || status === 'incomplete') return;
  throw malformed('status of the answer', '"completed" or "incomplete"', status);
}
