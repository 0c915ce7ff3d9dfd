import type { Delta } from '../../core/delta.ts';
import { Fault } from '../../core/errors.ts';
import { isObject } from '../../core/json.ts';
import type { Prompt } from '../../core/prompt.ts';
import type { SseEvent, StreamReader } from '../claw.ts';
import { laterUsage } from '../usage.ts';
import {
  type AnswerState,
  type ChoiceState,
  checkFinish,
  choiceAt,
  closeItem,
  drain,
  finishOf,
  grow,
  keepLatest,
  newAnswer,
  type OpenMessage,
  openItem,
  usageOf,
} from './answer.ts';
import { closeCall, readCalls, readLegacyCall } from './calls.ts';
import { reportedFault } from './fault.ts';
import { readImages } from './images.ts';
import { closeReasoning, readReasoning, readThinkingPart } from './reasoning.ts';
import { type Json, textOf } from './wire.ts';

const END = '[DONE]';

/**
 * Reads a streamed answer. It ends with `[DONE]`, or with a normal close of the connection after every
 * choice had its finish reason.
 */
export function chatReader(prompt: Prompt): StreamReader {
  const state = newAnswer(prompt.model);
  const expected = prompt.settings.n ?? 1;
  let ended = false;
  return {
    push(event) {
      if (ended || event.data === '') return [];
      if (event.data.startsWith('[') && event.data.trim() === END) {
        const last = finishAnswer(state);
        ended = true;
        return last;
      }
      readChunk(state, parse(event, state.started), 'delta');
      return drain(state);
    },
    end() {
      if (ended) return [];
      const last = closed(state, expected);
      ended = true;
      return last;
    },
  };
}

/** Reads a whole answer: it gives the same deltas as its stream, but fewer and longer ones. */
export function chatAnswer(body: unknown, prompt: Prompt): Delta[] {
  if (reportsFailure(body)) throw reportedFault(body, false);
  if (!isObject(body)) {
    throw new Fault('provider_protocol_error', "The provider's answer is not a JSON object.", { raw: body });
  }
  const state = newAnswer(prompt.model);
  readChunk(state, body, 'message');
  return finishAnswer(state);
}

/**
 * The end of a stream that closed without `[DONE]`. Several servers (one is Perplexity) never send the mark.
 */
function closed(state: AnswerState, expected: number): Delta[] {
  const isWhole = isFinished(state) && (state.choices.length >= expected || state.usage !== undefined);
  if (isWhole) return finishAnswer(state);
  throw new Fault(
    'provider_protocol_error',
    'The stream ended before the answer was complete: `[DONE]` did not come, nor a finish reason for every choice.',
  );
}

/** Whether the provider gave a finish reason for every choice. */
function isFinished(state: AnswerState): boolean {
  return state.choices.length > 0 && state.choices.every((choice) => choice.finish !== undefined);
}

function parse(event: SseEvent, started: boolean): Json {
  let chunk: unknown;
  try {
    chunk = JSON.parse(event.data);
  } catch {
    throw new Fault(
      'provider_protocol_error',
      `A streamed event is not JSON; it begins with ${JSON.stringify(event.data.slice(0, 80))}.`,
      { raw: event.data.slice(0, 1000) },
    );
  }
  if (reportsFailure(chunk, event.event)) throw reportedFault(chunk, started);
  if (isObject(chunk)) return chunk;
  throw new Fault('provider_protocol_error', 'A streamed event is not a JSON object.', { raw: chunk });
}

/** Whether a body or a streamed event reports a failure. Some servers put the error into a list. */
function reportsFailure(body: unknown, event?: string): boolean {
  if (Array.isArray(body)) return reportsFailure(body[0], event);
  if (!isObject(body)) return false;
  const isErrorEvent = event === 'error' && body.choices === undefined;
  return Boolean(body.error) || body.object === 'error' || isErrorEvent;
}

/** Fields of the answer that are read. `obfuscation` is OpenAI's padding against traffic analysis. */
const ANSWER_FIELDS = new Set(['id', 'object', 'model', 'choices', 'usage', 'obfuscation', 'error']);
const CHOICE_FIELDS = new Set(['index', 'delta', 'message', 'finish_reason', 'logprobs', 'usage']);
const MESSAGE_FIELDS = new Set([
  'role',
  'content',
  'refusal',
  'reasoning_content',
  'reasoning',
  'reasoning_details',
  'annotations',
  'audio',
  'images',
  'tool_calls',
  'function_call',
]);

/** OpenAI's own limit of `n`. */
const MAX_CHOICES = 128;

/** Where a choice keeps its content: `delta` in a stream, `message` in a whole answer. */
type PayloadField = 'delta' | 'message';

