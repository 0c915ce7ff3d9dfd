import { Fault } from '../../core/errors.ts';
import type { InputFile, InputImage, OutputText, Part } from '../../core/items.ts';
import type { ChatPart, ChatTextPart, Json } from './wire.ts';

/** Fields of a canonical part that the wire part already says, or that providers do not take back. */
const SAID = new Set([
  'type',
  'text',
  'annotations',
  'logprobs',
  'refusal',
  'image_url',
  'detail',
  'filename',
  'file_data',
  'file_url',
  'file_id',
  'input_audio',
]);

/**
 * One part on the wire; undefined for a part that the provider could not understand. `verbatim` is set
 * for what the caller wrote in this very vocabulary: unknown parts and fields travel untouched.
 */
export function wirePart(part: Part, verbatim: boolean): ChatPart | undefined {
  const wire = translate(part, verbatim);
  if (!wire || !verbatim) return wire;
  for (const key in part) {
    if (!SAID.has(key) && !(key in wire)) (wire as Json)[key] = (part as unknown as Json)[key];
  }
  return wire;
}

function translate(part: Part, verbatim: boolean): ChatPart | undefined {
  switch (part.type) {
    case 'input_text':
    case 'output_text':
      return textPart(part.text);
    case 'refusal':
      return textPart(part.refusal);
    case 'input_image':
      return imagePart(part);
    case 'input_file':
      return filePart(part);
    case 'input_audio':
      return { type: 'input_audio', input_audio: part.input_audio };
    default:
      return verbatim ? { ...(part as Json & { type: string }) } : undefined;
  }
}

export function textPart(text: OutputText['text']): ChatTextPart {
  return { type: 'text', text };
}

function imagePart(part: InputImage): ChatPart {
  if (!part.image_url) throw impossible('an image', 'a `file_id`; send its `image_url`');
  const image: { url: string; detail?: string } = { url: part.image_url };
  if (part.detail) image.detail = part.detail;
  return { type: 'image_url', image_url: image };
}

function filePart(part: InputFile): ChatPart {
  if (part.file_data) {
    const filename = part.filename || 'file.pdf';
    return { type: 'file', file: { filename, file_data: dataUrl(part.file_data) } };
  }
  if (part.file_id) return { type: 'file', file: { file_id: part.file_id } };
  throw impossible('a file', 'a `file_url`; send its `file_data`');
}

/** Chat completions take PDF files only (OpenAI's file input guide), so bare base64 can only be one. */
function dataUrl(data: string): string {
  return data.startsWith('data:') ? data : `data:application/pdf;base64,${data}`;
}

function impossible(what: string, how: string): Fault {
  return new Fault('unsupported_parameter', `Chat completions cannot take ${what} by ${how}.`);
}

/** Whether a wire part is text and nothing else, so that its text can stand for it. */
function isBareText(part: ChatPart): part is ChatTextPart {
  if (part.type !== 'text') return false;
  for (const key in part) if (key !== 'type' && key !== 'text') return false;
  return true;
}

/** A string where everything is text: shorter, and all that many servers take. */
export function wireContent(parts: ChatPart[], separator: string): string | ChatPart[] {
  let text = '';
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!;
    if (!isBareText(part)) return parts;
    text += i === 0 ? part.text : separator + part.text;
  }
  return text;
}
