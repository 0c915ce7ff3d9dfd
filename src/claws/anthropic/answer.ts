import type { Delta, Finish } from '../../core/delta.ts';
import type { Prompt } from '../claw.ts';
import { type AnswerState, newAnswer } from './answer-state.ts';
import { faultOfError } from './faults.ts';
import { closeMessage, openBlock } from './open-blocks.ts';
import { usageOf } from './usage.ts';
import { blockAt, malformed, objectAt, otherFields, stringAt, type Wire } from './wire.ts';

/** A whole answer is a stream that says everything at its start. */
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

/** `message` is the provider's message object; what it already holds is translated at once. */
export function beginAnswer(state: AnswerState, message: Wire, out: Delta[]): void {
  const model = stringAt(message.model, 'message.model');
  const id = typeof message.id === 'string' ? message.id : undefined;
  state.id = id ?? '';
  out.push(id === undefined ? { type: 'start', model } : { type: 'start', model, id });
  if (Array.isArray(message.content)) {
    for (const block of message.content) {
      openBlock(state, blockAt(block, 'a content block'), out).close(out);
    }
  }
  noteOutcome(state, message, out);
  const fields = otherFields(message, MESSAGE_FIELDS);
  if (fields) out.push({ type: 'extra', fields });
}

/** Takes up `stop_reason` and `usage`, which come with the message and again, cumulative, at its end. */
export function noteOutcome(state: AnswerState, { stop_reason, usage }: Wire, out: Delta[]): void {
  if (typeof stop_reason === 'string') state.stopReason = stop_reason;
  if (usage === undefined || usage === null) return;
  state.usage = { ...state.usage, ...otherFields(objectAt(usage, 'usage'), NO_FIELDS) };
  out.push({ type: 'usage', usage: usageOf(state.usage) });
}

const NO_FIELDS: ReadonlySet<string> = new Set();

export function endAnswer(state: AnswerState, out: Delta[]): void {
  closeMessage(state, out);
  state.ended = true;
  out.push({ type: 'finish', reason: finishOf(state) });
}

const FINISH = new Map<string | null, Finish['unified']>([
  ['end_turn', 'stop'],
  ['stop_sequence', 'stop'],
  ['tool_use', 'tool_calls'],
  ['max_tokens', 'length'],
  ['model_context_window_exceeded', 'length'],
  ['refusal', 'content_filter'],
]);

function finishOf({ stopReason: raw, formatTool, calls }: AnswerState): Finish {
  if (formatTool && raw === 'tool_use' && calls === 0) return { unified: 'stop', raw };
  return { unified: FINISH.get(raw) ?? 'unknown', raw };
}
