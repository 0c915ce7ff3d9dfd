import type { Part } from '../../../core/items.ts';
import { isObject } from '../../../core/json.ts';
import { invalid } from '../../v1/fields.ts';
import { base64Text, checkedUrl, fileSource, isMediaType, replaced } from '../../v1/media.ts';
import { inCamelCase } from './spelling.ts';

type Fields = Record<string, unknown>;

/** Fields that describe a part. One other field is its content (https://ai.google.dev/api/caching#Part). */
const PART_FIELDS = new Set([
  'thought',
  'thoughtSignature',
  'partMetadata',
  'videoMetadata',
  'mediaResolution',
  'mediaProcessing',
  'speechMetadata',
]);

/** A part of a content: what it is, and the fields beside that. */
export interface NamedPart {
  kind: string;
  value: unknown;
  fields: Fields;
}

const A_PART = 'a part with a text, inlineData, fileData, a functionCall or a functionResponse';
/** Fields of items and parts in canonical form. No content of a part has these names. */
const ITEM_FIELDS = new Set(['type', 'id', 'status', 'role']);

/** A part with a signature alone counts as an empty text, as SDKs send it. Some write absent fields as `null`. */
export function namedPart(given: Fields, param: string): NamedPart {
  const part = withoutNulls(given);
  const { text } = part;
  const kinds = Object.keys(part).filter((key) => !PART_FIELDS.has(key));
  const [kind, other] = kinds;
  if (other !== undefined) throw invalid(param, `one of ${kinds.join(' and ')}`);
  if (kind === undefined) {
    if (part.thoughtSignature === undefined && part.thought === undefined) throw invalid(param, A_PART);
    return { kind: 'text', value: '', fields: part };
  }
  if (kind === 'text' && typeof text !== 'string') throw invalid(`${param}.text`, 'a string');
  const { [kind]: value, ...fields } = part;
  // All other contents of parts are messages (https://ai.google.dev/api/caching#Part).
  if (kind !== 'text' && !isObject(value)) throw invalid(`${param}.${kind}`, 'an object');
  if (ITEM_FIELDS.has(kind)) throw invalid(param, A_PART);
  return { kind, value, fields };
}

function withoutNulls(fields: Fields): Fields {
  for (const field in fields) {
    if (fields[field] === null)
      return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
  }
  return fields;
}

/** A canonical part, and what it does not hold of the wire part. */
interface Media {
  part: Part;
  beside?: Fields;
}

/** Data or a file; `undefined` for other kinds of parts. */
export function mediaPart(kind: string, value: unknown, param: string): Media | undefined {
  if (kind !== 'inlineData' && kind !== 'fileData') return undefined;
  const path = `${param}.${kind}`;
  if (kind === 'inlineData') {
    const { mimeType, displayName, data, ...further } = inlineData(value, path);
    return { part: inlinePart(mimeType, data, displayName), beside: besideOf(kind, further) };
  }
  const { mimeType, displayName, fileUri, ...further } = isObject(value) ? inCamelCase(value) : {};
  if (typeof fileUri !== 'string' || fileUri === '') throw invalid(`${path}.fileUri`, 'the URI of a file');
  const isImage = typeof mimeType === 'string' && mimeType.startsWith('image/');
  const part: Part = isImage
    ? { type: 'input_image', image_url: checkedUrl(fileUri, `${path}.fileUri`) }
    : { type: 'input_file', ...fileSource(fileUri, `${path}.fileUri`), ...named(displayName) };
  const typed = typeof mimeType === 'string' ? { mimeType, ...further } : further;
  return { part, beside: besideOf(kind, typed) };
}

const besideOf = (kind: string, fields: Fields): Fields | undefined =>
  Object.keys(fields).length > 0 ? { [kind]: fields } : undefined;

export type InlineData = Fields & { mimeType: string; data: string };

/** The fields of an `inlineData`, with data that every provider takes. */
export function inlineData(value: unknown, param: string): InlineData {
  const given = isObject(value) ? inCamelCase(value) : {};
  const { mimeType, data } = given;
  if (!isMediaType(mimeType)) throw invalid(`${param}.mimeType`, 'a media type, such as image/png');
  if (typeof data !== 'string') throw invalid(`${param}.data`, 'base64');
  return replaced({ ...given, mimeType, data }, 'data', base64Text(data, `${param}.data`));
}

const named = (name: unknown): { filename?: string } => (typeof name === 'string' ? { filename: name } : {});

/** The encodings of audio that have a form of their own in the canonical items (OpenAI API description). */
const AUDIO: ReadonlyMap<string, string> = new Map([
  ['audio/wav', 'wav'],
  ['audio/mp3', 'mp3'],
  ['audio/mpeg', 'mp3'],
]);

function inlinePart(mimeType: string, data: string, name: unknown): Part {
  const url = `data:${mimeType};base64,${data}`;
  if (mimeType.startsWith('image/')) return { type: 'input_image', image_url: url };
  const format = AUDIO.get(mimeType);
  if (format) return { type: 'input_audio', input_audio: { data, format } };
  return { type: 'input_file', file_data: url, ...named(name) };
}
