import type { Delta } from '../../core/delta.ts';
import { isObject } from '../../core/json.ts';
import type { Prompt } from '../../core/prompt.ts';
import type { SseEvent, StreamReader } from '../claw.ts';
import { laterUsage } from '../usage.ts';
import { type AnswerState, finishOf, newAnswer, type OpenBlock, usageOf } from './answer.ts';
import { addRefusal, closeMessage, openBlock } from './blocks.ts';
import { faultOfError } from './fault.ts';
import { blockAt, malformed, objectAt, otherFields, stringAt, type Wire } from './wire.ts';

export function readStream(prompt: Prompt): StreamReader {
  const state = newAnswer(prompt);
  return {
    push(event) {
      const out: Delta[] = [];
      // Sent by servers that support other protocols too, not by Anthropic.
      if (event.data === '[DONE]') return out;
      const payload = parse(event);
      // The provider adds event types over time and requires that clients ignore unknown ones.
      EVENTS.get(payload.type)?.(state, payload, out);
      return out;
    },
    end() {
      const out: Delta[] = [];
      if (state.ended) return out;
      // Some compatible servers leave `message_stop` out. The reason to stop is the last that they say.
      if (state.stopReason === null) throw malformed('the event `message_stop`', 'the end of the stream');
      closeBlocks(state, out);
      endAnswer(state, out);
      return out;
    },
  };
}

function parse({ data }: SseEvent): Wire {
  let payload: unknown;
  try {
    payload = JSON.parse(data);
  } catch {
    throw malformed('an event to be JSON', data);
  }
  return objectAt(payload, 'an event');
}

type Read = (state: AnswerState, event: Wire, out: Delta[]) => void;

const EVENTS = new Map<unknown, Read>([
  ['content_block_delta', growBlock],
  ['content_block_start', startBlock],
  ['content_block_stop', stopBlock],
  ['message_start', startMessage],
  ['message_delta', changeMessage],
  ['message_stop', stopMessage],
  ['error', fail],
]);

function startMessage(state: AnswerState, event: Wire, out: Delta[]): void {
  const message = objectAt(event.message, 'message_start.message');
  if (state.id === undefined) beginAnswer(state, message, out, true);
  // Some proxies repeat the event. Another id means that a second answer began inside this one. The deltas of
  // the first cannot be withdrawn, so this is a failure.
  else if (message.id !== state.id || state.ended) {
    throw malformed(`the stream of ${state.id} to continue`, event);
  }
}

function startBlock(state: AnswerState, event: Wire, out: Delta[]): void {
  expectOpen(state, event);
  const index = indexOf(event);
  if (state.blocks.has(index)) throw malformed(`content block ${index} to start once`, event);
  state.blocks.set(index, openBlock(state, blockAt(event.content_block, 'content_block'), out));
}

function growBlock(state: AnswerState, event: Wire, out: Delta[]): void {
  openBlockAt(state, event).push(objectAt(event.delta, 'content_block_delta.delta'), out);
}

function stopBlock(state: AnswerState, event: Wire, out: Delta[]): void {
  openBlockAt(state, event).close(out);
  state.blocks.delete(indexOf(event));
}

const EVENT_FIELDS = new Set(['type', 'delta', 'usage']);
const DELTA_FIELDS = new Set(['stop_reason']);

function changeMessage(state: AnswerState, event: Wire, out: Delta[]): void {
  expectOpen(state, event);
  const delta = objectAt(event.delta, 'message_delta.delta');
  readRefusal(state, delta, out);
  if (state.blocks.size === 0) closeMessage(state, out);
  noteOutcome(state, { stop_reason: delta.stop_reason, usage: event.usage }, out);
  const fields = { ...otherFields(event, EVENT_FIELDS), ...otherFields(delta, DELTA_FIELDS) };
  if (Object.keys(fields).length > 0) out.push({ type: 'extra', fields });
}

