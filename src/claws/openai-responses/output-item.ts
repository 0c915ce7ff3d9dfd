import type { Delta } from '../../core/delta.ts';
import type {
  FunctionCall,
  FunctionCallOutput,
  Item,
  Message,
  OtherItem,
  Part,
  Reasoning,
} from '../../core/items.ts';
import { isObject, type Json, listIn, objectIn, textIn } from './shape.ts';

/** An output item in our form, and what of it has no place there. */
export interface OutputItem {
  item: Item;
  /** The provider's id of the item, and fields that our form of its kind does not know (`phase`, `caller`). */
  native: Json;
}

type Reading = (raw: Json) => OutputItem;

const READINGS: ReadonlyMap<string, Reading> = new Map<string, Reading>([
  ['message', readMessage],
  ['reasoning', readReasoning],
  ['function_call', readFunctionCall],
  ['function_call_output', readFunctionCallOutput],
]);

export function readItem(value: unknown): OutputItem {
  const raw = objectIn(value, 'an output item');
  const reading = READINGS.get(textIn(raw.type, 'type of an output item'));
  return reading ? reading(raw) : readOther(raw);
}

function readMessage(raw: Json): OutputItem {
  const { type, role, status, content, ...native } = raw;
  const item = { type, role: role ?? 'assistant', ...(status !== undefined && { status }) };
  return { item: { ...item, content: readParts(content) } as Message, native };
}

function readParts(content: unknown): Part[] {
  return listIn(content, 'content of a message').map((part) => {
    const raw = objectIn(part, 'a content part of a message');
    if (raw.type === 'refusal') textIn(raw.refusal, 'refusal of a content part');
    if (raw.type !== 'output_text') return raw as unknown as Part;
    return readText(raw);
  });
}

/** Providers send an empty `logprobs` when none were asked for; in our form it is then absent. */
function readText(raw: Json): Part {
  const { text, annotations, logprobs, ...rest } = raw;
  const part: Json = {
    ...rest,
    text: textIn(text, 'text of a content part'),
    annotations: listIn(annotations ?? [], 'annotations of a content part'),
  };
  if (Array.isArray(logprobs) && logprobs.length > 0) part.logprobs = logprobs;
  return part as unknown as Part;
}

function readReasoning(raw: Json): OutputItem {
  const { type, status, summary, content, encrypted_content, ...native } = raw;
  const item: Json = { type, summary: textParts(summary ?? [], 'summary of a reasoning item') };
  if (content !== undefined && content !== null) {
    item.content = textParts(content, 'content of a reasoning item');
  }
  if (encrypted_content !== undefined) item.encrypted_content = encrypted_content;
  if (status !== undefined) item.status = status;
  return { item: item as unknown as Reasoning, native };
}

function textParts(value: unknown, where: string): unknown[] {
  const parts = listIn(value, where);
  for (const part of parts) textIn(objectIn(part, where).text, `text in the ${where}`);
  return parts;
}

function readFunctionCall(raw: Json): OutputItem {
  const { type, call_id, name, arguments: args, status, ...native } = raw;
  const item: FunctionCall = {
    type: type as 'function_call',
    call_id: textIn(call_id, 'call_id of a function call'),
    name: textIn(name, 'name of a function call'),
    arguments: textIn(args ?? '', 'arguments of a function call'),
  };
  if (status !== undefined) item.status = status as FunctionCall['status'];
  return { item, native };
}

function readFunctionCallOutput(raw: Json): OutputItem {
  const { type, call_id, output, status, ...native } = raw;
  const item = { type, call_id, output, ...(status !== undefined && { status }) };
  return { item: item as FunctionCallOutput, native };
}

function readOther(raw: Json): OutputItem {
  const { id, ...item } = raw;
  return { item: item as unknown as OtherItem, native: id === undefined ? {} : { id } };
}

/** The item before its content came, for the kinds whose content streams; other kinds are whole. */
export function skeletonOf(item: Item): Item {
  switch (item.type) {
    case 'message':
      return { type: 'message', role: item.role, content: [] };
    case 'reasoning':
      return { type: 'reasoning', summary: [] };
    case 'function_call':
      return { type: 'function_call', call_id: item.call_id, name: item.name, arguments: '' };
    default:
      return isCustomCall(item) ? { ...(item as OtherItem), input: '' } : item;
  }
}

export function isCustomCall(item: Item): boolean {
  return (item.type as string) === 'custom_tool_call';
}

/** Whether the caller is expected to run something and come back with its output. */
export function isCall(item: Item): boolean {
  return item.type === 'function_call' || isCustomCall(item);
}

/** The content of an item that came whole, as the deltas it would have streamed as. */
export function contentDeltas(index: number, item: Item): Delta[] {
  switch (item.type) {
    case 'message':
      return item.content.flatMap((part, at) => partDeltas(index, at, part));
    case 'reasoning':
      return [
        ...item.summary.map(({ text }, part): Delta => ({ type: 'summary-delta', index, part, text })),
        ...(item.content ?? []).map(
          ({ text }, part): Delta => ({ type: 'reasoning-delta', index, part, text }),
        ),
      ];
    case 'function_call':
      return item.arguments === '' ? [] : [{ type: 'arguments-delta', index, text: item.arguments }];
    default:
      return customInput(index, item);
  }
}

function partDeltas(index: number, at: number, part: Part): Delta[] {
  if (part.type === 'refusal') return [{ type: 'refusal-delta', index, part: at, text: part.refusal }];
  if (part.type !== 'output_text') return [];
  const text: Delta = { type: 'text-delta', index, part: at, text: part.text };
  if (part.logprobs) text.logprobs = part.logprobs;
  const annotations = part.annotations.map(
    (annotation): Delta => ({ type: 'annotation', index, part: at, annotation }),
  );
  return [text, ...annotations];
}

function customInput(index: number, item: Item): Delta[] {
  const { input } = item as OtherItem;
  if (!isCustomCall(item) || typeof input !== 'string' || input === '') return [];
  return [{ type: 'arguments-delta', index, text: input }];
}

/** The id by which the provider's own stream and final answer name an item. */
export function idOf(raw: unknown): string | undefined {
  return isObject(raw) && typeof raw.id === 'string' && raw.id !== '' ? raw.id : undefined;
}
