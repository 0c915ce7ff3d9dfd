import { Fault } from '../../core/errors.ts';
import type { FunctionCallOutput } from '../../core/items.ts';
import type { PromptItem } from '../claw.ts';
import { type CallPlace, contentParts, type Draft, type Outputs } from './draft.ts';
import { isObject, present, type WirePart } from './wire.ts';

/** Answers a call: in one content with the other outputs, next to the calls, in the order of the calls. */
export function writeCallOutput(draft: Draft, entry: PromptItem): void {
  const item = entry.item as FunctionCallOutput;
  const call = draft.calls.get(item.call_id);
  if (!call) {
    throw new Fault(
      'tool_output_without_call',
      `No function call before this output has id ${item.call_id}.`,
    );
  }
  const parts = typeof item.output === 'string' ? [{ text: item.output }] : contentParts(draft, item.output);
  const text = parts.map((part) => part.text ?? '').join('');
  const inside = parts.filter((part) => fitsInside(draft, part));
  const functionResponse = present({
    id: call.givenId ? item.call_id : undefined,
    name: call.name,
    response: responseOf(text),
    parts: inside.length > 0 ? inside : undefined,
  });
  const outputs = outputsOf(draft, call);
  insert(outputs, call.at, { functionResponse });
  const beside = parts.filter((part) => part.text === undefined && !inside.includes(part));
  outputs.content.parts.push(...beside);
}

/** Media inside an output: since the third generation, and only some kinds; the rest stands beside it. */
function fitsInside(draft: Draft, part: WirePart): boolean {
  if (draft.generation < 3 || !isObject(part.inlineData)) return false;
  return /^(image\/|application\/pdf|text\/plain)/.test(String(part.inlineData.mimeType));
}

/** The API takes an object; text that is one keeps its fields. */
function responseOf(text: string): Record<string, unknown> {
  if (text.trimStart().startsWith('{')) {
    try {
      const value: unknown = JSON.parse(text);
      if (isObject(value)) return value;
    } catch {
      // Text that only looks like JSON is text.
    }
  }
  return { result: text };
}

function outputsOf(draft: Draft, call: CallPlace): Outputs {
  const known = draft.outputs.get(call.content);
  if (known) return known;
  const outputs: Outputs = { content: { role: 'user', parts: [] }, order: [] };
  draft.contents.splice(draft.contents.lastIndexOf(call.content) + 1, 0, outputs.content);
  draft.outputs.set(call.content, outputs);
  return outputs;
}

function insert({ content, order }: Outputs, at: number, part: WirePart): void {
  let place = order.length;
  while (place > 0 && order[place - 1]! > at) place--;
  order.splice(place, 0, at);
  content.parts.splice(place, 0, part);
}
