import type { FunctionCallOutput, Item, OtherPart, Part } from '../../../core/items.ts';
import { FILE_PART, invalid, isRecord, requireContent } from '../fields.ts';

/** Chat messages as items, and what of them has no place in an item. */
export interface ParsedMessages {
  items: Item[];
  natives?: Record<number, unknown>;
}

/** Translates `messages` (OpenAI API description, `ChatCompletionRequestMessage`). */
export function parseMessages(messages: unknown): ParsedMessages {
  if (!Array.isArray(messages) || messages.length === 0)
    throw invalid('messages', 'a non-empty array of messages');
  const items: Item[] = [];
  const natives: Record<number, unknown> = {};
  messages.forEach((message: unknown, index) => {
    const at = items.length;
    const native = parseMessage(message, `messages[${index}]`, { items, natives });
    if (native && items.length > at) natives[at] = { ...native, ...(natives[at] as Native) };
  });
  return { items, natives: Object.keys(natives).length > 0 ? natives : undefined };
}

type Native = Record<string, unknown> | undefined;

/** Adds the message's items; returns the fields that they do not hold. */
function parseMessage(message: unknown, param: string, parsed: Required<ParsedMessages>): Native {
  if (!isRecord(message)) throw invalid(param, 'a message object');
  const { items } = parsed;
  switch (message.role) {
    case 'user':
    case 'system':
    case 'developer': {
      const { role, content, ...native } = message;
      items.push({
        type: 'message',
        role,
        content: parseContent(content, `${param}.content`, 'input_text'),
      } as Item);
      return some(native);
    }
    case 'assistant':
      return parseAssistant(message, param, parsed);
    case 'tool': {
      const { role: _, tool_call_id, content, ...native } = message;
      if (typeof tool_call_id !== 'string') throw invalid(`${param}.tool_call_id`, 'the id of a tool call');
      const output =
        typeof content === 'string' ? content : parseContent(content, `${param}.content`, 'input_text');
      items.push({
        type: 'function_call_output',
        call_id: tool_call_id,
        output,
      } satisfies FunctionCallOutput);
      return some(native);
    }
    default:
      throw invalid(`${param}.role`, 'one of system, developer, user, assistant, tool');
  }
}

function parseAssistant(
  message: Record<string, unknown>,
  param: string,
  { items, natives }: Required<ParsedMessages>,
): Native {
  const { role: _, content, refusal, tool_calls, ...native } = message;
  const parts =
    content === null || content === undefined || content === ''
      ? []
      : parseContent(content, `${param}.content`, 'output_text');
  if (typeof refusal === 'string' && refusal !== '') parts.push({ type: 'refusal', refusal });
  if (parts.length > 0) items.push({ type: 'message', role: 'assistant', content: parts });
  if (tool_calls === undefined || tool_calls === null) return some(native);
  if (!Array.isArray(tool_calls)) throw invalid(`${param}.tool_calls`, 'an array of tool calls');
  tool_calls.forEach((call: unknown, index) => {
    const item = parseToolCall(call, `${param}.tool_calls[${index}]`);
    const {
      id: _,
      type: __,
      function: ___,
      custom: ____,
      index: _____,
      ...further
    } = call as Record<string, unknown>;
    if (some(further)) natives[items.length] = { tool_call: further };
    items.push(item);
  });
  return some(native);
}

function parseToolCall(call: unknown, param: string): Item {
  if (!isRecord(call) || typeof call.id !== 'string') throw invalid(param, 'a tool call with an id');
  if (call.type === 'custom' && isRecord(call.custom)) {
    const { name, input } = call.custom;
    return { type: 'custom_tool_call', call_id: call.id, name, input } as unknown as Item;
  }
  const { function: called } = call;
  if (!isRecord(called) || typeof called.name !== 'string' || typeof called.arguments !== 'string') {
    throw invalid(`${param}.function`, 'an object with a name and arguments, both strings');
  }
  return { type: 'function_call', call_id: call.id, name: called.name, arguments: called.arguments };
}

function parseContent(content: unknown, param: string, text: 'input_text' | 'output_text'): Part[] {
  if (typeof content === 'string') return [textPart(content, text)];
  if (!Array.isArray(content)) throw invalid(param, 'a string or an array of content parts');
  return content.map((part: unknown, index) => parsePart(part, `${param}[${index}]`, text));
}

function textPart(value: string, type: 'input_text' | 'output_text'): Part {
  return type === 'input_text' ? { type, text: value } : { type, text: value, annotations: [] };
}

/** A part's own further fields (`cache_control`…) stay on it. */
function parsePart(part: unknown, param: string, text: 'input_text' | 'output_text'): Part {
  if (!isRecord(part) || typeof part.type !== 'string') throw invalid(param, 'a content part with a type');
  switch (part.type) {
    case 'text':
      if (typeof part.text !== 'string') throw invalid(`${param}.text`, 'a string');
      return { ...part, ...textPart(part.text, text) };
    case 'refusal':
      if (typeof part.refusal !== 'string') throw invalid(`${param}.refusal`, 'a string');
      return { type: 'refusal', refusal: part.refusal };
    case 'image_url':
      return parseImage(part, param);
    case 'file':
      return parseFile(part, param);
    case 'input_audio':
      if (
        !isRecord(part.input_audio) ||
        typeof part.input_audio.data !== 'string' ||
        typeof part.input_audio.format !== 'string'
      ) {
        throw invalid(`${param}.input_audio`, 'an object with data and format');
      }
      return part as unknown as Part;
    default:
      return part as unknown as OtherPart;
  }
}

function parseImage({ image_url, type: _, ...rest }: Record<string, unknown>, param: string): Part {
  const image = typeof image_url === 'string' ? { url: image_url } : image_url;
  if (!isRecord(image) || typeof image.url !== 'string')
    throw invalid(`${param}.image_url`, 'an object with a url');
  const { url, detail } = image;
  return {
    ...rest,
    type: 'input_image',
    image_url: url,
    ...(typeof detail === 'string' && { detail }),
  } as Part;
}

function parseFile({ file, type: _, ...rest }: Record<string, unknown>, param: string): Part {
  if (!isRecord(file)) throw invalid(`${param}.file`, 'an object with file_data or file_id');
  requireContent(file, FILE_PART, `${param}.file`);
  return { ...rest, ...file, type: 'input_file' } as Part;
}

const some = (fields: Record<string, unknown>): Native =>
  Object.keys(fields).length > 0 ? fields : undefined;
