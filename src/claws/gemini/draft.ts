import type { Part } from '../../core/items.ts';
import type { PromptItem } from '../claw.ts';
import { wirePartOf } from './media.ts';
import type { Content, WirePart } from './wire.ts';

/** The provider's id, and where it keeps files. */
export interface Place {
  provider: string;
  filesUrl: string;
}

/** A call that is written, for the output that will follow. */
export interface CallPlace {
  name: string;
  content: Content;
  /** Its place in that content. */
  at: number;
  /** Whether Gemini named the call itself. */
  givenId: boolean;
}

/** The outputs of the calls of one content, in the order of the calls. */
export interface Outputs {
  content: Content;
  /** The places of the answered calls; as many as there are `functionResponse` parts. */
  order: number[];
}

/** The prompt as far as it is written. */
export interface Draft extends Place {
  generation: number;
  system: WirePart[];
  contents: Content[];
  /** By call id; the newest of a name wins: callers without state count from one in each turn. */
  calls: Map<string, CallPlace>;
  /** By the content that made the calls. */
  outputs: Map<Content, Outputs>;
}

export function emptyDraft(place: Place, generation: number): Draft {
  return { ...place, generation, system: [], contents: [], calls: new Map(), outputs: new Map() };
}

/** Neighbours of one role share a content, but outputs stand alone: Gemini counts them against the calls. */
export function contentFor(draft: Draft, role: Content['role']): Content {
  const last = draft.contents[draft.contents.length - 1];
  if (last?.role === role && last.parts[0]?.functionResponse === undefined) return last;
  const content: Content = { role, parts: [] };
  draft.contents.push(content);
  return content;
}

export function append(draft: Draft, role: Content['role'], parts: WirePart[]): void {
  if (parts.length > 0) contentFor(draft, role).parts.push(...parts);
}

export function contentParts(draft: Draft, parts: Part[]): WirePart[] {
  return parts.map((part) => wirePartOf(part, draft.filesUrl)).filter((part) => part !== undefined);
}

/** What only the provider that made an item may see of it. */
export function nativeFor(draft: Draft, entry: PromptItem): unknown {
  return entry.origin === draft.provider ? entry.native : undefined;
}
