import { isObject } from '../../core/json.ts';
import {
  type AnswerState,
  type ChoiceState,
  closeItem,
  grow,
  keepLatest,
  type OpenReasoning,
  openItem,
} from './answer.ts';
import { type Json, type ReasoningForm, textOf } from './wire.ts';

/** Reads the reasoning of a message, or of a piece of one, in any of its forms. */
export function readReasoning(state: AnswerState, choice: ChoiceState, message: Json): void {
  const details = message.reasoning_details;
  // When typed blocks hold the text, the plain field repeats it.
  if (Array.isArray(details) && details.length > 0 && readDetails(state, choice, details)) return;
  // A server that sends both fields sends the same text in both: vLLM kept the old name for some time.
  const content = textOf(message.reasoning_content);
  if (content !== undefined) addReasoning(state, choice, 'reasoning_content', content);
  else {
    const reasoning = textOf(message.reasoning);
    if (reasoning !== undefined) addReasoning(state, choice, 'reasoning', reasoning);
  }
}

function reasoningOf(state: AnswerState, choice: ChoiceState, form: ReasoningForm): OpenReasoning {
  if (choice.reasoning) return choice.reasoning;
  const index = openItem(state, choice, { type: 'reasoning', summary: [] });
  choice.reasoning = { index, native: { form }, texts: 0, summaries: 0 };
  return choice.reasoning;
}

function addReasoning(state: AnswerState, choice: ChoiceState, form: ReasoningForm, text: string): void {
  const { index, texts } = reasoningOf(state, choice, form);
  state.out.push({ type: 'reasoning-delta', index, part: Math.max(0, texts - 1), text });
}

/** A part of Mistral's content list: `{type: 'thinking', thinking: [{type: 'text', text}], closed}`. */
export function readThinkingPart(state: AnswerState, choice: ChoiceState, part: Json): void {
  const { thinking } = part;
  const chunks = Array.isArray(thinking) ? thinking : [{ type: 'text', text: thinking }];
  const { native } = reasoningOf(state, choice, 'thinking');
  for (const chunk of chunks) {
    const text = isObject(chunk) ? textOf(chunk.text) : undefined;
    if (text !== undefined) addReasoning(state, choice, 'thinking', text);
    else if (isObject(chunk) && chunk.type !== 'text') {
      native.fields ??= {};
      grow(native.fields, 'thinking', [chunk]);
    }
  }
  for (const key in part) {
    if (key === 'type' || key === 'thinking') continue;
    native.fields ??= {};
    keepLatest(native.fields, key, part[key]);
  }
}

/** Reads OpenRouter's typed blocks. Returns whether they held readable text. */
function readDetails(state: AnswerState, choice: ChoiceState, details: unknown[]): boolean {
  let readable = false;
  for (const detail of details) {
    if (!isObject(detail)) continue;
    const open = reasoningOf(state, choice, 'reasoning_details');
    open.native.form = 'reasoning_details';
    open.native.details ??= [];
    const known = open.native.details.findLast((block) => continues(block, detail));
    if (known) mergeBlock(known, detail);
    else openBlock(open, detail);
    readable = emitBlock(state, open, detail) || readable;
  }
  return readable;
}

/** Whether a piece belongs to a block. An encrypted block is always whole. */
function continues(block: Json, piece: Json): boolean {
  if (block.type !== piece.type || piece.type === 'reasoning.encrypted') return false;
  if (block.index !== undefined || piece.index !== undefined) return block.index === piece.index;
  return block.signature === undefined || block.signature === null;
}

function openBlock(open: OpenReasoning, detail: Json): void {
  if (detail.type === 'reasoning.text') open.texts++;
  if (detail.type === 'reasoning.summary') open.summaries++;
  const block: Json = {};
  mergeBlock(block, detail);
  open.native.details!.push(block);
}

function mergeBlock(block: Json, piece: Json): void {
  for (const key in piece) if (!isTextOf(piece, key)) keepLatest(block, key, piece[key]);
}

function isTextOf(detail: Json, key: string): boolean {
  return (
    (key === 'text' && detail.type === 'reasoning.text') ||
    (key === 'summary' && detail.type === 'reasoning.summary')
  );
}

function emitBlock(state: AnswerState, open: OpenReasoning, detail: Json): boolean {
  const { index } = open;
  if (detail.type === 'reasoning.text') {
    const text = textOf(detail.text);
    if (text === undefined) return false;
    state.out.push({ type: 'reasoning-delta', index, part: open.texts - 1, text });
    return true;
  }
  const summary = detail.type === 'reasoning.summary' ? textOf(detail.summary) : undefined;
  if (summary === undefined) return false;
  state.out.push({ type: 'summary-delta', index, part: open.summaries - 1, text: summary });
  return true;
}

/** Called when text or a call begins. Later reasoning becomes a new item. */
export function closeReasoning(state: AnswerState, choice: ChoiceState): void {
  if (!choice.reasoning) return;
  closeItem(state, choice.reasoning.index, choice.reasoning.native);
  choice.reasoning = undefined;
}
