import type { Delta } from '../../core/delta.ts';
import { generatedImage } from '../../core/generated-images.ts';
import type { Item, OtherItem, OtherType } from '../../core/items.ts';
import { isObject } from '../../core/json.ts';
import { imageDeltas } from '../image-deltas.ts';
import type { Answer, Candidate, OpenCall, OpenText } from './answer.ts';
import { addSegment, type Carried, nativeOf, partsNative } from './native.ts';
import { addPartial, addWhole, emptyArguments, type StreamedArguments } from './streamed-arguments.ts';
import { malformed, PART_ITEM, type WireCall, type WirePart } from './wire.ts';

/** Where the parts of an answer are read to. */
export interface Reading {
  answer: Answer;
  candidate: Candidate;
  out: Delta[];
}

/** Fields that describe a part. All others are its content. */
const PART_FIELDS = new Set([
  'thought',
  'thoughtSignature',
  'partMetadata',
  'videoMetadata',
  'mediaResolution',
]);

export function readPart(reading: Reading, part: WirePart): void {
  if (typeof part.text === 'string') readText(reading, part, part.text);
  else if (part.text !== undefined) throw malformed('a text', part);
  else if (part.functionCall !== undefined) readCall(reading, part);
  else readOther(reading, part);
}

/** Ends the open text or call. */
export function endOpenPart(reading: Reading): void {
  const { candidate, out } = reading;
  if (candidate.text) endText(reading, candidate.text);
  if (candidate.call) endCall(candidate, candidate.call, out);
}

/**
 * Like `endOpenPart`, but marks a call as incomplete: its arguments are valid JSON even if the call was cut
 * short.
 */
