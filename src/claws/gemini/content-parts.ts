import { Fault } from '../../core/errors.ts';
import type { InputAudio, InputFile, InputImage, Part } from '../../core/items.ts';
import { PART_ITEM, type WirePart } from './wire.ts';

/**
 * One content part for Gemini. Undefined for an empty text, which Gemini refuses. `filesUrl` is the URL under
 * which the provider stores files.
 */
export function wirePartOf(part: Part, filesUrl: string): WirePart | undefined {
  switch (part.type) {
    case 'input_text':
    case 'output_text':
      return part.text === '' ? undefined : { text: part.text };
    case 'refusal':
      return part.refusal === '' ? undefined : { text: part.refusal };
    case 'input_image':
      return imagePart(part, filesUrl);
    case 'input_file':
      return filePart(part, filesUrl);
    case 'input_audio':
      return audioPart(part);
    default:
      if (part.type.startsWith(PART_ITEM)) {
        const { type: _, ...own } = part;
        return own;
      }
      // Not dropped, so that the model knows that the message had more content.
      return { text: `[content of type "${part.type}", which cannot be read here]` };
  }
}

function imagePart(image: InputImage, filesUrl: string): WirePart | undefined {
  if (image.image_url) return urlPart(image.image_url, typeOfName(image.image_url));
  return image.file_id ? { fileData: { fileUri: fileUri(image.file_id, filesUrl) } } : undefined;
}

function filePart(file: InputFile, filesUrl: string): WirePart | undefined {
  const type = typeOfName(file.filename ?? file.file_url ?? '');
  if (file.file_data) {
    if (file.file_data.startsWith('data:')) return urlPart(file.file_data, type);
    return { inlineData: { mimeType: type ?? 'application/pdf', data: file.file_data } };
  }
  if (file.file_url) return urlPart(file.file_url, type);
  return file.file_id ? { fileData: { fileUri: fileUri(file.file_id, filesUrl) } } : undefined;
}

function audioPart({ input_audio }: InputAudio): WirePart {
  return { inlineData: { mimeType: `audio/${input_audio.format}`, data: input_audio.data } };
}

/** Gemini names its files by URL. An id such as `files/abc` is the end of one. */
function fileUri(id: string, filesUrl: string): string {
  return id.includes('://') ? id : `${filesUrl}/${id.replace(/^files\//, '')}`;
}

/** The content of a URL, which may be a `data:` URL. `type` is used where the URL does not tell its own. */
export function urlPart(url: string, type: string | undefined): WirePart {
  if (!url.startsWith('data:'))
    return { fileData: type ? { mimeType: type, fileUri: url } : { fileUri: url } };
  const comma = url.indexOf(',');
  if (comma < 0) throw new Fault('invalid_request', 'A data: URL needs a comma before its data.');
  const head = url.slice('data:'.length, comma);
  const mimeType = head.split(';', 1)[0] || type || 'text/plain';
  const data = url.slice(comma + 1);
  return { inlineData: { mimeType, data: head.endsWith(';base64') ? data : base64Of(data) } };
}

function base64Of(escaped: string): string {
  try {
    return Buffer.from(decodeURIComponent(escaped)).toString('base64');
  } catch (cause) {
    throw new Fault('invalid_request', 'A data: URL holds a malformed percent escape.', { cause });
  }
}

/** Types that Gemini reads, by file ending (https://ai.google.dev/gemini-api/docs/file-input-methods). */
const TYPES: ReadonlyMap<string, string> = new Map([
  ['png', 'image/png'],
  ['jpg', 'image/jpeg'],
  ['jpeg', 'image/jpeg'],
  ['webp', 'image/webp'],
  ['heic', 'image/heic'],
  ['heif', 'image/heif'],
  ['pdf', 'application/pdf'],
  ['txt', 'text/plain'],
  ['md', 'text/plain'],
  ['csv', 'text/csv'],
  ['html', 'text/html'],
  ['json', 'application/json'],
  ['xml', 'text/xml'],
  ['wav', 'audio/wav'],
  ['mp3', 'audio/mp3'],
  ['aac', 'audio/aac'],
  ['ogg', 'audio/ogg'],
  ['flac', 'audio/flac'],
  ['mp4', 'video/mp4'],
  ['mov', 'video/mov'],
  ['webm', 'video/webm'],
]);

function typeOfName(name: string): string | undefined {
  if (name.startsWith('data:')) return undefined;
  const path = name.split(/[?#]/, 1)[0]!;
  return TYPES.get(path.slice(path.lastIndexOf('.') + 1).toLowerCase());
}
