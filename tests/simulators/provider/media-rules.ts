import type { Trouble } from './protocol.ts';
import { asJson, asText, isJson, type Json } from './shape.ts';

/** What the real APIs refuse about the data of images, sounds and files, in their own words. */

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const isBase64 = (text: unknown): boolean => typeof text === 'string' && text !== '' && BASE64.test(text);
const isBase64Url = (url: string): boolean => {
  const comma = url.indexOf(',');
  return (
    /^data:[\w.+-]+\/[\w.+-]+.*;base64,$/.test(url.slice(0, comma + 1)) && isBase64(url.slice(comma + 1))
  );
};

/** The first trouble of an object in a value, in the order of the text. */
function walk(
  value: unknown,
  path: string,
  check: (value: Json, path: string) => Trouble | undefined,
): Trouble | undefined {
  if (value === null || typeof value !== 'object') return undefined;
  const trouble = isJson(value) ? check(value, path) : undefined;
  if (trouble) return trouble;
  for (const [key, inner] of Object.entries(value)) {
    const found = walk(inner, Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`, check);
    if (found) return found;
  }
  return undefined;
}

/** Parts of the chat and of the Responses API. */
export function checkOpenaiMedia(body: Json): Trouble | undefined {
  const list = body.messages ? 'messages' : 'input';
  return walk(body[list], list, (part, path) => {
    const image = asText(part.image_url) || asText(asJson(part.image_url).url);
    if (image.startsWith('data:') && !isBase64Url(image))
      return openai(`${path}.image_url`, 'an image MIME type', 'image/png');
    const file = asText(part.file_data);
    if (file !== '' && !isBase64Url(file) && !isBase64(file))
      return openai(`${path}.file_data`, 'an application/pdf MIME type', 'application/pdf');
    if (asText(part.file_url).startsWith('data:'))
      return {
        kind: 'invalid',
        message: `Error while downloading ${asText(part.file_url)}.`,
        param: `${path}.file_url`,
      };
    if (!isJson(part.input_audio) || isBase64(part.input_audio.data)) return undefined;
    return openai(`${path}.input_audio.data`, 'an audio MIME type', 'audio/wav');
  });
}

function openai(param: string, what: string, type: string): Trouble {
  const message = `Invalid '${param}'. Expected a base64-encoded data URL with ${what} (e.g. 'data:${type};base64,aW1nIGJ5dGVzIGhlcmU='), but got an invalid base64-encoded value.`;
  return { kind: 'invalid', message, param, code: 'invalid_value' };
}

export function checkAnthropicMedia(body: Json): Trouble | undefined {
  return walk(body.messages, 'messages', ({ type, source }, path) => {
    const { type: kind, data, url } = asJson(source);
    const at = path.replaceAll('[', '.').replaceAll(']', '');
    if (kind === 'base64' && !isBase64(data))
      return { kind: 'invalid', message: `${at}.${asText(type)}.source.base64: invalid base64 data` };
    if (kind === 'url' && !/^https?:/.test(asText(url)))
      return { kind: 'invalid', message: `${at}.${asText(type)}.source.url: Only HTTPS URLs are supported.` };
    return undefined;
  });
}

/** Protobuf's JSON takes both alphabets, with and without padding. */
export function checkGeminiMedia(body: Json): Trouble | undefined {
  return walk(body.contents, 'contents', ({ inlineData }, path) => {
    if (inlineData === undefined) return undefined;
    const { mimeType, data } = asJson(inlineData);
    if (typeof data !== 'string' || !/^[\w+/-]*={0,2}$/.test(data))
      return {
        kind: 'invalid',
        message: `Invalid value at '${path}.inline_data.data' (TYPE_BYTES), Base64 decoding failed for "${String(data)}"`,
      };
    if (asText(mimeType) === '' || data === '')
      return {
        kind: 'invalid',
        message: `* GenerateContentRequest.${path}.inline_data: required field is empty.\n`,
      };
    return undefined;
  });
}
