import type { Delta } from '../../core/delta.ts';
import { Fault } from '../../core/errors.ts';
import { type AnswerState, type ChoiceState, choiceAt, closeItem, drain } from './answer-state.ts';
import { readCalls, readLegacyCall } from './calls.ts';
import { checkFinish, finishOf } from './finish.ts';
import { grow, keepLatest } from './leftovers.ts';
import { closeReasoning, readReasoning } from './reasoning.ts';
import { closeMessage, keepInMessage, readAnnotations, readAudio, readContent, readRefusal } from './text.ts';
import { usageOf } from './usage.ts';
import { isObject, type Json, textOf } from './wire.ts';

/** Fields of the envelope with a place of their own; `obfuscation` is OpenAI's padding against eavesdroppers. */
const ENVELOPE = new Set(['id', 'object', 'model', 'choices', 'usage', 'obfuscation', 'error']);
const CHOICE = new Set(['index', 'delta', 'message', 'finish_reason', 'logprobs', 'usage']);
const MESSAGE = new Set([
  'role',
  'content',
  'refusal',
  'reasoning_content',
  'reasoning',
  'reasoning_details',
  'annotations',
  'audio',
  'tool_calls',
  'function_call',
]);

/** OpenAI's own limit of `n`. */
const MAX_CHOICES = 128;

/** Where a choice keeps its content: `delta` in a stream, `message` in a whole answer. */
export type PayloadField = 'delta' | 'message';

/** Advances `state` by one chunk of a stream, or by a whole answer, which is one big chunk. */
export function readChunk(state: AnswerState, chunk: Json, field: PayloadField): void {
  const { choices } = chunk;
  if (choices !== undefined && choices !== null && !Array.isArray(choices)) {
    throw malformed('`choices` is not a list', chunk);
  }
  if (!Array.isArray(choices) && !isObject(chunk.usage)) throw malformed('it has no `choices`', chunk);
  readEnvelope(state, chunk, Array.isArray(choices) && choices.length > 0);
  if (!Array.isArray(choices)) return;
  for (const choice of choices) {
    if (!isObject(choice)) throw malformed('a choice is not an object', chunk);
    readChoice(state, choice, field);
  }
}

function malformed(what: string, chunk: Json): Fault {
  return new Fault('provider_protocol_error', `The provider's answer is not a chat completion: ${what}.`, {
    raw: chunk,
  });
}

function readEnvelope(state: AnswerState, chunk: Json, hasChoices: boolean): void {
  // Azure's first chunk has neither model nor id, only what its filter made of the prompt.
  if (!state.started && (hasChoices || textOf(chunk.model) !== undefined)) start(state, chunk);
  for (const key in chunk) if (!ENVELOPE.has(key)) keepLatest(state.extra, key, chunk[key]);
  if (isObject(chunk.usage)) state.usage = chunk.usage;
  else if (isObject(chunk.x_groq) && isObject(chunk.x_groq.usage)) state.usage ??= chunk.x_groq.usage;
}

function start(state: AnswerState, chunk: Json): void {
  state.started = true;
  const id = textOf(chunk.id);
  state.answerId = id ?? String(chunk.created ?? '');
  state.out.push({
    type: 'start',
    model: textOf(chunk.model) ?? state.asked,
    ...(id !== undefined && { id }),
  });
}

function readChoice(state: AnswerState, raw: Json, field: PayloadField): void {
  const choice = choiceAt(state, choiceIndex(raw));
  const payload = field === 'delta' ? (raw.delta ?? raw.message) : (raw.message ?? raw.delta);
  if (isObject(payload)) readMessage(state, choice, { message: payload, logprobs: raw.logprobs });
  else if (textOf(raw.finish_reason) === undefined) throw malformed(`a choice has no \`${field}\``, raw);
  for (const key in raw) {
    if (CHOICE.has(key) || raw[key] === null) continue;
    choice.extra ??= {};
    // Lists come in pieces (vLLM's `token_ids`), the rest stands for itself.
    if (Array.isArray(raw[key])) grow(choice.extra, key, raw[key]);
    else keepLatest(choice.extra, key, raw[key]);
  }
  // Moonshot reports streamed usage inside the choice.
  if (isObject(raw.usage)) state.usage = raw.usage;
  const finish = textOf(raw.finish_reason);
  if (finish === undefined) return;
  checkFinish(finish);
  choice.finish = finish;
}

function choiceIndex(raw: Json): number {
  const index = raw.index ?? 0;
  if (Number.isInteger(index) && (index as number) >= 0 && (index as number) < MAX_CHOICES) {
    return index as number;
  }
  throw malformed('the `index` of a choice is not a small whole number', raw);
}

function readMessage(
  state: AnswerState,
  choice: ChoiceState,
  { message, logprobs }: { message: Json; logprobs: unknown },
): void {
  readReasoning(state, choice, message);
  readTokens(state, choice, { content: message.content, logprobs });
  if (message.refusal) readRefusal(state, choice, message.refusal);
  if (message.audio) readAudio(state, choice, message.audio);
  if (message.annotations) readAnnotations(state, choice, message.annotations);
  for (const key in message) {
    if (!MESSAGE.has(key)) keepInMessage(choice, key, message[key]);
  }
  if (message.tool_calls) readCalls(state, choice, message.tool_calls);
  else if (message.function_call) readLegacyCall(state, choice, message.function_call);
}

/** Log probabilities belong to the text that came with them; others (of refusals, of calls) are kept beside. */
function readTokens(
  state: AnswerState,
  choice: ChoiceState,
  { content, logprobs }: { content: unknown; logprobs: unknown },
): void {
  if (!isObject(logprobs)) {
    readContent(state, choice, { content });
    return;
  }
  const { content: tokens, ...rest } = logprobs;
  const listed = Array.isArray(tokens) && tokens.length > 0 ? tokens : undefined;
  const placed = readContent(state, choice, { content, logprobs: listed });
  const left: Json = placed || !listed ? rest : { ...rest, content: listed };
  for (const key in left) {
    if (left[key] === null) continue;
    choice.extra ??= {};
    grow(choice.extra, 'logprobs', { [key]: left[key] });
  }
}

/** Whether the provider gave a reason for the end of every choice. */
export function isFinished(state: AnswerState): boolean {
  return state.choices.length > 0 && state.choices.every((choice) => choice.finish !== undefined);
}

/** The last deltas. Items end here and not at the finish reason: some servers add to them after it. */
export function finishAnswer(state: AnswerState): Delta[] {
  if (state.choices.length === 0) throw malformed('it has no choice', state.extra);
  state.choices.sort((a, b) => a.choice - b.choice);
  const extra = state.choices.flatMap(({ choice, extra }) => (extra ? [{ index: choice, ...extra }] : []));
  if (extra.length > 0) state.extra.choices = extra;
  if (Object.keys(state.extra).length > 0) state.out.push({ type: 'extra', fields: state.extra });
  for (const choice of state.choices) finishChoice(state, choice);
  if (state.usage) state.out.push({ type: 'usage', usage: usageOf(state.usage) });
  return drain(state);
}

function finishChoice(state: AnswerState, choice: ChoiceState): void {
  closeReasoning(state, choice);
  closeMessage(state, choice);
  for (const call of choice.calls) {
    if (call.index === undefined) {
      throw new Fault('provider_protocol_error', 'A tool call of the answer has no name.', { raw: call });
    }
    closeItem(state, call.index, call.native);
  }
  const reason = finishOf(choice.finish, choice.calls.length > 0);
  if (choice.choice === 0) state.out.push({ type: 'finish', reason });
  else state.out.push({ type: 'finish', reason, choice: choice.choice });
}
