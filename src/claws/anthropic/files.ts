import { Fault } from '../../core/errors.ts';
import type { InputFile, InputImage, Part } from '../../core/items.ts';
import type { Block, Wire } from './wire.ts';

/** Images and files as this API takes them. */

/** Whether the API has a form for a part; what it has none for, `imageSource` and `fileBlock` pass or refuse. */
export function takes(part: Part): boolean {
  switch (part.type) {
    case 'input_audio':
      return false;
    case 'input_image':
      return !part.image_url || isTakenUrl(part.image_url, isImageType);
    case 'input_file': {
      const { file_url, file_id, file_data, filename } = part;
      if (file_url) return isTakenUrl(file_url, () => false);
      if (file_id || !file_data) return true;
      return isFileType(mediaTypeIn(file_data) ?? mediaTypeOf(filename));
    }
    default:
      return true;
  }
}

/** The API fetches addresses of the web alone. */
function isTakenUrl(url: string, isTaken: (type: string) => boolean): boolean {
  const type = mediaTypeIn(url);
  return type === undefined ? /^https?:/i.test(url) : isTaken(type);
}

/** https://platform.claude.com/docs/en/build-with-claude/vision */
const isImageType = (type: string): boolean => /^image\/(jpeg|jpg|png|gif|webp)$/.test(type);
const isTextType = (type: string): boolean => type.startsWith('text/') || type === 'application/json';
const isFileType = (type: string): boolean =>
  type === 'application/pdf' || isImageType(type) || isTextType(type);

/** The media type of a `data:` URL. */
const mediaTypeIn = (url: string): string | undefined =>
  url.startsWith('data:') ? /^data:([^;,]*)/.exec(url)![1]!.toLowerCase() || 'text/plain' : undefined;

export function imageSource({ image_url, file_id }: InputImage): Wire {
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

export function fileBlock(part: InputFile): Block {
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
  if (isTextType(mediaType)) {
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

/**
 * Bare base64 does not tell its type. Without a known file ending it is read as PDF, the most frequent type.
 */
function mediaTypeOf(filename: string | null | undefined): string {
  const ending = filename?.split('.').at(-1)?.toLowerCase() ?? '';
  return Object.hasOwn(MEDIA_TYPES, ending) ? MEDIA_TYPES[ending]! : 'application/pdf';
}

interface InlineData {
  mediaType: string;
  base64: string;
}

/** The content of a `data:` URL. Undefined for any other text. */
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

export function unsupported(message: string): Fault {
  return new Fault('unsupported_parameter', message);
}

function invalid(message: string): Fault {
  return new Fault('invalid_request', message);
}
