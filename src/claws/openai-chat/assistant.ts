import { argumentsOf } from '../../core/call-arguments.ts';
import type { FunctionCall, OtherItem, Reasoning } from '../../core/items.ts';
import { isObject } from '../../core/json.ts';
import {
  type ChatAssistantMessage,
  type ChatImagePart,
  type ChatPart,
  type ChatToolCall,
  type Json,
  type ReasoningForm,
  type ReasoningNative,
  textOf,
} from './wire.ts';

/** An assistant message that is not finished yet. The wire holds a run of items in one message. */
export interface AssistantRun {
  parts: ChatPart[];
  refusal?: string;
  images: ChatImagePart[];
  calls: ChatToolCall[];
  /** Reasoning to send back, with the form in which the provider wrote it. */
  reasoning: { item: Reasoning; native: ReasoningNative }[];
  /** Further fields of the message. */
  fields: Json;
}

export function emptyRun(): AssistantRun {
  return { parts: [], images: [], calls: [], reasoning: [], fields: {} };
}

/** What is known of one item, beside its content. */
export interface ItemUse {
  native: unknown;
  /** The caller wrote it in the chat dialect: all its fields are sent. */
  verbatim: boolean;
  /** The provider of this request generated it. */
  own: boolean;
  /** Where the provider takes reasoning that a caller sends back. Absent where it takes none. */
  form?: ReasoningForm;
}

/**
 * The part of `native` that is sent back. To the provider that wrote it: Gemini's signatures; everything
 * else is output only. For a call that the caller wrote: its further fields, which are under `tool_call`.
 */
function returned({ native, own, verbatim }: ItemUse): Json {
  if (verbatim && isObject(native) && isObject(native.tool_call)) return native.tool_call;
  if (!own || !isObject(native) || native.extra_content === undefined) return {};
  return { extra_content: native.extra_content };
}

/** Fields that clients copy from answers, but that requests do not take or hold in another place. */
const REPLAYED = new Set(['annotations', 'reasoning', 'reasoning_content', 'tool_call']);

/**
 * Adds the fields that the caller wrote on an assistant message. They come with the first item of the
 * message.
 */
function addCallerFields(run: AssistantRun, { native, verbatim, form }: ItemUse): void {
  if (!verbatim || !isObject(native)) return;
  for (const key in native) {
    if (native[key] !== null && !REPLAYED.has(key)) run.fields[key] = native[key];
  }
  const text = textOf(native.reasoning_content) ?? textOf(native.reasoning);
  if (text === undefined || !form) return;
  const item: Reasoning = { type: 'reasoning', summary: [], content: [{ type: 'reasoning_text', text }] };
  run.reasoning.push({ item, native: { form } });
}

/** Adds the fields of a message item. Its parts are in the run already. */
export function addMessage(run: AssistantRun, use: ItemUse): void {
  Object.assign(run.fields, returned(use));
  addCallerFields(run, use);
}

export function addCall(run: AssistantRun, call: FunctionCall, use: ItemUse & { id: string }): void {
  run.calls.push({
    ...returned(use),
    id: use.id,
    type: 'function',
    function: { name: call.name, arguments: argumentsOf(call) },
  });
  addCallerFields(run, use);
}

export function addCustomCall(run: AssistantRun, item: OtherItem, use: ItemUse & { id: string }): void {
  run.calls.push({
    ...returned(use),
    id: use.id,
    type: 'custom',
    custom: { name: String(item.name), input: String(item.input ?? '') },
  });
  addCallerFields(run, use);
}

/** The message of a run, with its parts as `content`. Undefined for an empty one, which providers refuse. */
export function runMessage(
  run: AssistantRun,
  content: string | ChatPart[],
): ChatAssistantMessage | undefined {
  const isEmpty = content.length === 0;
  const hasFields = Object.keys(run.fields).length > 0;
  const isBare = run.refusal === undefined && run.images.length === 0 && run.calls.length === 0;
  if (isEmpty && isBare && !hasFields) return undefined;
  const message: ChatAssistantMessage = {
    ...run.fields,
    role: 'assistant',
    // A message with images needs a text, which may be empty.
    content: isEmpty ? (run.images.length > 0 ? '' : null) : content,
  };
  if (run.refusal !== undefined) message.refusal = run.refusal;
  if (run.images.length > 0) message.images = run.images;
  if (run.calls.length > 0) message.tool_calls = run.calls;
  return message;
}

/** Adds a run's reasoning to its message, in the form in which the provider wrote it. */
export function addReasoningTo(message: ChatAssistantMessage, run: AssistantRun): void {
  for (const { item, native } of run.reasoning) {
    const text = (item.content ?? []).map((part) => part.text).join('');
    if (native.form === 'thinking') addThinking(message, text, native.fields);
    else if (native.form === 'reasoning_details') addDetails(message, item, native.details ?? []);
    else message[native.form] = `${message[native.form] ?? ''}${text}`;
  }
}

function addThinking(message: ChatAssistantMessage, text: string, fields: Json = {}): void {
  const { thinking, ...rest } = fields;
  const chunks = [{ type: 'text', text }, ...(Array.isArray(thinking) ? thinking : [])];
  const part = { ...rest, type: 'thinking', thinking: chunks };
  const { content } = message;
  const parts = typeof content === 'string' ? [{ type: 'text', text: content }] : (content ?? []);
  const after = parts.findIndex((other) => other.type !== 'thinking');
  const at = after === -1 ? parts.length : after;
  message.content = [...parts.slice(0, at), part, ...parts.slice(at)];
}

function addDetails(message: ChatAssistantMessage, item: Reasoning, details: Json[]): void {
  let texts = 0;
  let summaries = 0;
  const whole = details.map((detail) => {
    if (detail.type === 'reasoning.text') return { ...detail, text: item.content?.[texts++]?.text ?? '' };
    if (detail.type !== 'reasoning.summary') return detail;
    return { ...detail, summary: item.summary[summaries++]?.text ?? '' };
  });
  const given = Array.isArray(message.reasoning_details) ? message.reasoning_details : [];
  message.reasoning_details = [...given, ...whole];
  if (texts === 0 && item.content?.[0]) message.reasoning = item.content[0].text;
}
