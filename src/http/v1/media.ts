import type { InputAudio, InputFile, Part } from '../../core/items.ts';
import { invalid } from './fields.ts';

/**
 * Content of images, sounds and files. Every provider refuses what is no base64, also in later requests of the
 * session, so it is refused before it is stored. The common form is checked without a copy and is not changed.
 * Forms that only some providers take are written in the common one: base64url, white space, missing padding
 * (RFC 4648; protobuf's JSON takes both alphabets), and `data:` URLs with percent escapes.
 */

/**
 * Whether a text is a media type that can stand in a `data:` URL: `image/png`, `audio/L16;rate=24000` (RFC 6838, section
 * 4.2; RFC 2397). A comma would end the type there, and begin the data.
 */
export const isMediaType = (text: unknown): text is string =>
  typeof text === 'string' && /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:;[\x20-\x2b\x2d-\x7e]*)?$/.test(text);

/** The text in base64 as all providers take it: usually itself. `invalid_request` where it holds no data. */
export function base64Text(text: string, param: string): string {
  if (isPlainBase64(text, 0)) return text;
  return rewritten(text) ?? refuse(param, 'data in base64');
}

/** In characters: what comes before the data of a `data:` URL. */
const LONGEST_HEAD = 1_000;

const DATA_URL = 'a `data:` URL with a media type and data, such as data:image/png;base64,iVBORw0KGgo=';

/** A URL, where it is a `data:` URL in the form that all providers take: usually itself. */
export function checkedUrl(url: string, param: string): string {
  if (!/^data:/i.test(url)) return url;
  const comma = url.indexOf(',');
  if (comma > LONGEST_HEAD) refuse(param, DATA_URL);
  const [, type, marker] =
    /^([\s\S]*?)(; *base64)?$/i.exec(url.slice('data:'.length, Math.max(0, comma))) ?? [];
  if (!isMediaType(type)) refuse(param, DATA_URL);
  const isCommon = url.startsWith('data:') && marker === ';base64';
  if (isCommon && isPlainBase64(url, comma + 1)) return url;
  const given = url.slice(comma + 1);
  const data = marker === undefined ? unescaped(given) : rewritten(given);
  return data ? `data:${type};base64,${data}` : refuse(param, DATA_URL);
}

/** Checks the data of a part in canonical form: the part itself, where its data has the form that all providers take. */
export function withCheckedMedia(part: Part, param: string): Part {
  switch (part.type) {
    case 'input_image':
      return part.image_url
        ? replaced(part, 'image_url', checkedUrl(part.image_url, `${param}.image_url`))
        : part;
    case 'input_file':
      return checkedFile(part, param);
    case 'input_audio':
      return replaced(part, 'input_audio', checkedAudio(part.input_audio, `${param}.input_audio`));
    default:
      return part;
  }
}

function checkedFile(part: InputFile, param: string): InputFile {
  const { file_data, file_url } = part;
  const file = file_data ? replaced(part, 'file_data', fileData(file_data, `${param}.file_data`)) : part;
  if (!file_url) return file;
  const source = fileSource(file_url, `${param}.file_url`);
  if (source.file_url !== undefined) return file;
  const { file_url: _, ...others } = file;
  return { ...others, ...source };
}

/** Where a file is, or its content. No provider takes a `data:` URL as an address. */
export function fileSource(url: string, param: string): Pick<InputFile, 'file_url' | 'file_data'> {
  const checked = checkedUrl(url, param);
  return checked.startsWith('data:') ? { file_data: checked } : { file_url: checked };
}

/** A `data:` URL, or base64 alone. */
const fileData = (data: string, param: string): string =>
  /^data:/i.test(data) ? checkedUrl(data, param) : base64Text(data, param);

/** `format` is the second half of a media type: `wav`. */
function checkedAudio(audio: InputAudio['input_audio'], param: string): InputAudio['input_audio'] {
  if (!isMediaType(`audio/${audio.format}`))
    throw invalid(`${param}.format`, 'an encoding, such as wav or mp3');
  return replaced(audio, 'data', base64Text(audio.data, `${param}.data`));
}

/** A value with another content of a field; itself where the content is the same. */
export const replaced = <Value extends object, Field extends keyof Value>(
  value: Value,
  field: Field,
  content: Value[Field],
): Value => (value[field] === content ? value : { ...value, [field]: content });

function refuse(param: string, expected: string): never {
  throw invalid(param, expected);
}

/** In characters: a multiple of four. The data of a piece is written to the same few bytes and not kept. */
const PIECE = 64 * 1024;
const unread = new Uint8Array((PIECE / 4) * 3);

/** Whether a text, from an index to its end, is base64 of some data, with its padding and nothing else. */
function isPlainBase64(text: string, from: number): boolean {
  const length = text.length - from;
  if (length === 0 || length % 4 !== 0) return false;
  let bytes = 0;
  try {
    for (let at = from; at < text.length; at += PIECE)
      bytes += unread.setFromBase64(text.slice(at, at + PIECE), { lastChunkHandling: 'strict' }).written;
  } catch {
    return false;
  }
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  // White space, or padding before the end, holds no bytes.
  return bytes === (length / 4) * 3 - padding;
}

/** Data in another form as base64; undefined for what is none, or empty. */
function rewritten(text: string): string | undefined {
  for (const alphabet of ['base64', 'base64url'] as const) {
    try {
      return Uint8Array.fromBase64(text, { alphabet }).toBase64() || undefined;
    } catch {
      // It may be in the other alphabet.
    }
  }
  return undefined;
}

function unescaped(text: string): string | undefined {
  try {
    return Buffer.from(decodeURIComponent(text)).toString('base64');
  } catch {
    return undefined;
  }
}