/** Reads one chunk of a stream, or a whole answer, which is one large chunk. */
function readChunk(state: AnswerState, chunk: Json, field: PayloadField): void {
  const { choices } = chunk;
  if (choices !== undefined && choices !== null && !Array.isArray(choices)) {
    throw malformed('`choices` is not a list', chunk);
  }
  if (!Array.isArray(choices) && !isObject(chunk.usage)) throw malformed('it has no `choices`', chunk);
  readAnswerFields(state, chunk, Array.isArray(choices) && choices.length > 0);
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

function readAnswerFields(state: AnswerState, chunk: Json, hasChoices: boolean): void {
  // Azure's first chunk has neither model nor id, but only the result of its filter for the prompt.
  if (!state.started && (hasChoices || textOf(chunk.model) !== undefined)) start(state, chunk);
  for (const key in chunk) if (!ANSWER_FIELDS.has(key)) keepLatest(state.extra, key, chunk[key]);
  if (isObject(chunk.usage)) state.usage = state.usage ? laterUsage(state.usage, chunk.usage) : chunk.usage;
  else if (isObject(chunk.x_groq) && isObject(chunk.x_groq.usage)) state.usage ??= chunk.x_groq.usage;
}

function start(state: AnswerState, chunk: Json): void {
  state.started = true;
  const id = textOf(chunk.id);
  state.answerId = id ?? (typeof chunk.created === 'number' ? String(chunk.created) : '');
  state.out.push({
    type: 'start',
    model: textOf(chunk.model) ?? state.asked,
    ...(id !== undefined && { id }),
  });
}

function readChoice(state: AnswerState, raw: Json, field: PayloadField): void {
  const choice = choiceAt(state, choiceIndex(raw));
  const payload = field === 'delta' ? (raw.delta ?? raw.message) : (raw.message ?? raw.delta);
  if (isObject(payload)) {
    const isLast = textOf(raw.finish_reason) !== undefined;
    readMessage(state, choice, { message: payload, logprobs: raw.logprobs, isLast });
  } else if (textOf(raw.finish_reason) === undefined) throw malformed(`a choice has no \`${field}\``, raw);
  for (const key in raw) {
    if (CHOICE_FIELDS.has(key) || raw[key] === null) continue;
    choice.extra ??= {};
    // Lists come in pieces (vLLM's `token_ids`), other values are whole.
    if (Array.isArray(raw[key])) grow(choice.extra, key, raw[key]);
    else keepLatest(choice.extra, key, raw[key]);
  }
  // Moonshot reports the usage of a stream inside the choice.
  if (isObject(raw.usage)) state.usage = state.usage ? laterUsage(state.usage, raw.usage) : raw.usage;
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
  { message, logprobs, isLast }: { message: Json; logprobs: unknown; isLast: boolean },
): void {
  if (message.reasoning_details || message.reasoning_content || message.reasoning) {
    readReasoning(state, choice, message);
  }
  readTokens(state, choice, { content: message.content, logprobs });
  if (message.refusal) readRefusal(state, choice, message.refusal);
  if (message.images) readImages(state, choice, message.images);
  if (message.audio) readAudio(state, choice, message.audio);
  if (message.annotations) readAnnotations(state, choice, message.annotations);
  for (const key in message) {
    if (!MESSAGE_FIELDS.has(key)) keepInMessage(choice, key, message[key]);
  }
  if (message.tool_calls) readCalls(state, choice, message.tool_calls, isLast);
  else if (message.function_call) readLegacyCall(state, choice, message.function_call, isLast);
}

/**
 * Log probabilities belong to the text of the same chunk. Those of refusals and calls are kept as extra
 * fields.
 */
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

/**
 * Reads `content`, a string or a list of parts. Returns whether the log probabilities were put beside a text.
 */
function readContent(
  state: AnswerState,
  choice: ChoiceState,
  { content, logprobs }: { content: unknown; logprobs?: unknown[] },
): boolean {
  if (typeof content === 'string') {
    if (content === '') return false;
    addText(state, choice, content, logprobs);
    return true;
  }
  if (Array.isArray(content)) for (const part of content) readPart(state, choice, part);
  return false;
}

function readPart(state: AnswerState, choice: ChoiceState, part: unknown): void {
  const kind = isObject(part) ? part.type : undefined;
  if (isObject(part) && kind === 'thinking') readThinkingPart(state, choice, part);
  else if (isObject(part) && kind === 'text') {
    const text = textOf(part.text);
    if (text !== undefined) addText(state, choice, text);
  } else if (isObject(part) && kind === 'refusal') readRefusal(state, choice, part.refusal);
  else if (kind === 'image_url') readImages(state, choice, [part]);
  else keepInMessage(choice, 'content', [part]);
}

function addText(state: AnswerState, choice: ChoiceState, text: string, logprobs?: unknown[]): void {
  const message = messageOf(state, choice);
  if (choice.reasoning) closeReasoning(state, choice);
  const part = partOf(message, 'text');
  if (logprobs) state.out.push({ type: 'text-delta', index: message.index, part, text, logprobs });
  else state.out.push({ type: 'text-delta', index: message.index, part, text });
}

function messageOf(state: AnswerState, choice: ChoiceState): OpenMessage {
  if (choice.message) return choice.message;
  if (choice.reasoning) closeReasoning(state, choice);
  const index = openItem(state, choice, { type: 'message', role: 'assistant', content: [] });
  choice.message = { index, part: -1 };
  return choice.message;
}

function partOf(message: OpenMessage, kind: 'text' | 'refusal'): number {
  if (message.kind !== kind) {
    message.kind = kind;
    message.part++;
  }
  return message.part;
}

function readRefusal(state: AnswerState, choice: ChoiceState, refusal: unknown): void {
  const text = textOf(refusal);
  if (text === undefined) return;
  const message = messageOf(state, choice);
  state.out.push({ type: 'refusal-delta', index: message.index, part: partOf(message, 'refusal'), text });
}

function readAnnotations(state: AnswerState, choice: ChoiceState, annotations: unknown): void {
  if (!Array.isArray(annotations) || annotations.length === 0) return;
  const message = messageOf(state, choice);
  // An annotation belongs to a text part, and may come before the first text.
  if (message.kind !== 'text') addText(state, choice, '');
  for (const annotation of annotations) {
    state.out.push({
      type: 'annotation',
      index: message.index,
      part: message.part,
      annotation: flatAnnotation(annotation),
    });
  }
}

/** Chat puts a citation's fields under its type. Items hold them flat, as the Responses API does. */
function flatAnnotation(annotation: unknown): unknown {
  if (!isObject(annotation) || typeof annotation.type !== 'string') return annotation;
  const { [annotation.type]: nested, ...rest } = annotation;
  return isObject(nested) ? { ...rest, ...nested } : annotation;
}

/**
 * Reads a spoken answer. The transcript becomes the message's text, so that other models and searches can
 * read it. The sound and its id are kept as fields of the message.
 */
function readAudio(state: AnswerState, choice: ChoiceState, audio: unknown): void {
  if (!isObject(audio)) return;
  const { transcript, ...rest } = audio;
  const text = textOf(transcript);
  if (text !== undefined) addText(state, choice, text);
  keepInMessage(choice, 'audio', rest);
}

/**
 * Keeps a field of the message that has no canonical place. It does not open the message, because such a
 * field may come while the model still reasons.
 */
function keepInMessage(choice: ChoiceState, key: string, value: unknown): void {
  if (value === null || value === undefined || value === '') return;
  choice.native ??= {};
  grow(choice.native, key, value);
}

/**
 * The last deltas. Items end here and not at the finish reason, because some servers add to them after it.
 */
function finishAnswer(state: AnswerState): Delta[] {
  if (state.choices.length === 0) throw malformed('it has no choice', state.extra);
  state.choices.sort((a, b) => a.choice - b.choice);
  for (const choice of state.choices) if (!choice.message && choice.calls.length > 0) keepBesideCalls(choice);
  const extra = state.choices.flatMap(({ choice, extra }) => (extra ? [{ index: choice, ...extra }] : []));
  if (extra.length > 0) state.extra.choices = extra;
  if (Object.keys(state.extra).length > 0) state.out.push({ type: 'extra', fields: state.extra });
  for (const choice of state.choices) finishChoice(state, choice);
  if (state.usage) state.out.push({ type: 'usage', usage: usageOf(state.usage, state.extra.service_tier) });
  return drain(state);
}

/** Fields of a message without a text. A message item for them would stand between a call and its output. */
function keepBesideCalls(choice: ChoiceState): void {
  if (!choice.native) return;
  choice.extra = { ...choice.extra, message: choice.native };
  choice.native = undefined;
}

function finishChoice(state: AnswerState, choice: ChoiceState): void {
  if (choice.reasoning) closeReasoning(state, choice);
  if (choice.native) messageOf(state, choice);
  if (choice.message) closeItem(state, choice.message.index, choice.native);
  for (const call of choice.calls) closeCall(state, choice, call);
  const reason = finishOf(choice.finish, choice.calls.length > 0);
  if (choice.choice === 0) state.out.push({ type: 'finish', reason });
  else state.out.push({ type: 'finish', reason, choice: choice.choice });
}
