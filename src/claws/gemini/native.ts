import { isObject } from '../../core/json.ts';
import type { WirePart } from './wire.ts';

/**
 * One wire part of an item's text: its length, and the part's fields beside the text. Gemini requires that a
 * signed part is sent back unchanged: not joined with another part, its signature not on another part
 * (https://ai.google.dev/gemini-api/docs/thought-signatures).
 */
export interface Segment {
  /** In UTF-16 units of the item's text. */
  length: number;
  partFields?: Record<string, unknown>;
}

/** Neighbours without part fields are joined: the chunk boundaries of a stream are not kept. */
export function addSegment(
  segments: Segment[],
  length: number,
  partFields: Record<string, unknown> | undefined,
): void {
  const last = segments[segments.length - 1];
  if (last && !last.partFields && !partFields) last.length += length;
  else segments.push(partFields ? { length, partFields } : { length });
}

/** The part fields alone if the item is one part, otherwise each part with its length. */
export function nativeOf(segments: Segment[]): unknown {
  return segments.length === 1 ? segments[0]!.partFields : partsNative(segments);
}

/** Each part with its length. */
export function partsNative(segments: Segment[]): unknown {
  return { parts: segments.map(({ length, partFields }) => ({ ...partFields, length })) };
}

/** What the native of a reasoning item holds for the item before or after it, under `carries`. */
export type Carried =
  /** The part fields of the call that follows, and the call's id. */
  | { call: string; partFields: Record<string, unknown> }
  /** The parts of the text before or after the reasoning item; see `partsNative`. */
  | { text: unknown };

/** The native of a reasoning item itself, and what it carries. */
export function carriedBy(native: unknown): [own: unknown, carried: Carried | undefined] {
  if (!isObject(native) || !isObject(native.carries)) return [native, undefined];
  const { carries, ...own } = native;
  return [Object.keys(own).length > 0 ? own : undefined, carries as Carried];
}

/**
 * The inverse of `nativeOf`: the wire parts of `text`. If the text was changed since then, the part fields are
 * dropped.
 */
export function partsOf(text: string, native: unknown, base: WirePart): WirePart[] {
  if (!isObject(native)) return text === '' ? [] : [{ text, ...base }];
  if (!Array.isArray(native.parts)) return [{ text, ...base, ...native }];
  const parts: WirePart[] = [];
  let at = 0;
  for (const segment of native.parts) {
    if (!isObject(segment) || typeof segment.length !== 'number') continue;
    const { length, ...partFields } = segment;
    parts.push({ text: text.slice(at, at + segment.length), ...base, ...partFields });
    at += segment.length;
  }
  return at === text.length ? parts : partsOf(text, undefined, base);
}
