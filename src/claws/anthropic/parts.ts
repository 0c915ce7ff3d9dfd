import { Fault } from '../../core/errors.ts';
import type { InputFile, InputImage, OutputText, Part } from '../../core/items.ts';
import { type Block, isObject, type Wire } from './wire.ts';

/** What a part becomes. `own` parts are in the provider's vocabulary and may be given back as they are. */
export function blocksOf(parts: readonly Part[], own: boolean): Block[] {
  return parts.flatMap((part) => {
    const block = blockOf(part, own);
    return block ? [withMark(block, part)] : [];
  });
}

function blockOf(part: Part, own: boolean): Block | undefined {
  switch (part.type) {
    case 'input_text':
      return textBlock(part.text);
    case 'output_text':
      return spokenBlock(part, own);
    case 'refusal':
      return textBlock(part.refusal);
    case 'input_image':
      return { type: 'image', source: imageSource(part) };
    case 'input_file':
      return fileBlock(part);
    case 'input_audio':
      throw unsupported('Claude models take no audio; send a transcript.');
    default:
      return own ? (part as Wire as Block) : undefined;
  }
}

/** The provider refuses text without anything to read in it. */
export function textBlock(text: string): Block | undefined {
  return text.trim() === '' ? undefined : { type: 'text', text };
}

function spokenBlock(part: OutputText, own: boolean): Block | undefined {
  const block = textBlock(part.text);
  if (!block || !own) return block;
  const citations = part.annotations.flatMap(citationOf);
  return citations.length > 0 ? { ...block, citations } : block;
}

/** The citation that an annotation was made of. */
function citationOf(annotation: unknown): Wire[] {
  if (!isObject(annotation)) return [];
  if (isObject(annotation.citation)) return [annotation.citation];
  if (typeof annotation.type !== 'string' || !annotation.type.endsWith('_location')) return [];
  // The provider names the cited file in answers and does not take the name back.
  const { file_id: _, ...citation } = annotation;
  return [citation];
}

/** A caller's own cache mark, an extra field on a part of any dialect. */
function withMark(block: Block, part: Part): Block {
  const { cache_control } = part as Wire;
  return isObject(cache_control) ? { ...block, cache_control } : block;
}

function imageSource({ image_url, file_id }: InputImage): Wire {
  if (image_url) {
    const data = inlineData(image_url);
    return data ? base64Source(data.base64, data.mediaType) : { type: 'url', url: image_url };
  }
  if (file_id) return { type: 'file', file_id };
  throw invalid('An image needs `image_url` or `file_id`.');
}

function base64Source(data: string, mediaType: string): Wire {
  return { type: 'base64', media_type: mediaType === 'image/jpg' ? 'image/jpeg' : mediaType, data };
}

function fileBlock(part: InputFile): Block {
  const { file_data, file_url, file_id, filename } = part;
  const title = filename ? { title: filename } : {};
  if (file_url) return { type: 'document', source: { type: 'url', url: file_url }, ...title };
  if (file_id) return { type: 'document', source: { type: 'file', file_id }, ...title };
  if (!file_data) throw invalid('A file needs `file_data`, `file_url` or `file_id`.');
  const { base64, mediaType } = inlineData(file_data) ?? {
    base64: file_data,
    mediaType: mediaTypeOf(filename),
  };
  if (mediaType.startsWith('image/')) return { type: 'image', source: base64Source(base64, mediaType) };
  return { type: 'document', source: documentSource(base64, mediaType), ...title };
}

function documentSource(base64: string, mediaType: string): Wire {
  if (mediaType === 'application/pdf') return { type: 'base64', media_type: mediaType, data: base64 };
  if (mediaType.startsWith('text/') || mediaType === 'application/json') {
    const data = Buffer.from(base64, 'base64').toString('utf8');
    return { type: 'text', media_type: 'text/plain', data };
  }
  throw unsupported(`Claude models read PDF, text and images, not ${mediaType}.`);
}

const MEDIA_TYPES: Record<string, string> = {
  txt: 'text/plain',
  md: 'text/markdown',
  csv: 'text/csv',
  html: 'text/html',
  json: 'application/json',
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
};

/** Bare base64 says nothing of its type; a PDF is what such files mostly are. */
function mediaTypeOf(filename: string | null | undefined): string {
  const ending = filename?.split('.').at(-1)?.toLowerCase() ?? '';
  return Object.hasOwn(MEDIA_TYPES, ending) ? MEDIA_TYPES[ending]! : 'application/pdf';
}

interface InlineData {
  mediaType: string;
  base64: string;
}

/** The content of a `data:` URL; undefined for any other text. */
function inlineData(url: string): InlineData | undefined {
  if (!url.startsWith('data:')) return undefined;
  const comma = url.indexOf(',');
  if (comma < 0) throw invalid('A `data:` URL needs a comma before its data.');
  const [mediaType = '', ...parameters] = url.slice(5, comma).split(';');
  const data = url.slice(comma + 1);
  const base64 = parameters.includes('base64') ? data : Buffer.from(unescaped(data)).toString('base64');
  return { mediaType: mediaType.toLowerCase() || 'text/plain', base64 };
}

function unescaped(data: string): string {
  try {
    return decodeURIComponent(data);
  } catch {
    return data;
  }
}

function unsupported(message: string): Fault {
  return new Fault('unsupported_parameter', message);
}

function invalid(message: string): Fault {
  return new Fault('invalid_request', message);
}
