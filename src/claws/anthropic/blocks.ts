import type { Delta } from '../../core/delta.ts';
import { isObject } from '../../core/json.ts';
import { Renaming } from '../tools/property-names.ts';
import { type AnswerState, nextItem, type OpenBlock } from './answer.ts';
import { type Block, malformed, otherFields, stringAt, type Wire } from './wire.ts';

/**
 * Opens a content block. A block may already hold content (in whole answers it always does), so opening and
 * then closing a block gives its whole content.
 */
export function openBlock(state: AnswerState, block: Block, out: Delta[]): OpenBlock {
  switch (block.type) {
    case 'text':
      return openText(state, block, out);
    case 'thinking':
      return openThinking(state, block, out);
    case 'redacted_thinking':
      return openRedactedThinking(state, block, out);
    case 'tool_use':
      return state.formatTool && block.name === state.formatTool.name
        ? openFormatted(state, block, out)
        : openToolUse(state, block, out);
    default:
      return openOther(state, block, out);
  }
}

const TEXT_FIELDS = new Set(['type', 'text', 'citations']);

/** Text blocks with no other kind between them become the parts of one message item. */
function openText(state: AnswerState, block: Block, out: Delta[]): OpenBlock {
  const part = openPart(state, out);
  const leftover = { ...otherFields(block, TEXT_FIELDS) };
  const citations: unknown[] = Array.isArray(block.citations) ? [...block.citations] : [];
  if (typeof block.text === 'string') part.text(block.text, out);
  return {
    push(delta, into) {
      if (delta.type === 'text_delta') part.text(stringAt(delta.text, 'text_delta.text'), into);
      else if (delta.type === 'citations_delta') citations.push(delta.citation);
      else mergeDelta(leftover, delta);
    },
    close(into) {
      part.close(into, citations, leftover);
    },
  };
}

/** A structured answer, which an older model gives as a call of the format tool. */
function openFormatted(state: AnswerState, block: Block, out: Delta[]): OpenBlock {
  const part = openPart(state, out);
  const properties = state.formatTool?.properties;
  const renaming = properties && new Renaming(properties.own);
  const add = (json: string, into: Delta[]) => part.text(renaming ? renaming.push(json) : json, into);
  return {
    push(delta, into) {
      if (delta.type === 'input_json_delta') {
        add(stringAt(delta.partial_json, 'input_json_delta.partial_json'), into);
      }
    },
    close(into) {
      if (part.length() === 0) add(JSON.stringify(block.input ?? {}), into);
      if (renaming) part.text(renaming.end(), into);
      part.close(into, [], {});
    },
  };
}

interface OpenPart {
  text(text: string, out: Delta[]): void;
  length(): number;
  close(out: Delta[], citations: unknown[], leftover: Wire): void;
}

function openPart(state: AnswerState, out: Delta[]): OpenPart {
  const message = state.message ?? openMessage(state, out);
  const { index } = message;
  const part = message.parts++;
  let length = 0;
  message.open++;
  return {
    text(text, into) {
      if (text === '') return;
      length += text.length;
      into.push({ type: 'text-delta', index, part, text });
    },
    length: () => length,
    close(into, citations, leftover) {
      if (length === 0) into.push({ type: 'text-delta', index, part, text: '' });
      for (const citation of citations) {
        into.push({ type: 'annotation', index, part, annotation: annotationOf(citation, length) });
      }
      if (Object.keys(leftover).length > 0) message.leftovers[part] = leftover;
      message.open--;
      if (message !== state.message) endMessage(message, into);
    },
  };
}

/** Adds a refusal as the last part of the open message, or as a message of its own. */
export function addRefusal(state: AnswerState, refusal: string, out: Delta[]): void {
  const message = state.message ?? openMessage(state, out);
  out.push({ type: 'refusal-delta', index: message.index, part: message.parts++, text: refusal });
}

/** A citation covers its whole text block, which is one part of the message. */
function annotationOf(citation: unknown, length: number): unknown {
  if (!isObject(citation) || citation.type !== 'web_search_result_location') return citation;
  const { url, title } = citation;
  return { type: 'url_citation', url, title, start_index: 0, end_index: length, citation };
}

type OpenMessage = NonNullable<AnswerState['message']>;

function openMessage(state: AnswerState, out: Delta[]): OpenMessage {
  state.message = { index: nextItem(state), parts: 0, open: 0, leftovers: {} };
  const item = { type: 'message', role: 'assistant', content: [] } as const;
  out.push({ type: 'item-start', index: state.message.index, item: { ...item, content: [] } });
  return state.message;
}

/** No more parts are added to the open message. It ends together with its last open part. */
export function closeMessage(state: AnswerState, out: Delta[]): void {
  const { message } = state;
  if (!message) return;
  state.message = undefined;
  endMessage(message, out);
}

