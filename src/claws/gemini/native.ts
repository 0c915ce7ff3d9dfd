import { isObject, type WirePart } from './wire.ts';

/**
 * Where one wire part ends in an item's text, with the part's fields beside the text. Gemini wants a
 * signed part back as it came: not joined with another, and not moved to another
 * (https://ai.google.dev/gemini-api/docs/thought-signatures).
 */
export interface Segment {
  /** In UTF-16 units of the item's text. */
  length: number;
  marks?: Record<string, unknown>;
}

/** Text without marks joins its neighbour: the chunks of a stream are no parts worth remembering. */
export function addSegment(
  segments: Segment[],
  length: number,
  marks: Record<string, unknown> | undefined,
): void {
  const last = segments[segments.length - 1];
  if (last && !last.marks && !marks) last.length += length;
  else segments.push(marks ? { length, marks } : { length });
}

/** The marks themselves where the item is one part, else every part with its length. */
export function nativeOf(segments: Segment[]): unknown {
  if (segments.length === 1) return segments[0]!.marks;
  return { parts: segments.map(({ length, marks }) => ({ ...marks, length })) };
}

/** Undoes `nativeOf`: the wire parts that made up `text`. Marks of a text that was changed since are dropped. */
export function partsOf(text: string, native: unknown, base: WirePart): WirePart[] {
  if (!isObject(native)) return text === '' ? [] : [{ text, ...base }];
  if (!Array.isArray(native.parts)) return [{ text, ...base, ...native }];
  const parts: WirePart[] = [];
  let at = 0;
  for (const segment of native.parts) {
    if (!isObject(segment) || typeof segment.length !== 'number') continue;
    const { length, ...marks } = segment;
    parts.push({ text: text.slice(at, at + segment.length), ...base, ...marks });
    at += segment.length;
  }
  return at === text.length ? parts : partsOf(text, undefined, base);
}
