import type { Item, Message, Part, Reasoning } from '../../../core/items.ts';
import { isObject } from '../../../core/json.ts';
import { isSeal } from '../../../core/seal.ts';
import { parseItem, parsePart } from '../../v1/canonical-items.ts';
import { invalid } from '../../v1/fields.ts';
import { base64Text, checkedUrl, isMediaType } from '../../v1/media.ts';

/** The input of an interaction as items (ai.google.dev/api/interactions-api, "InteractionsInput"). */

type Fields = Record<string, unknown>;
type Step = Fields & { type: string };

const CONTENT_TYPES: ReadonlySet<unknown> = new Set(['text', 'image', 'audio', 'document', 'video']);

/** A text, one content, a list of contents, a list of steps, or a list of turns as the API had them before. */
export function parseInput(input: unknown): Item[] {
  const isEmpty =
    input === undefined || input === null || input === '' || (Array.isArray(input) && input.length === 0);
  if (isEmpty) throw invalid('input', 'a text, contents or steps that are not empty');
  if (typeof input === 'string') return [message('user', [{ type: 'input_text', text: input }])];
  if (isObject(input)) return [message('user', [parseContent(input, 'input', 'input_text')])];
  if (!Array.isArray(input)) throw invalid('input', 'a text, contents or steps');
  if (isContents(input)) return [message('user', parseContents(input, 'input', 'input_text'))];
  return input.map((step: unknown, index) => parseStep(step, `input[${index}]`));
}

/** The contents of one message; all other lists have an item for each entry. */
export const isContents = (list: readonly unknown[]): boolean =>
  list.length > 0 && list.every((entry) => isObject(entry) && CONTENT_TYPES.has(entry.type));

/** By the index of the item: results that are errors. Other APIs have no such mark. */
export function markedErrors(input: unknown): Record<number, unknown> | undefined {
  if (!Array.isArray(input)) return undefined;
  const marked = input.flatMap((step, index) =>
    isObject(step) && step.type === 'function_result' && step.is_error === true ? [index] : [],
  );
  return marked.length > 0
    ? Object.fromEntries(marked.map((index) => [index, { is_error: true }]))
    : undefined;
}

const message = (role: Message['role'], content: Part[]): Message => ({ type: 'message', role, content });

function parseStep(step: unknown, param: string): Item {
  if (!isObject(step)) throw invalid(param, 'a step object');
  if (typeof step.role === 'string') return parseTurn(step, param);
  if (typeof step.type !== 'string') throw invalid(`${param}.type`, 'the kind of the step');
  switch (step.type) {
    case 'user_input':
      return message('user', parseContents(step.content ?? [], `${param}.content`, 'input_text'));
    case 'model_output':
      return message('assistant', parseContents(step.content ?? [], `${param}.content`, 'output_text'));
    case 'thought':
      return parseThought(step, param);
    case 'function_call':
      return parseCall(step as Step, param);
    case 'function_result':
      return parseResult(step as Step, param);
    default:
      if (CONTENT_TYPES.has(step.type)) return message('user', [parseContent(step, param, 'input_text')]);
      return parseItem(step, param);
  }
}

/** A turn has a role and a content; the API had these before it had steps. */
function parseTurn({ role, content }: Fields, param: string): Message {
  if (role !== 'user' && role !== 'model') throw invalid(`${param}.role`, 'user or model');
  const text = role === 'user' ? 'input_text' : 'output_text';
  return message(role === 'user' ? 'user' : 'assistant', parseContents(content, `${param}.content`, text));
}

type TextType = 'input_text' | 'output_text';

function parseContents(contents: unknown, param: string, text: TextType): Part[] {
  if (typeof contents === 'string') return [textPart(contents, undefined, text)];
  if (!Array.isArray(contents)) throw invalid(param, 'a text or an array of contents');
  return contents.map((content: unknown, index) => parseContent(content, `${param}[${index}]`, text));
}