function endMessage(message: OpenMessage, out: Delta[]): void {
  if (message.open > 0) return;
  const { index, leftovers } = message;
  const native = Object.keys(leftovers).length > 0 ? { parts: leftovers } : undefined;
  out.push(native ? { type: 'item-end', index, native } : { type: 'item-end', index });
}

const THINKING_FIELDS = new Set(['type', 'thinking']);

function openThinking(state: AnswerState, block: Block, out: Delta[]): OpenBlock {
  closeMessage(state, out);
  const index = nextItem(state);
  out.push({ type: 'item-start', index, item: { type: 'reasoning', summary: [] } });
  const native: Wire = { ...otherFields(block, THINKING_FIELDS) };
  // A stream opens the block with an empty signature and sends the real one later.
  if (native.signature === '') delete native.signature;
  const think = (text: string, into: Delta[]) => {
    if (text !== '') into.push({ type: state.thinking, index, part: 0, text });
  };
  if (typeof block.thinking === 'string') think(block.thinking, out);
  return {
    push(delta, into) {
      if (delta.type === 'thinking_delta') think(stringAt(delta.thinking, 'thinking_delta.thinking'), into);
      else mergeDelta(native, delta);
    },
    close(into) {
      into.push({ type: 'item-end', index, native });
    },
  };
}

const REDACTED_FIELDS = new Set(['type', 'data']);

function openRedactedThinking(state: AnswerState, block: Block, out: Delta[]): OpenBlock {
  closeMessage(state, out);
  const index = nextItem(state);
  const data = stringAt(block.data, 'redacted_thinking.data');
  out.push({
    type: 'item-start',
    index,
    item: { type: 'reasoning', summary: [], encrypted_content: data },
  });
  const native: Wire = { ...otherFields(block, REDACTED_FIELDS) };
  return {
    push: (delta) => mergeDelta(native, delta),
    close(into) {
      into.push({ type: 'item-end', index, ...(Object.keys(native).length > 0 && { native }) });
    },
  };
}

const TOOL_USE_FIELDS = new Set(['type', 'id', 'name', 'input']);

function openToolUse(state: AnswerState, block: Block, out: Delta[]): OpenBlock {
  closeMessage(state, out);
  state.calls++;
  const index = nextItem(state);
  const call_id = stringAt(block.id, 'tool_use.id');
  const name = stringAt(block.name, 'tool_use.name');
  const native: Wire = { ...otherFields(block, TOOL_USE_FIELDS) };
  const item = { type: 'function_call', call_id, name, arguments: '' } as const;
  const known = Object.keys(native).length > 0 && { native: { ...native } };
  out.push({ type: 'item-start', index, item, ...known });
  let empty = true;
  return {
    push(delta, into) {
      if (delta.type !== 'input_json_delta') {
        mergeDelta(native, delta);
        return;
      }
      const text = stringAt(delta.partial_json, 'input_json_delta.partial_json');
      if (text === '') return;
      empty = false;
      into.push({ type: 'arguments-delta', index, text });
    },
    close(into) {
      // A call without streamed arguments has none, or has its input in the start event.
      if (empty) into.push({ type: 'arguments-delta', index, text: JSON.stringify(block.input ?? {}) });
      into.push({ type: 'item-end', index, ...(Object.keys(native).length > 0 && { native }) });
    },
  };
}

/**
 * A kind without a canonical form (hosted tools and their results, compaction…). It is kept whole except for
 * its `id`, because the item has another id here. `native` holds the provider's `id` and `status`.
 */
function openOther(state: AnswerState, block: Block, out: Delta[]): OpenBlock {
  closeMessage(state, out);
  const index = nextItem(state);
  const { id, ...fields } = block;
  const item = fields as Block & { type: '(any other)' };
  let json = '';
  let changed = false;
  out.push({ type: 'item-start', index, item: { ...item } });
  const native: Wire = {};
  if (id !== undefined) native.id = id;
  if (block.status !== undefined) native.status = block.status;
  return {
    push(delta) {
      changed = true;
      if (delta.type === 'input_json_delta') json += stringAt(delta.partial_json, 'partial_json');
      else mergeDelta(item, delta);
    },
    close(into) {
      if (json !== '') (item as Wire).input = parseInput(json);
      into.push({ type: 'item-end', index, native, ...(changed && { item }) });
    },
  };
}

function parseInput(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw malformed('the input of a hosted tool to be JSON', json);
  }
}

/** Adds the fields of an unknown kind of delta: text and lists are appended, other values replaced. */
function mergeDelta(target: Wire, delta: Wire): void {
  for (const [key, value] of Object.entries(delta)) {
    if (key === 'type') continue;
    const held = target[key];
    if (typeof held === 'string' && typeof value === 'string') target[key] = held + value;
    else if (Array.isArray(held) && Array.isArray(value)) target[key] = [...held, ...value];
    else target[key] = value;
  }
}
