import type { Delta } from '../../core/delta.ts';
import type { Item, OtherType } from '../../core/items.ts';
import { addSegment, nativeOf } from './native.ts';
import type { Answer, Candidate, OpenCall, OpenText } from './state.ts';
import { addPartial, addWhole, emptyArguments, type StreamedArguments } from './streamed-arguments.ts';
import { isObject, malformed, PART_ITEM, type WireCall, type WirePart } from './wire.ts';

interface Reading {
  answer: Answer;
  candidate: Candidate;
  out: Delta[];
}

/** Fields that qualify a part and are not what it is. */
const MARKS = new Set(['thought', 'thoughtSignature', 'partMetadata', 'videoMetadata', 'mediaResolution']);

export function readPart(reading: Reading, part: WirePart): void {
  if (typeof part.text === 'string') readText(reading, part, part.text);
  else if (part.functionCall !== undefined) readCall(reading, part);
  else readOther(reading, part);
}

/** Ends what waits for more: a text for another text, a call for the rest of its arguments. */
export function endOpenPart(candidate: Candidate, out: Delta[]): void {
  if (candidate.text) endText(candidate, candidate.text, out);
  if (candidate.call) endCall(candidate, candidate.call, out);
}

function startItem({ answer, candidate, out }: Reading, item: Item): number {
  const index = answer.nextIndex++;
  candidate.items++;
  out.push({ type: 'item-start', index, item, choice: candidate.choice });
  return index;
}

function endItem(index: number, native: unknown): Delta {
  return native === undefined ? { type: 'item-end', index } : { type: 'item-end', index, native };
}

/** The fields of a part beside those read, or nothing: most parts have none. */
function marksOf(part: WirePart, read: 'text' | 'functionCall'): Record<string, unknown> | undefined {
  let marks: Record<string, unknown> | undefined;
  for (const key in part) {
    if (key === read || key === 'thought') continue;
    marks ??= {};
    marks[key] = part[key];
  }
  return marks;
}

function readText(reading: Reading, part: WirePart, text: string): void {
  const { candidate, out } = reading;
  const marks = marksOf(part, 'text');
  // Streams like to end with an empty text; only its marks, if any, mean something.
  if (text === '' && !marks) return;
  const open = openText(reading, part.thought === true);
  addSegment(open.segments, text.length, marks);
  if (text === '') return;
  const { index } = open;
  if (open.thought) out.push({ type: 'reasoning-delta', index, part: 0, text });
  else if (!candidate.logprobs) out.push({ type: 'text-delta', index, part: 0, text });
  else {
    out.push({ type: 'text-delta', index, part: 0, text, logprobs: candidate.logprobs });
    candidate.logprobs = undefined;
  }
}

function openText(reading: Reading, thought: boolean): OpenText {
  const { candidate, out } = reading;
  if (candidate.text?.thought === thought) return candidate.text;
  endOpenPart(candidate, out);
  const item: Item = thought
    ? { type: 'reasoning', summary: [] }
    : { type: 'message', role: 'assistant', content: [] };
  candidate.text = { index: startItem(reading, item), thought, segments: [] };
  return candidate.text;
}

function endText(candidate: Candidate, text: OpenText, out: Delta[]): void {
  candidate.text = undefined;
  out.push(endItem(text.index, nativeOf(text.segments)));
}

function readCall(reading: Reading, part: WirePart): void {
  const call: unknown = part.functionCall;
  if (!isObject(call)) throw malformed('a functionCall', call);
  const open = call.name === undefined ? reading.candidate.call : openCall(reading, call);
  if (!open) {
    // The mark that ends streamed arguments, after the call had ended already.
    if (call.args === undefined && call.partialArgs === undefined) return;
    throw malformed('the name of a functionCall', call);
  }
  Object.assign(open.marks, marksOf(part, 'functionCall'));
  addArguments(open.streamed, call);
  if (call.willContinue !== true) endCall(reading.candidate, open, reading.out);
}

/** Calls mostly come without an id; the made up one is the same for the same answer, streamed or not. */
function openCall(reading: Reading, call: WireCall): OpenCall {
  const { answer, candidate, out } = reading;
  const { name, id } = call;
  if (typeof name !== 'string' || name === '') throw malformed('the name of a functionCall', call);
  endOpenPart(candidate, out);
  const given = typeof id === 'string' && id !== '';
  answer.id ??= crypto.randomUUID();
  const call_id = given ? id : `call_${answer.id}_${candidate.choice}_${candidate.calls}`;
  candidate.calls++;
  const index = startItem(reading, { type: 'function_call', call_id, name, arguments: '' });
  const marks = given ? { givenId: true } : {};
  candidate.call = { index, call_id, name, streamed: emptyArguments(), marks };
  return candidate.call;
}

function addArguments(streamed: StreamedArguments, call: WireCall): void {
  if (isObject(call.args)) addWhole(streamed, call.args);
  else if (call.args !== undefined && call.args !== null) throw malformed('args of a functionCall', call);
  if (call.partialArgs === undefined) return;
  if (!Array.isArray(call.partialArgs)) throw malformed('an array of partialArgs', call.partialArgs);
  for (const partial of call.partialArgs) addPartial(streamed, partial);
}

function endCall(candidate: Candidate, call: OpenCall, out: Delta[]): void {
  candidate.call = undefined;
  const text = JSON.stringify(call.streamed.root);
  out.push({ type: 'arguments-delta', index: call.index, text });
  out.push(endItem(call.index, Object.keys(call.marks).length > 0 ? call.marks : undefined));
}

/** Images, code and its results, hosted tools' calls: the part is the item. */
function readOther(reading: Reading, part: WirePart): void {
  const { thoughtSignature, ...content } = part;
  const kind = Object.keys(content).find((key) => !MARKS.has(key));
  if (kind === undefined) {
    readText(reading, { ...part, text: '' }, '');
    return;
  }
  endOpenPart(reading.candidate, reading.out);
  const item: Item = { ...content, type: `${PART_ITEM}${kind}` as OtherType };
  const index = startItem(reading, item);
  reading.out.push(endItem(index, thoughtSignature === undefined ? undefined : { thoughtSignature }));
}
