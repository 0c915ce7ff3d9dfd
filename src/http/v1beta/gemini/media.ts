import type { Part } from '../../../core/items.ts';
import { isObject } from '../../../core/json.ts';
import { invalid } from '../../v1/fields.ts';
import { isMediaType } from '../../v1/media-type.ts';
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

/** A part with a signature alone counts as an empty text, as SDKs send it. Some write absent fields as `null`. */
export function namedPart(given: Fields, param: string): NamedPart {
  const part = withoutNulls(given);
  const { text } = part;
  const kinds = Object.keys(part).filter((key) => !PART_FIELDS.has(key));
  const [kind, other] = kinds;
  if (other !== undefined) throw invalid(param, `one of ${kinds.join(' and ')}`);
  if (kind === undefined) {
    if (part.thoughtSignature === undefined && part.thought === undefined)
      throw invalid(param, 'a part with a text, inlineData, fileData, a functionCall or a functionResponse');
    return { kind: 'text', value: '', fields: part };
  }
  if (kind === 'text' && typeof text !== 'string') throw invalid(`${param}.text`, 'a string');
  const { [kind]: value, ...fields } = part;
  // All other contents of parts are messages (https://ai.google.dev/api/caching#Part).
  if (kind !== 'text' && !isObject(value)) throw invalid(`${param}.${kind}`, 'an object');
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
  const given = isObject(value) ? inCamelCase(value) : {};
  const { mimeType, displayName, data, fileUri, ...further } = given;
  const path = `${param}.${kind}`;
  const beside = Object.keys(further).length > 0 ? { [kind]: further } : undefined;
  if (kind === 'inlineData') {
    if (!isMediaType(mimeType)) throw invalid(`${path}.mimeType`, 'a media type, such as image/png');
    if (typeof data !== 'string') throw invalid(`${path}.data`, 'base64');
    return { part: inlinePart(mimeType, data, displayName), beside };
  }
  if (typeof fileUri !== 'string' || fileUri === '') throw invalid(`${path}.fileUri`, 'the URI of a file');
  const isImage = typeof mimeType === 'string' && mimeType.startsWith('image/');
  const part: Part = isImage
    ? { type: 'input_image', image_url: fileUri }
    : { type: 'input_file', file_url: fileUri, ...named(displayName) };
  const typed = typeof mimeType === 'string' ? { mimeType, ...further } : further;
  return { part, beside: Object.keys(typed).length > 0 ? { fileData: typed } : undefined };
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
