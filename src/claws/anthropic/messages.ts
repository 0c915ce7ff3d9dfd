import { createHash } from 'node:crypto';
import { markedParts, type PartMark } from '../../core/cache-marks.ts';
import { argumentsOf } from '../../core/call-arguments.ts';
import { about } from '../../core/errors.ts';
import {
  type FunctionCall,
  type FunctionCallOutput,
  type Message,
  messageText,
  type OtherItem,
  type OutputText,
  type Part,
  type Reasoning,
  reasoningText,
} from '../../core/items.ts';
import { isObject } from '../../core/json.ts';
import type { Prompt, PromptItem } from '../../core/prompt.ts';
import { fileBlock, imageSource, unsupported } from './files.ts';
import { type Block, otherFields, type Wire, type WireMessage } from './wire.ts';

/** The items of a prompt as Anthropic's API takes them. */
export interface Conversation {
  system: Block[];
  messages: WireMessage[];
  /** The first block that no later request has; absent where later requests begin with all blocks. */
  excerpt?: Block;
}

/** The messages that are written so far. */
interface Draft extends Conversation {
  /** By call id, the latest tool call: the position of its message, its toolset, and its id on the wire. */
  calls: Map<string, { position: number; toolset?: unknown; id: string }>;
  /** All call ids on the wire so far. */
  ids: Set<string>;
  provider: string;
  /** The caller wrote its items in the dialect of this protocol. */
  ownDialect: boolean;
}

/** The items of a prompt as system blocks and messages of alternating roles. */
export function conversationOf(prompt: Prompt, provider: string): Conversation {
  const draft: Draft = {
    system: [],
    messages: [],
    calls: new Map(),
    ids: new Set(),
    provider,
    ownDialect: prompt.dialect === 'anthropic',
  };
  const instructions = textBlock(prompt.instructions ?? '');
  if (instructions) draft.system.push(instructions);
  for (const entry of prompt.items) addItem(draft, entry);
  return { system: draft.system, messages: draft.messages, excerpt: draft.excerpt };
}

function addItem(draft: Draft, entry: PromptItem): void {
  const { item } = entry;
  if (item.type === 'message') addMessage(draft, item, entry);
  else if (item.type === 'function_call') addCall(draft, item, entry);
  else if (item.type === 'function_call_output') addOutput(draft, item, entry);
  else if (item.type === 'reasoning') addReasoning(draft, item, entry);
  else addOther(draft, item, entry);
}

/**
 * An item's further fields are sent if this provider wrote it, or a caller in the dialect of this protocol.
 */
function isOwn(draft: Draft, { origin }: PromptItem): boolean {
  return origin === undefined ? draft.ownDialect : origin === draft.provider;
}

function nativeOf(draft: Draft, entry: PromptItem): Wire {
  return isOwn(draft, entry) && isObject(entry.native) ? entry.native : {};
}

function addMessage(draft: Draft, message: Message, entry: PromptItem): void {
  if (message.role === 'assistant') addBlocks(draft, 'assistant', assistantBlocks(draft, message, entry));
  else if (message.role === 'user') {
    const blocks = blocksOf(message.content, isOwn(draft, entry), entry.marks);
    if (entry.excerpts !== undefined) draft.excerpt = blocks[0];
    addBlocks(draft, 'user', blocks);
  } else if (draft.messages.length === 0) {
    draft.system.push(...instruction(message, entry));
  } else addBlocks(draft, 'user', markedParts(lateInstruction(message), entry.marks));
}

/** `system` takes only text. */
function instruction(message: Message, entry: PromptItem): Block[] {
  return blocksOf(message.content, false, entry.marks).filter(({ type }) => type === 'text');
}

/** Instructions in the middle of a conversation, as user text, which every model takes. */
function lateInstruction(message: Message): Block[] {
  const block = textBlock(messageText(message));
  return block ? [{ ...block, text: `<system>\n${messageText(message)}\n</system>` }] : [];
}

/** An assistant message cannot hold images or files. */
function assistantBlocks(draft: Draft, message: Message, entry: PromptItem): Block[] {
  const own = isOwn(draft, entry);
  const { parts } = nativeOf(draft, entry);
  const blocks = message.content.map((part, index): Block | undefined => {
    if (part.type === 'input_image' || part.type === 'input_file' || part.type === 'input_audio') {
      return { type: 'text', text: `[${part.type.slice('input_'.length)}]` };
    }
    const block = blockOf(part.type === 'input_text' ? asOutputText(part.text) : part, own);
    const leftover = isObject(parts) ? parts[index] : undefined;
    return block && isObject(leftover) ? { ...block, ...leftover } : block;
  });
  return markedParts(blocks, entry.marks);
}

function asOutputText(text: string): OutputText {
  return { type: 'output_text', text, annotations: [] };
}

function addCall(draft: Draft, call: FunctionCall, entry: PromptItem): void {
  const native = nativeOf(draft, entry);
  const id = freshId(draft, toolUseId(call.call_id));
  const block = { ...native, type: 'tool_use', id, name: call.name, input: JSON.parse(argumentsOf(call)) };
  addBlocks(draft, 'assistant', markedParts([block], entry.marks));
  draft.calls.set(call.call_id, { position: draft.messages.length - 1, toolset: native.toolset_name, id });
}

/** "`tool_use` ids must be unique", but some other servers number the calls of each answer from 0. */
function freshId({ ids }: Draft, wanted: string): string {
  let id = wanted;
  for (let count = 2; ids.has(id); count++) id = `${wanted}_${count}`;
  ids.add(id);
  return id;
}