function parseContent(content: unknown, param: string, text: TextType): Part {
  if (!isObject(content) || typeof content.type !== 'string') throw invalid(param, 'a content with a type');
  switch (content.type) {
    case 'text':
      if (typeof content.text !== 'string') throw invalid(`${param}.text`, 'a string');
      return textPart(content.text, content.annotations, text);
    case 'image':
      return { type: 'input_image', image_url: urlOf(content, param) };
    case 'audio':
      return audioPart(content, param);
    case 'document':
    case 'video':
      return filePart(content, param);
    default:
      return parsePart(content, param);
  }
}

const textPart = (text: string, annotations: unknown, type: TextType): Part =>
  type === 'input_text'
    ? { type, text }
    : { type, text, annotations: Array.isArray(annotations) ? annotations : [] };

/** The content as a URL: its own, or its data as a `data:` URL. */
function urlOf({ data, mime_type, uri }: Fields, param: string): string {
  if (typeof uri === 'string' && uri !== '') return checkedUrl(uri, `${param}.uri`);
  if (typeof data !== 'string' || data === '') throw invalid(`${param}.data`, 'data in base64, or a `uri`');
  if (!isMediaType(mime_type)) throw invalid(`${param}.mime_type`, 'the type of the data, such as image/png');
  return `data:${mime_type};base64,${base64Text(data, `${param}.data`)}`;
}

function audioPart(content: Fields, param: string): Part {
  const { data, mime_type } = content;
  const format = isMediaType(mime_type) ? /^audio\/(?:x-)?([^;]+)/.exec(mime_type)?.[1] : undefined;
  if (typeof data !== 'string' || format === undefined) return filePart(content, param);
  return { type: 'input_audio', input_audio: { data: base64Text(data, `${param}.data`), format } };
}

function filePart(content: Fields, param: string): Part {
  const url = urlOf(content, param);
  return url.startsWith('data:')
    ? { type: 'input_file', file_data: url }
    : { type: 'input_file', file_url: url };
}

/**
 * A seal holds the summary, too. A signature that is not a seal was made by Google's own service for its own state,
 * so no model here can read it: the summary alone remains.
 */
function parseThought({ signature, summary }: Fields, param: string): Reasoning {
  if (signature !== undefined && signature !== null && typeof signature !== 'string')
    throw invalid(`${param}.signature`, 'a string');
  if (isSeal(signature)) return { type: 'reasoning', summary: [], encrypted_content: signature };
  if (summary !== undefined && summary !== null && !Array.isArray(summary))
    throw invalid(`${param}.summary`, 'an array of contents');
  const contents: unknown[] = summary ?? [];
  return {
    type: 'reasoning',
    summary: contents.flatMap((content) =>
      isObject(content) && typeof content.text === 'string'
        ? [{ type: 'summary_text' as const, text: content.text }]
        : [],
    ),
  };
}

function textAt(step: Step, field: string, param: string): string {
  const value = step[field];
  if (typeof value === 'string' && value !== '') return value;
  throw invalid(`${param}.${field}`, 'a string that is not empty');
}

function parseCall(step: Step, param: string): Item {
  const { arguments: given = {} } = step;
  if (!isObject(given)) throw invalid(`${param}.arguments`, 'an object');
  const call_id = textAt(step, 'id', param);
  return {
    type: 'function_call',
    call_id,
    name: textAt(step, 'name', param),
    arguments: JSON.stringify(given),
  };
}

function parseResult(step: Step, param: string): Item {
  const call_id = textAt(step, 'call_id', param);
  return { type: 'function_call_output', call_id, output: resultOf(step.result, `${param}.result`) };
}

function resultOf(result: unknown, param: string): string | Part[] {
  if (typeof result === 'string') return result;
  if (Array.isArray(result) && isContents(result)) return parseContents(result, param, 'input_text');
  if (result === undefined || result === null) throw invalid(param, 'a text, contents or an object');
  return JSON.stringify(result);
}