export function cutOpenPart(reading: Reading): void {
  const { candidate, out } = reading;
  const { call } = candidate;
  endOpenPart(reading);
  const end = out[out.length - 1];
  if (!call || end?.type !== 'item-end') return;
  const { call_id, name } = call;
  end.item = { type: 'function_call', call_id, name, arguments: textOf(call), status: 'incomplete' };
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

const TEXT_FIELDS = new Set(['text', 'thought']);
const IMAGE_PART_FIELDS = new Set(['inlineData']);
const CALL_PART_FIELDS = new Set(['functionCall']);
const CALL_FIELDS = new Set(['name', 'id', 'args', 'partialArgs', 'willContinue']);

/** The fields that are not in `read`. Undefined if there are none, as in most parts. */
function partFieldsOf(fields: WirePart, read: ReadonlySet<string>): Record<string, unknown> | undefined {
  let partFields: Record<string, unknown> | undefined;
  for (const key in fields) {
    if (read.has(key)) continue;
    partFields ??= {};
    partFields[key] = fields[key];
  }
  return partFields;
}

function readText(reading: Reading, part: WirePart, text: string): void {
  const { candidate, out } = reading;
  const partFields = partFieldsOf(part, TEXT_FIELDS);
  // Streams often end with an empty text. Only its part fields, if it has any, are of use.
  if (text === '' && !partFields) return;
  const open = openText(reading, part.thought === true);
  addSegment(open.segments, text.length, partFields);
  if (text === '') return;
  const { index } = open;
  if (open.thought) out.push({ type: reading.answer.thoughts, index, part: 0, text });
  else if (!candidate.logprobs) out.push({ type: 'text-delta', index, part: 0, text });
  else {
    out.push({ type: 'text-delta', index, part: 0, text, logprobs: candidate.logprobs });
    candidate.logprobs = undefined;
  }
}

/** Adds a refusal as the last part of the open message, or as a message of its own. */
export function readRefusal(reading: Reading, refusal: string): void {
  const { index, segments } = openText(reading, false);
  const part = segments.some(({ length }) => length > 0) ? 1 : 0;
  reading.out.push({ type: 'refusal-delta', index, part, text: refusal });
}

function openText(reading: Reading, thought: boolean): OpenText {
  const { candidate } = reading;
  if (candidate.text?.thought === thought) return candidate.text;
  endOpenPart(reading);
  const item: Item = thought
    ? { type: 'reasoning', summary: [] }
    : { type: 'message', role: 'assistant', content: [] };
  candidate.text = { index: startItem(reading, item), thought, segments: [] };
  return candidate.text;
}

function endText(reading: Reading, { index, thought, segments }: OpenText): void {
  reading.candidate.text = undefined;
  reading.out.push(endItem(index, nativeOf(segments)));
  if (!thought && segments.some(({ partFields }) => partFields?.thoughtSignature !== undefined))
    carry(reading, { text: partsNative(segments) });
}

/**
 * Adds the signature of a call or a text to the native of a reasoning item, because a client that keeps its own
 * conversation sends back such data only with reasoning. The signature of a call comes with the call's first
 * part, so the reasoning item is before the call: the open thought, or an item of its own. The signature of a
 * streamed text comes with the last chunk, when clients have already seen the text, so the reasoning item is
 * after the text. No item has to stay open for a signature that may not come.
 */
function carry(reading: Reading, carries: Carried): void {
  const { candidate, out } = reading;
  const { text } = candidate;
  if (text?.thought) {
    candidate.text = undefined;
    out.push(endItem(text.index, { ...(nativeOf(text.segments) as object | undefined), carries }));
    return;
  }
  endOpenPart(reading);
  const index = startItem(reading, { type: 'reasoning', summary: [] });
  out.push(endItem(index, { carries }));
}

function readCall(reading: Reading, part: WirePart): void {
  const call: unknown = part.functionCall;
  if (!isObject(call)) throw malformed('a functionCall', call);
  const open =
    call.name === undefined ? reading.candidate.call : openCall(reading, call, part.thoughtSignature);
  if (!open) {
    // An end mark of streamed arguments, after the call has ended already.
    if (call.args === undefined && call.partialArgs === undefined) return;
    throw malformed('the name of a functionCall', call);
  }
  const beside = partFieldsOf(call, CALL_FIELDS);
  Object.assign(open.partFields, partFieldsOf(part, CALL_PART_FIELDS), beside && { call: beside });
  addArguments(open.streamed, call);
  if (call.willContinue !== true) endCall(reading.candidate, open, reading.out);
}

/** Most calls come without an id. The generated one is the same for a streamed and a whole answer. */
function openCall(reading: Reading, call: WireCall, thoughtSignature: unknown): OpenCall {
  const { answer, candidate } = reading;
  const { name, id } = call;
  if (typeof name !== 'string' || name === '') throw malformed('the name of a functionCall', call);
  const given = typeof id === 'string' && id !== '';
  answer.id ??= crypto.randomUUID();
  const call_id = given ? id : `call_${answer.id}_${candidate.choice}_${candidate.calls}`;
  candidate.calls++;
  if (thoughtSignature !== undefined) carry(reading, { call: call_id, partFields: { thoughtSignature } });
  endOpenPart(reading);
  const index = startItem(reading, { type: 'function_call', call_id, name, arguments: '' });
  const partFields = given ? { givenId: true } : {};
  candidate.call = { index, call_id, name, streamed: emptyArguments(), partFields };
  return candidate.call;
}

function addArguments(streamed: StreamedArguments, call: WireCall): void {
  if (isObject(call.args)) addWhole(streamed, call.args);
  else if (call.args !== undefined && call.args !== null) throw malformed('args of a functionCall', call);
  if (call.partialArgs === undefined) return;
  if (!Array.isArray(call.partialArgs)) throw malformed('an array of partialArgs', call.partialArgs);
  for (const partial of call.partialArgs) addPartial(streamed, partial);
}

function textOf(call: OpenCall): string {
  return JSON.stringify(call.streamed.root);
}

function endCall(candidate: Candidate, call: OpenCall, out: Delta[]): void {
  candidate.call = undefined;
  out.push({ type: 'arguments-delta', index: call.index, text: textOf(call) });
  out.push(endItem(call.index, Object.keys(call.partFields).length > 0 ? call.partFields : undefined));
}

/**
 * The image of a part; undefined for other parts. An image inside the model's thoughts does not belong to the
 * answer.
 */
function imageIn({ inlineData, thought }: WirePart): OtherItem | undefined {
  if (!isObject(inlineData) || thought === true) return undefined;
  const { mimeType, data } = inlineData;
  if (typeof mimeType !== 'string' || typeof data !== 'string' || !mimeType.startsWith(IMAGE))
    return undefined;
  return generatedImage(mimeType.slice(IMAGE.length), data);
}

const IMAGE = 'image/';

function readImage(reading: Reading, image: OtherItem, part: WirePart): void {
  const { answer, candidate, out } = reading;
  endOpenPart(reading);
  candidate.items++;
  const native = partFieldsOf(part, IMAGE_PART_FIELDS);
  out.push(...imageDeltas(answer.nextIndex++, image, { choice: candidate.choice, native }));
}

/** Reads audio, code and its results, and calls of hosted tools: each part becomes an item. */
function readOther(reading: Reading, part: WirePart): void {
  const { thoughtSignature, ...content } = part;
  const kind = Object.keys(content).find((key) => !PART_FIELDS.has(key));
  if (kind === undefined) {
    readText(reading, { ...part, text: '' }, '');
    return;
  }
  const image = imageIn(part);
  if (image) {
    readImage(reading, image, part);
    return;
  }
  endOpenPart(reading);
  const item: Item = { ...content, type: `${PART_ITEM}${kind}` as OtherType };
  const index = startItem(reading, item);
  reading.out.push(endItem(index, thoughtSignature === undefined ? undefined : { thoughtSignature }));
}
