import type { Delta, DeltaOf, Finish, TextDelta } from './delta.ts';
import type { ErrorCode } from './error-catalogue.ts';
import type { Item, Message, OtherItem, OutputText, Reasoning } from './items.ts';
import type { Usage } from './usage.ts';

/** An output item, and what belongs to it. */
export interface FoldedItem {
  item: Item;
  native?: unknown;
  /** See `Delta`, `item-end`. */
  callId?: string;
  choice: number;
  /** False until `item-end`. An answer may end before its items do. */
  done: boolean;
}

/** A call to a claw. */
export interface Called {
  provider: string;
  protocol: string;
  /** The model's name at the provider. */
  model: string;
  /** `Candidate.instance`. */
  instance?: string;
}

/** A call that broke off, so that another call continued the answer. */
export interface BrokenOff {
  by: Called;
  usage?: Usage;
  /** See `Folded.textLength`. */
  textLength: number;
  cause?: ErrorCode;
}

/** A sequence of deltas, folded into one value. A field is absent until its delta comes. */
export interface Folded {
  /** By index. Items that a rescue discarded are missing. */
  items: FoldedItem[];
  /** The last call; earlier calls are in `brokenOff`. All fields below except `brokenOff` and `extra` are about it. */
  by?: Called;
  /** The model as the provider named it. */
  model?: string;
  /** The provider's id of the answer. */
  providerId?: string;
  usage?: Usage;
  /** UTF-16 units of all texts, reasoning and arguments that the call generated. */
  textLength: number;
  brokenOff: BrokenOff[];
  /** By choice. */
  finish: Finish[];
  extra?: Record<string, unknown>;
}

export function emptyFold(): Folded {
  return { items: [], textLength: 0, brokenOff: [], finish: [] };
}

/** Folds one more delta into `folded`, in place. A streamed answer and a whole one fold to the same value. */
export function fold(folded: Folded, delta: Delta): void {
  switch (delta.type) {
    case 'attempt':
      attempt(folded, delta);
      return;
    case 'start':
      folded.model = delta.model;
      if (delta.id !== undefined) folded.providerId = delta.id;
      return;
    case 'item-start':
      folded.items[delta.index] = { item: copy(delta.item), choice: delta.choice ?? 0, done: false };
      return;
    case 'item-end': {
      const entry = folded.items[delta.index]!;
      if (delta.item) entry.item = delta.item;
      if (delta.native !== undefined) entry.native = delta.native;
      if (delta.callId !== undefined) entry.callId = delta.callId;
      entry.done = true;
      return;
    }
    case 'usage':
      folded.usage = delta.usage;
      return;
    case 'finish':
      folded.finish[delta.choice ?? 0] = delta.reason;
      return;
    case 'extra':
      folded.extra = { ...folded.extra, ...delta.fields };
      return;
    case 'progress':
      return;
    default:
      if (delta.type !== 'annotation') folded.textLength += delta.text.length;
      grow(folded.items[delta.index]!.item, delta);
  }
}

function attempt(folded: Folded, delta: DeltaOf<'attempt'>): void {
  const { provider, protocol, model, instance, cause, discard } = delta;
  const { by, usage, textLength } = folded;
  if (by) folded.brokenOff.push({ by, usage, textLength, cause });
  for (const index of discard ?? []) delete folded.items[index];
  if (by && (by.provider !== provider || by.protocol !== protocol)) {
    // A turn has one provider, and natives serve only the provider that made them.
    for (const entry of folded.items)
      if (entry) Object.assign(entry, { native: undefined, callId: undefined });
  }
  const next: Called =
    instance === undefined ? { provider, protocol, model } : { provider, protocol, model, instance };
  Object.assign(folded, { by: next, model: undefined, providerId: undefined });
  Object.assign(folded, { usage: undefined, textLength: 0, finish: [] });
}

/** All deltas, folded. */
export function foldAll(deltas: Iterable<Delta>): Folded {
  const folded = emptyFold();
  for (const delta of deltas) fold(folded, delta);
  return folded;
}

/**
 * Whether the provider has ended the answer: each of its `choices` has a reason to end. The connection may
 * fail after this without harm.
 */
export function isWhole({ finish }: Folded, choices: number): boolean {
  return finish.length >= choices && Array.from(finish).every(Boolean);
}

function grow(item: Item, delta: TextDelta | DeltaOf<'annotation'>): void {
  switch (delta.type) {
    case 'text-delta':
      growText(item as Message, delta);
      return;
    case 'refusal-delta': {
      const content = (item as Message).content;
      const part = content[delta.part];
      if (part?.type === 'refusal') part.refusal += delta.text;
      else setPart(content, delta.part, { type: 'refusal', refusal: delta.text }, emptyText);
      return;
    }
    case 'annotation': {
      const part = (item as Message).content[delta.part];
      if (part?.type === 'output_text') part.annotations.push(delta.annotation);
      return;
    }
    case 'reasoning-delta': {
      const reasoning = item as Reasoning;
      reasoning.content ??= [];
      const part = reasoning.content[delta.part];
      if (part) part.text += delta.text;
      else {
        const added = { type: 'reasoning_text', text: delta.text } as const;
        setPart(reasoning.content, delta.part, added, () => ({ ...added, text: '' }));
      }
      return;
    }
    case 'summary-delta': {
      const { summary } = item as Reasoning;
      const part = summary[delta.part];
      if (part) part.text += delta.text;
      else {
        const added = { type: 'summary_text', text: delta.text } as const;
        setPart(summary, delta.part, added, () => ({ ...added, text: '' }));
      }
      return;
    }
    case 'arguments-delta':
      growArguments(item, delta.text);
  }
}

function growText(message: Message, delta: DeltaOf<'text-delta'>): void {
  let part = message.content[delta.part];
  if (part?.type !== 'output_text') {
    part = emptyText();
    setPart(message.content, delta.part, part, emptyText);
  }
  part.text += delta.text;
  if (delta.logprobs) {
    part.logprobs ??= [];
    for (const entry of delta.logprobs) part.logprobs.push(entry);
  }
}

const emptyText = (): OutputText => ({ type: 'output_text', text: '', annotations: [] });

/** Sets a part. An earlier part that had no text came without a delta: it is empty. */
function setPart<Part>(parts: Part[], index: number, part: Part, empty: () => Part): void {
  while (parts.length < index) parts.push(empty());
  parts[index] = part;
}

function growArguments(item: Item, text: string): void {
  if (item.type === 'function_call') item.arguments += text;
  else (item as OtherItem).input = `${(item as OtherItem).input ?? ''}${text}`;
}

/** A copy, so that folding never changes a delta. */
function copy(item: Item): Item {
  switch (item.type) {
    case 'message':
      return { ...item, content: item.content.map((part) => ({ ...part })) };
    case 'reasoning':
      return { ...item, summary: item.summary.map((part) => ({ ...part })) };
    default:
      return { ...item };
  }
}