/** This provider refuses some characters in the call ids of other providers. */
function toolUseId(id: string): string {
  if (/^[a-zA-Z0-9_-]+$/.test(id)) return id;
  return `call_${createHash('sha256').update(id).digest('hex').slice(0, 24)}`;
}

function addOutput(draft: Draft, output: FunctionCallOutput, entry: PromptItem): void {
  const native = nativeOf(draft, entry);
  const call = draft.calls.get(output.call_id);
  const id = call?.id ?? toolUseId(output.call_id);
  const content = resultContent(output, isOwn(draft, entry));
  const block: Block = {
    type: 'tool_result',
    tool_use_id: id,
    ...(content.length > 0 && { content }),
    ...((native.is_error === true || output.status === 'incomplete') && { is_error: true }),
    ...(call?.toolset !== undefined && { toolset_name: call.toolset }),
  };
  const [result = block] = markedParts([block], entry.marks);
  // Results must be the first blocks of the message after the call.
  const message = messageAt(draft, call ? call.position + 1 : draft.messages.length - 1);
  const results = message.content.findIndex(({ type }) => type !== 'tool_result');
  message.content.splice(results < 0 ? message.content.length : results, 0, result);
}

function resultContent({ output }: FunctionCallOutput, own: boolean): string | Block[] {
  return typeof output === 'string' ? output : blocksOf(output, own);
}

function messageAt({ messages }: Draft, index: number): WireMessage {
  const message = messages[index];
  if (message?.role === 'user') return message;
  const next: WireMessage = { role: 'user', content: [] };
  messages.push(next);
  return next;
}

/** The provider checks the signature against the text, so thinking is sent back unchanged or not at all. */
function addReasoning(draft: Draft, reasoning: Reasoning, entry: PromptItem): void {
  if (!isOwn(draft, entry)) return;
  const native = nativeOf(draft, entry);
  if (typeof native.signature === 'string') {
    addBlocks(draft, 'assistant', [{ ...native, type: 'thinking', thinking: reasoningText(reasoning) }]);
  } else if (reasoning.encrypted_content) {
    addBlocks(draft, 'assistant', [
      { ...native, type: 'redacted_thinking', data: reasoning.encrypted_content },
    ]);
  }
}

/** `native` holds the provider's own `id` and `status`. Those of the item may come from the store. */
function addOther(draft: Draft, other: OtherItem, entry: PromptItem): void {
  if (!isOwn(draft, entry)) return;
  const { role, ...native } = nativeOf(draft, entry);
  if (entry.origin === undefined) {
    addBlocks(draft, role === 'assistant' ? role : 'user', markedParts([asBlock(other)], entry.marks));
    return;
  }
  const { id: _id, status: _status, ...block } = other;
  addBlocks(draft, 'assistant', markedParts([{ ...asBlock(block), ...native }], entry.marks));
}

function asBlock(item: Wire): Block {
  return item as Block;
}

function addBlocks({ messages }: Draft, role: WireMessage['role'], blocks: Block[]): void {
  if (blocks.length === 0) return;
  const last = messages.at(-1);
  if (last?.role === role) last.content.push(...blocks);
  else messages.push({ role, content: [...blocks] });
}

/** The blocks of content parts. `own` parts are in the provider's vocabulary and may be sent unchanged. */
function blocksOf(parts: readonly Part[], own: boolean, marks?: readonly PartMark[]): Block[] {
  return markedParts(
    parts.map((part) => about(part, () => blockOf(part, own))),
    marks,
  );
}

function blockOf(part: Part, own: boolean): Block | undefined {
  switch (part.type) {
    case 'input_text':
      return textBlock(part.text);
    case 'output_text':
      return outputTextBlock(part, own);
    case 'refusal':
      return textBlock(part.refusal);
    case 'input_image':
      return { type: 'image', source: imageSource(part), ...(own && furtherFields(part, IMAGE_FIELDS)) };
    case 'input_file':
      return { ...fileBlock(part), ...(own && furtherFields(part, FILE_FIELDS)) };
    case 'input_audio':
      throw unsupported('Claude models take no audio; send a transcript.');
    default:
      return own ? (part as Wire as Block) : undefined;
  }
}

const IMAGE_FIELDS = new Set(['type', 'image_url', 'file_id', 'detail']);
const FILE_FIELDS = new Set(['type', 'filename', 'file_data', 'file_url', 'file_id']);

/** Fields of a block that a part has no name for: whether a document is cited, for example. */
const furtherFields = (part: object, known: ReadonlySet<string>): Wire | undefined =>
  otherFields(part as Wire, known);

/** The provider refuses a text of white space alone. */
function textBlock(text: string): Block | undefined {
  return text.trim() === '' ? undefined : { type: 'text', text };
}

function outputTextBlock(part: OutputText, own: boolean): Block | undefined {
  const block = textBlock(part.text);
  if (!block || !own) return block;
  const citations = part.annotations.flatMap(citationOf);
  return citations.length > 0 ? { ...block, citations } : block;
}

/** The citation from which an annotation was made. */
function citationOf(annotation: unknown): Wire[] {
  if (!isObject(annotation)) return [];
  if (isObject(annotation.citation)) return [annotation.citation];
  if (typeof annotation.type !== 'string' || !annotation.type.endsWith('_location')) return [];
  // The provider sends the cited file's id in answers, but refuses it in requests.
  const { file_id: _, ...citation } = annotation;
  return [citation];
}
