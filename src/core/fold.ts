import type { Delta, Finish } from './delta.ts';
import type { ErrorCode } from './errors.ts';
import type { Item, Message, OtherItem, Reasoning } from './items.ts';
import type { Usage } from './usage.ts';

/** One output item and what belongs to it. */
export interface FoldedItem {
  item: Item;
  native?: unknown;
  choice: number;
  /** False when the answer ended before this item did. */
  done: boolean;
}

/** A call that answered. */
export interface Called {
  provider: string;
  protocol: string;
  /** The model's name at the provider. */
  model: string;
}

/** A call that broke off and was followed by another one. */
export interface BrokenOff {
  by: Called;
  usage?: Usage;
  said: number;
  cause?: ErrorCode;
}

/** What a sequence of deltas amounts to. Fields are absent until their delta came. */
export interface Folded {
  /** By index; those that a rescue declared void are missing. */
  items: FoldedItem[];
  /** Who is answering, or has; earlier ones are in `brokenOff`. This and what follows is of the last call. */
  by?: Called;
  model?: string;
  /** The provider's id of the answer. */
  providerId?: string;
  usage?: Usage;
  /** UTF-16 units of text, thought and arguments. */
  said: number;
  brokenOff: BrokenOff[];
  /** By choice. */
  finish: Finish[];
  extra?: Record<string, unknown>;
}

export function emptyFold(): Folded {
  return { items: [], said: 0, brokenOff: [], finish: [] };
}

/** Folds one more delta into `folded`, in place; a streamed answer and a whole one fold to the same value. */
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
      if (delta.type !== 'annotation') folded.said += delta.text.length;
      grow(folded.items[delta.index]!.item, delta);
  }
}

function attempt(folded: Folded, { provider, protocol, model, cause, discard }: DeltaOf<'attempt'>): void {
  const { by, usage, said } = folded;
  if (by) folded.brokenOff.push({ by, usage, said, cause });
  for (const index of discard ?? []) delete folded.items[index];
  if (by && (by.provider !== provider || by.protocol !== protocol)) {
    // Natives mean nothing to another provider, and the turn has one origin.
    for (const entry of folded.items) if (entry) entry.native = undefined;
  }
  Object.assign(folded, { by: { provider, protocol, model }, model: undefined, providerId: undefined });
  Object.assign(folded, { usage: undefined, said: 0, finish: [] });
}

export function foldAll(deltas: Iterable<Delta>): Folded {
  const folded = emptyFold();
  for (const delta of deltas) fold(folded, delta);
  return folded;
}

type DeltaOf<Type extends Delta['type']> = Extract<Delta, { type: Type }>;
type ContentDelta = DeltaOf<Extract<Delta['type'], `${string}-delta` | 'annotation'>>;

function grow(item: Item, delta: ContentDelta): void {
  switch (delta.type) {
    case 'text-delta':
      growText(item as Message, delta);
      return;
    case 'refusal-delta': {
      const content = (item as Message).content;
      const part = content[delta.part];
      if (part?.type === 'refusal') part.refusal += delta.text;
      else content[delta.part] = { type: 'refusal', refusal: delta.text };
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
      else reasoning.content[delta.part] = { type: 'reasoning_text', text: delta.text };
      return;
    }
    case 'summary-delta': {
      const { summary } = item as Reasoning;
      const part = summary[delta.part];
      if (part) part.text += delta.text;
      else summary[delta.part] = { type: 'summary_text', text: delta.text };
      return;
    }
    case 'arguments-delta':
      growArguments(item, delta.text);
  }
}

function growText(message: Message, delta: Extract<Delta, { type: 'text-delta' }>): void {
  let part = message.content[delta.part];
  if (part?.type !== 'output_text') {
    part = { type: 'output_text', text: '', annotations: [] };
    message.content[delta.part] = part;
  }
  part.text += delta.text;
  if (delta.logprobs) {
    part.logprobs ??= [];
    part.logprobs.push(...delta.logprobs);
  }
}

function growArguments(item: Item, text: string): void {
  if (item.type === 'function_call') item.arguments += text;
  else (item as OtherItem).input = `${(item as OtherItem).input ?? ''}${text}`;
}

/** A skeleton's own copy, so that folding never writes into a delta. */
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
