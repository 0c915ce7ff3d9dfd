import { generatedImageAt } from '../../../core/generated-images.ts';
import type { Item, Message, Part, Reasoning } from '../../../core/items.ts';
import { isObject } from '../../../core/json.ts';
import { isSeal } from '../../../core/seal.ts';
import { parseItem } from '../canonical-items.ts';
import { invalid } from '../fields.ts';
import { parsePart, textPartOf } from './parts.ts';

type Fields = Record<string, unknown>;

/** Items, and by index what belongs to an item and has no canonical form. */
export interface ParsedItems {
  items: Item[];
  natives: Record<number, unknown>;
}

/** `system` as the first items of a conversation. */
export function systemItems(system: string | Fields[] | null | undefined): Item[] {
  if (!system || system.length === 0) return [];
  const blocks = typeof system === 'string' ? [{ type: 'text', text: system }] : system;
  return [
    { type: 'message', role: 'system', content: blocks.map((block) => textPartOf(block, 'input_text')) },
  ];
}

const ROLES: readonly string[] = ['user', 'assistant', 'system'];

/** Where each item of a request comes from: the index of its message, and of its block where that is known. */
export interface ItemSource {
  message: number;
  /** The block of the item; of a message item, the block of its first part. */
  block?: number;
}

/** Translates `messages` (platform.claude.com, "Create a Message"), after the items of `system`. */
export function parseMessages(
  messages: readonly unknown[],
  system: Item[],
  sources?: ItemSource[],
): { items: Item[]; natives?: Record<number, unknown> } {
  const parsed: ParsedItems = { items: system, natives: {} };
  messages.forEach((message, index) => {
    const before = parsed.items.length;
    const blocks = parseMessage(message, `messages[${index}]`, parsed);
    if (!sources) return;
    while (sources.length < before) sources.push({ message: -1 });
    for (const block of blocks) sources.push({ message: index, block });
  });
  const { items, natives } = parsed;
  for (const _ in natives) return { items, natives };
  return { items };
}

/** Adds the items of a message. Returns for each of them the index of its first block. */
function parseMessage(message: unknown, param: string, parsed: ParsedItems): (number | undefined)[] {
  if (!isObject(message)) throw invalid(param, 'a message object');
  const { role, content } = message;
  if (typeof role !== 'string' || !ROLES.includes(role))
    throw invalid(`${param}.role`, `one of ${ROLES.join(', ')}`);
  const text = role === 'assistant' ? 'output_text' : 'input_text';
  if (typeof content === 'string') {
    const parts = content === '' ? [] : [textPartOf({ type: 'text', text: content }, text)];
    parsed.items.push({ type: 'message', role, content: parts } as Message);
    return [undefined];
  }
  if (!Array.isArray(content)) throw invalid(`${param}.content`, 'a string or an array of content blocks');
  const reader = new MessageReader(role as Message['role'], parsed);
  for (const [index, block] of content.entries()) reader.block(block, index, `${param}.content[${index}]`);
  return reader.end();
}

/**
 * Reads the blocks of a message. Neighbouring blocks that are content become the parts of one message item, as in
 * an answer; all others are items of their own.
 */
class MessageReader {
  private open: Message | undefined;
  private readonly blocks: number[] = [];

  constructor(
    private readonly role: Message['role'],
    private readonly parsed: ParsedItems,
  ) {}

  block(block: unknown, index: number, param: string): void {
    if (!isObject(block) || typeof block.type !== 'string')
      throw invalid(param, 'a content block with a type');
    if (this.role === 'assistant') this.ofAssistant(block as Block, index, param);
    else this.ofUser(block as Block, index, param);
  }

  /** A message without blocks stays: it may be an answer that was empty for this client. */
  end(): number[] {
    if (this.blocks.length === 0) this.part(undefined, 0);
    return this.blocks;
  }

  private ofUser(block: Block, index: number, param: string): void {
    if (block.type === 'tool_result') this.item(toolResult(block, param), index);
    else this.part(parsePart(block, param), index);
  }

