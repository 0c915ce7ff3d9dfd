import type { Item } from '../api/types.ts';

/** What an item holds, read from fields that depend on its type. */

interface Part {
  type: string;
  [field: string]: unknown;
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

const isPart = (value: unknown): value is Part =>
  typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';

const partsIn = (value: unknown): Part[] => (Array.isArray(value) ? value.filter(isPart) : []);

/** A part of a message as it is shown. */
export type Shown =
  | { kind: 'text' | 'refusal'; text: string }
  | { kind: 'image'; url: string }
  | { kind: 'file'; name: string };

/** Only images that the message itself holds are shown: a page must not call another server. */
function shownPart(part: Part): Shown {
  switch (part.type) {
    case 'input_text':
    case 'output_text':
    case 'text':
      return { kind: 'text', text: text(part.text) };
    case 'refusal':
      return { kind: 'refusal', text: text(part.refusal) };
    case 'input_image': {
      const url = text(part.image_url);
      return url.startsWith('data:image/') ? { kind: 'image', url } : { kind: 'file', name: url || 'image' };
    }
    default:
      return { kind: 'file', name: text(part.filename) || text(part.file_url) || part.type };
  }
}

export const messageParts = ({ content }: Item): Shown[] =>
  typeof content === 'string' ? [{ kind: 'text', text: content }] : partsIn(content).map(shownPart);

/** The readable text of reasoning: its own, or its summary. */
export function thoughtOf({ content, summary }: Item): string {
  const read = (parts: unknown) =>
    partsIn(parts)
      .map((part) => text(part.text))
      .join('\n\n');
  return read(content) || read(summary);
}

/** The name and the arguments of a call. */
export const callOf = ({ name, arguments: args, input }: Item) => ({
  name: text(name),
  text: text(args) || text(input),
});

/** The output of a call. */
export function outputOf({ output }: Item): Shown[] {
  return typeof output === 'string' ? [{ kind: 'text', text: output }] : partsIn(output).map(shownPart);
}

/** A generated image. */
export function generatedImage({ type, result, output_format: format }: Item): string | undefined {
  if (type !== 'image_generation_call' || typeof result !== 'string' || result === '') return undefined;
  return `data:image/${text(format) || 'png'};base64,${result}`;
}

/** JSON with line breaks, or the text itself where it is none. */
export function tidyJson(value: string): string {
  try {
    return JSON.stringify(JSON.parse(value), null, 2);
  } catch {
    return value;
  }
}
