import { type AnswerState, type ChoiceState, closeItem, type OpenMessage, openItem } from './answer-state.ts';
import { grow } from './leftovers.ts';
import { closeReasoning, readThinkingPart } from './reasoning.ts';
import { isObject, textOf } from './wire.ts';

function messageOf(state: AnswerState, choice: ChoiceState): OpenMessage {
  if (choice.message) return choice.message;
  closeReasoning(state, choice);
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

function addText(state: AnswerState, choice: ChoiceState, text: string, logprobs?: unknown[]): void {
  const message = messageOf(state, choice);
  closeReasoning(state, choice);
  const part = partOf(message, 'text');
  if (logprobs) state.out.push({ type: 'text-delta', index: message.index, part, text, logprobs });
  else state.out.push({ type: 'text-delta', index: message.index, part, text });
}

/** Reads `content`, a string or a list of parts; says whether the log probabilities found their text. */
export function readContent(
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
  } else keepInMessage(choice, 'content', [part]);
}

export function readRefusal(state: AnswerState, choice: ChoiceState, refusal: unknown): void {
  const text = textOf(refusal);
  if (text === undefined) return;
  const message = messageOf(state, choice);
  state.out.push({ type: 'refusal-delta', index: message.index, part: partOf(message, 'refusal'), text });
}

export function readAnnotations(state: AnswerState, choice: ChoiceState, annotations: unknown): void {
  if (!Array.isArray(annotations) || annotations.length === 0) return;
  const message = messageOf(state, choice);
  // An annotation needs a text part to belong to, and may come before its first word.
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

/** Chat nests a citation's fields under its type; items carry them flat, as the Responses API does. */
function flatAnnotation(annotation: unknown): unknown {
  if (!isObject(annotation) || typeof annotation.type !== 'string') return annotation;
  const { [annotation.type]: nested, ...rest } = annotation;
  return isObject(nested) ? { ...rest, ...nested } : annotation;
}

/**
 * Spoken answers: the transcript is the message's text, so that every later model and every search can
 * read it; the sound and its id stay beside it.
 */
export function readAudio(state: AnswerState, choice: ChoiceState, audio: unknown): void {
  if (!isObject(audio)) return;
  const { transcript, ...rest } = audio;
  const text = textOf(transcript);
  if (text !== undefined) addText(state, choice, text);
  keepInMessage(choice, 'audio', rest);
}

/**
 * Keeps a field of the message that has no canonical place. It opens no message: such a field may come
 * while the model still thinks.
 */
export function keepInMessage(choice: ChoiceState, key: string, value: unknown): void {
  if (value === null || value === undefined || value === '') return;
  choice.native ??= {};
  grow(choice.native, key, value);
}

export function closeMessage(state: AnswerState, choice: ChoiceState): void {
  if (choice.native) messageOf(state, choice);
  if (choice.message) closeItem(state, choice.message.index, choice.native);
}
