import type { Item, OtherItem, OtherType } from './items.ts';

/**
 * Images that a model generated, in the form of the Responses API (OpenAI API description, `ImageGenToolCall`):
 * `{type: 'image_generation_call', status, result, output_format}`. `result` is base64, and `null` until the
 * image is complete. If a provider gave only the image's URL, the item has `image_url` instead.
 */
const KIND = 'image_generation_call' as OtherType;

export const isGeneratedImage = (item: Item): item is OtherItem => item.type === KIND;

/** `format` is the second half of the media type: `png`, `jpeg`, `webp`. */
export function generatedImage(format: string, base64: string): OtherItem {
  return { type: KIND, status: 'completed', output_format: format, result: base64 };
}

const DATA = 'data:image/';
const BASE64 = ';base64';

/** An image item from a `data:` URL or another URL. */
export function generatedImageAt(url: string): OtherItem {
  const comma = url.startsWith(DATA) ? url.indexOf(',') : -1;
  const head = url.slice(0, Math.max(0, comma));
  if (!head.endsWith(BASE64)) return { type: KIND, status: 'completed', result: null, image_url: url };
  const [format = ''] = head.slice(DATA.length).split(';');
  return generatedImage(format, url.slice(comma + 1));
}

/**
 * The image as a `data:` URL or another URL; `undefined` for other items, and while the image is not complete.
 */
export function generatedImageUrl(item: Item): string | undefined {
  if (!isGeneratedImage(item)) return undefined;
  const { image_url, result, output_format } = item;
  if (typeof image_url === 'string') return image_url;
  if (typeof result !== 'string' || result === '') return undefined;
  // PNG is the default format of OpenAI's tool.
  return `${DATA}${typeof output_format === 'string' ? output_format : 'png'}${BASE64},${result}`;
}
