import type { OutputText, Part } from '../../../core/items.ts';
import { isObject } from '../../../core/json.ts';
import { parsePart as canonicalPart, shapedPart } from '../canonical-items.ts';
import { invalid } from '../fields.ts';
import { base64Text, checkedUrl, fileSource, isMediaType } from '../media.ts';

/** Content blocks of a request as parts. Fields without a canonical form stay on the part. */

type Fields = Record<string, unknown>;

/** A text block. Empty texts stay: the claws leave them out where a provider refuses them. */
export function textPartOf(block: Fields, type: 'input_text' | 'output_text'): Part {
  const { type: _, text, citations, ...further } = block;
  if (type === 'input_text') return { ...further, type, text } as Part;
  const annotations = Array.isArray(citations) ? citations.map(annotationOf) : [];
  return { ...further, type, text, annotations } as OutputText;
}

/** The inverse of `citationOf` (`blocks.ts`). */
function annotationOf(citation: unknown): unknown {
  if (!isObject(citation) || citation.type !== 'web_search_result_location') return citation;
  const { url, title, encrypted_index } = citation;
  const found = { type: 'url_citation', url, title };
  return encrypted_index === '' ? found : { ...found, citation };
}

/** A block of a user's message, or of the result of a tool. */
export function parsePart(block: Fields, param: string): Part {
  switch (block.type) {
    case 'text':
      if (typeof block.text !== 'string') throw invalid(`${param}.text`, 'a string');
      return textPartOf(block, 'input_text');
    case 'image':
      return shapedPart(imagePart(block, param), param);
    case 'document':
      return shapedPart(documentPart(block, param), param);
    default:
      return canonicalPart(block, param);
  }
}

function sourceOf(block: Fields, param: string): Fields & { type: string } {
  const { source } = block;
  if (isObject(source) && typeof source.type === 'string') return source as Fields & { type: string };
  throw invalid(`${param}.source`, 'an object with a type');
}

function textAt(source: Fields, field: string, param: string): string {
  const value = source[field];
  if (typeof value === 'string' && value !== '') return value;
  throw invalid(`${param}.source.${field}`, 'a string that is not empty');
}

function mediaType({ media_type }: Fields, param: string): string {
  if (isMediaType(media_type)) return media_type;
  throw invalid(`${param}.source.media_type`, 'a media type, such as image/png');
}

function dataUrl(source: Fields, param: string): string {
  const data = base64Text(textAt(source, 'data', param), `${param}.source.data`);
  return `data:${mediaType(source, param)};base64,${data}`;
}

const imageUrl = (source: Fields, param: string): string =>
  checkedUrl(textAt(source, 'url', param), `${param}.source.url`);

function imagePart(block: Fields, param: string): Part {
  const { type: _, source: __, ...further } = block;
  const source = sourceOf(block, param);
  switch (source.type) {
    case 'base64': {
      return { ...further, type: 'input_image', image_url: dataUrl(source, param) };
    }
    case 'url':
      return { ...further, type: 'input_image', image_url: imageUrl(source, param) };
    case 'file':
      return { ...further, type: 'input_image', file_id: textAt(source, 'file_id', param) };
    default:
      throw invalid(`${param}.source.type`, 'base64, url or file');
  }
}

/** The title of a document is the name of the file. */
function documentPart(block: Fields, param: string): Part {
  const { type: _, source: __, title, ...further } = block;
  const named = typeof title === 'string' ? { filename: title } : {};
  const file = { ...further, type: 'input_file' as const, ...named };
  const source = sourceOf(block, param);
  switch (source.type) {
    case 'base64': {
      return { ...file, file_data: dataUrl(source, param) };
    }
    case 'text':
      return { ...file, file_data: plainText(textAt(source, 'data', param)) };
    case 'url':
      return { ...file, ...fileSource(textAt(source, 'url', param), `${param}.source.url`) };
    case 'file':
      return { ...file, file_id: textAt(source, 'file_id', param) };
    case 'content':
      // Its provider gets the blocks themselves: citations count them.
      return { ...file, ...{ file_data: plainText(textOfBlocks(source.content, param)), source } };
    default:
      throw invalid(`${param}.source.type`, 'base64, text, url, file or content');
  }
}

const plainText = (text: string): string => `data:text/plain;base64,${Buffer.from(text).toString('base64')}`;

/** The text of a document's blocks, as a model of another provider reads it. */
function textOfBlocks(content: unknown, param: string): string {
  const path = `${param}.source.content`;
  const blocks: unknown[] =
    typeof content === 'string' ? [{ type: 'text', text: content }] : asArray(content);
  const text = blocks.map((block, index) => textOfBlock(block, `${path}[${index}]`)).join('\n');
  if (text.trim() === '') throw invalid(path, 'a text or content blocks that are not empty');
  return text;
}

const asArray = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

function textOfBlock(block: unknown, param: string): string {
  const { type, text } = isObject(block) ? block : {};
  if (typeof type !== 'string') throw invalid(param, 'a content block with a type');
  const part = parsePart(block as Fields, param);
  return part.type === 'input_text' ? String(text) : `[${type}]`;
}