  private ofAssistant(block: Block, index: number, param: string): void {
    switch (block.type) {
      case 'text':
        requireText(block, 'text', param);
        this.part(textPartOf(block, 'output_text'), index);
        return;
      case 'thinking':
        this.item(thinking(block, param), index);
        return;
      case 'redacted_thinking':
        this.item(redactedThinking(block, param), index);
        return;
      case 'tool_use':
        this.item(toolUse(block, param), index);
        return;
      case 'image':
        this.item({ item: generatedImage(block, param) }, index);
        return;
      default:
        this.item({ item: parseItem(block, param), native: { role: 'assistant' } }, index);
    }
  }

  private part(part: Part | undefined, index: number): void {
    if (!this.open) {
      this.open = { type: 'message', role: this.role, content: [] };
      this.parsed.items.push(this.open);
      this.blocks.push(index);
    }
    if (part) this.open.content.push(part);
  }

  private item({ item, native }: Parsed, index: number): void {
    this.open = undefined;
    const { items, natives } = this.parsed;
    if (native && Object.keys(native).length > 0) natives[items.length] = native;
    items.push(item);
    this.blocks.push(index);
  }
}

type Block = Fields & { type: string };

interface Parsed {
  item: Item;
  native?: Fields;
}

function requireText(block: Fields, field: string, param: string): string {
  const value = block[field];
  if (typeof value === 'string') return value;
  throw invalid(`${param}.${field}`, 'a string');
}

function toolResult(block: Block, param: string): Parsed {
  const { type: _, tool_use_id, content, cache_control, ...native } = block;
  if (typeof tool_use_id !== 'string') throw invalid(`${param}.tool_use_id`, 'the id of a tool_use block');
  if (native.is_error === false) delete native.is_error;
  const marked = cache_control === undefined ? {} : { cache_control };
  const output = resultContent(content, `${param}.content`);
  return {
    item: { ...marked, type: 'function_call_output', call_id: tool_use_id, output } as Item,
    native,
  };
}

function resultContent(content: unknown, param: string): string | Part[] {
  if (content === undefined || content === null) return '';
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) throw invalid(param, 'a string or an array of content blocks');
  return content.map((block: unknown, index) => {
    if (isObject(block) && typeof block.type === 'string') return parsePart(block, `${param}[${index}]`);
    throw invalid(`${param}[${index}]`, 'a content block with a type');
  });
}

/**
 * A seal holds the text, too. A thought with a signature of its provider keeps both as they came, because the
 * provider checks the text.
 */
function thinking(block: Block, param: string): Parsed {
  const text = requireText(block, 'thinking', param);
  const { type: _, thinking: __, signature, ...further } = block;
  if (isSeal(signature)) return { item: sealed(signature) };
  const item: Reasoning = { type: 'reasoning', summary: [], content: [{ type: 'reasoning_text', text }] };
  const hasSignature = typeof signature === 'string' && signature !== '';
  return { item, native: hasSignature ? { ...further, signature } : further };
}

function redactedThinking(block: Block, param: string): Parsed {
  return { item: sealed(requireText(block, 'data', param)) };
}

const sealed = (encrypted_content: string): Reasoning => ({
  type: 'reasoning',
  summary: [],
  encrypted_content,
});

function toolUse(block: Block, param: string): Parsed {
  const { type: _, id, name, input, cache_control, ...native } = block;
  if (typeof id !== 'string' || id === '') throw invalid(`${param}.id`, 'the id of the tool use');
  if (typeof name !== 'string') throw invalid(`${param}.name`, 'a string');
  if (!isObject(input)) throw invalid(`${param}.input`, 'an object');
  const marked = cache_control === undefined ? {} : { cache_control };
  const call = { ...marked, type: 'function_call', call_id: id, name, arguments: JSON.stringify(input) };
  return { item: call as Item, native };
}

/** An image that a model generated, as an answer has it. */
function generatedImage(block: Block, param: string): Item {
  const { image_url } = parsePart(block, param) as { image_url?: unknown };
  if (typeof image_url === 'string') return generatedImageAt(image_url);
  throw invalid(`${param}.source`, 'an image with data or a URL');
}
