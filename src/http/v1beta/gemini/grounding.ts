import type { Item } from '../../../core/items.ts';
import { isObject } from '../../../core/json.ts';

/** A citation of a page, as OpenAI's APIs write it. */
interface Citation {
  url: string;
  title?: string;
  /** In UTF-16 units of the part's text; absent where the provider does not say what it belongs to. */
  start?: number;
  end?: number;
}

/**
 * The citations of an answer of another protocol as `GroundingMetadata`
 * (https://ai.google.dev/api/generate-content#GroundingMetadata): each source once, and the texts that it supports.
 */
export function groundingOf(items: readonly Item[]): object | undefined {
  const chunks: { web: { uri: string; title?: string } }[] = [];
  const supports: object[] = [];
  const indexes = new Map<string, number>();
  for (const item of items) {
    if (item.type !== 'message') continue;
    for (const part of item.content) {
      if (part.type !== 'output_text') continue;
      for (const { url, title, start, end } of part.annotations.flatMap(citationOf)) {
        const index = indexes.get(url) ?? chunks.push({ web: { uri: url, ...(title && { title }) } }) - 1;
        indexes.set(url, index);
        if (start === undefined || end === undefined) continue;
        supports.push({ segment: segmentOf(part.text, start, end), groundingChunkIndices: [index] });
      }
    }
  }
  if (chunks.length === 0) return undefined;
  return { groundingChunks: chunks, ...(supports.length > 0 && { groundingSupports: supports }) };
}

function citationOf(annotation: unknown): Citation[] {
  if (!isObject(annotation)) return [];
  const nested = isObject(annotation.url_citation) ? annotation.url_citation : annotation;
  const { url, title, start_index, end_index } = nested;
  if (typeof url !== 'string') return [];
  return [
    {
      url,
      ...(typeof title === 'string' && { title }),
      ...(typeof start_index === 'number' && { start: start_index }),
      ...(typeof end_index === 'number' && { end: end_index }),
    },
  ];
}

/** Google counts in bytes of UTF-8. */
function segmentOf(text: string, start: number, end: number): object {
  const startIndex = Buffer.byteLength(text.slice(0, start));
  const cited = text.slice(start, end);
  return { startIndex, endIndex: startIndex + Buffer.byteLength(cited), text: cited };
}