function stopMessage(state: AnswerState, event: Wire, out: Delta[]): void {
  expectOpen(state, event);
  if (state.blocks.size > 0 && state.stopReason === null) {
    throw malformed('every content block to stop before the message', event);
  }
  closeBlocks(state, out);
  endAnswer(state, out);
}

/** Ends the blocks that did not stop before the message did. */
function closeBlocks(state: AnswerState, out: Delta[]): void {
  for (const block of state.blocks.values()) block.close(out);
  state.blocks.clear();
}

function fail(_state: AnswerState, event: Wire): void {
  throw faultOfError(event);
}

function expectOpen(state: AnswerState, event: Wire): void {
  if (state.id === undefined) throw malformed('the event `message_start` first', event);
  if (state.ended) throw malformed('nothing after `message_stop`', event);
}

function openBlockAt(state: AnswerState, event: Wire): OpenBlock {
  const open = state.blocks.get(event.index as number);
  if (open === undefined) throw malformed('an event of a content block that is open', event);
  return open;
}

function indexOf({ index }: Wire): number {
  if (typeof index === 'number') return index;
  throw malformed('the index of a content block to be a number', index);
}

/** A whole answer is read as a stream whose start event holds everything. */
export function readAnswer(body: unknown, prompt: Prompt): Delta[] {
  const message = objectAt(body, 'the answer');
  if (message.type === 'error') throw faultOfError(message);
  if (!Array.isArray(message.content)) throw malformed('an answer with a list `content`', body);
  const state = newAnswer(prompt);
  const out: Delta[] = [];
  beginAnswer(state, message, out);
  endAnswer(state, out);
  return out;
}

const MESSAGE_FIELDS = new Set(['id', 'type', 'role', 'model', 'content', 'stop_reason', 'usage']);

/** `message` is the provider's message object. The content that it already holds is read at once. */
function beginAnswer(state: AnswerState, message: Wire, out: Delta[], isStream = false): void {
  const model = stringAt(message.model, 'message.model');
  const id = typeof message.id === 'string' ? message.id : undefined;
  state.id = id ?? '';
  out.push(id === undefined ? { type: 'start', model } : { type: 'start', model, id });
  if (Array.isArray(message.content)) {
    for (const block of message.content) {
      openBlock(state, blockAt(block, 'a content block'), out).close(out);
    }
  }
  readRefusal(state, message, out);
  noteOutcome(state, message, out, isStream);
  const fields = otherFields(message, MESSAGE_FIELDS);
  if (fields) out.push({ type: 'extra', fields });
}

/**
 * The provider's classifiers may stop an answer at any point, also before its first text. Their explanation is not
 * part of `content`
 * (https://platform.claude.com/docs/en/test-and-evaluate/strengthen-guardrails/handle-streaming-refusals).
 */
function readRefusal(state: AnswerState, { stop_reason, stop_details }: Wire, out: Delta[]): void {
  // Some proxies repeat the event that ends the message.
  if (stop_reason !== 'refusal' || state.stopReason === 'refusal' || !isObject(stop_details)) return;
  const { explanation } = stop_details;
  if (typeof explanation === 'string' && explanation !== '') addRefusal(state, explanation, out);
}

/**
 * Reads `stop_reason` and `usage`. They come at the start of the message and again, as totals, at its end.
 */
function noteOutcome(state: AnswerState, { stop_reason, usage }: Wire, out: Delta[], isFirst = false): void {
  if (typeof stop_reason === 'string') state.stopReason = stop_reason;
  if (usage === undefined || usage === null) return;
  const next = objectAt(usage, 'usage');
  state.usage = state.usage ? laterUsage(state.usage, next) : next;
  out.push({ type: 'usage', usage: usageOf(state.usage), ...(isFirst && { isFirst }) });
}

function endAnswer(state: AnswerState, out: Delta[]): void {
  closeMessage(state, out);
  state.ended = true;
  out.push({ type: 'finish', reason: finishOf(state) });
}
