import type { Delta, DeltaOf, TextDelta } from '../core/delta.ts';
import { emptyFold, type Folded, fold, foldAll } from '../core/fold.ts';
import { emptied, type Item } from '../core/items.ts';
import { isObject } from '../core/json.ts';
import type { Outcome } from '../core/outcome.ts';
import {
  choicesOf,
  isOnTape,
  type Progress,
  SIGNS,
  type Tape,
  TapePosition,
  textIn,
  textPartIn,
  writeBoundaries,
} from './tape/format.ts';
import { firstUsage, Player } from './tape/player.ts';

/**
 * The tape of an answer: `deltas` are all that were published, and `outcome` is made from them.
 * `undefined` where the outcome alone (`outputDeltas`) gives the same events.
 */
export function recordTape(deltas: readonly Delta[], outcome: Outcome): Tape | undefined {
  try {
    const tape = record(deltas, outcome);
    const plain = record(outputDeltas(outcome), outcome);
    return withoutModels(tape) === withoutModels(plain) ? undefined : tape;
  } catch {
    // The turn is stored without a tape where deltas break the rules of `Delta`.
    return undefined;
  }
}

/** The deltas to render, in order. A tape that does not fit its outcome is ignored. */
export function playTape(tape: Tape | undefined, outcome: Outcome): Delta[] {
  if (tape === undefined) return withNatives(outputDeltas(outcome), outcome);
  try {
    const player = new Player(outcome);
    for (const entry of tape) player.play(entry);
    const played = storedItems(foldAll(player.deltas), outcome).filter(Boolean);
    if (played.length === choicesOf(outcome).flat().length) return withNatives(player.deltas, outcome);
  } catch {
    // The tape is damaged: play the output.
  }
  return withNatives(outputDeltas(outcome), outcome);
}

/** The natives of the output are not on a tape, because the outcome has them. */
function withNatives(deltas: Delta[], outcome: Outcome): Delta[] {
  const { output, outputNatives } = outcome;
  if (!outputNatives) return deltas;
  const stored = storedItems(foldAll(deltas), outcome);
  return deltas.map((delta) => {
    const item = delta.type === 'item-end' || startsCall(delta) ? stored[delta.index] : undefined;
    const native = item && outputNatives[output.indexOf(item)];
    return native === undefined ? delta : ({ ...delta, native } as Delta);
  });
}

/** The native of a call is known from its start. */
const startsCall = (delta: Delta): delta is DeltaOf<'item-start'> =>
  delta.type === 'item-start' && delta.item.type === 'function_call';

/** The deltas of an answer that was not streamed: item by item, with one delta per part. */
export function outputDeltas(outcome: Outcome): Delta[] {
  const deltas: Delta[] = [];
  if (outcome.answeredBy) {
    const { provider, protocol, model, instance } = outcome.answeredBy;
    const attempt: Delta = { type: 'attempt', provider, protocol, model };
    if (instance !== undefined) attempt.instance = instance;
    deltas.push(attempt, { type: 'start', model });
  }
  let index = 0;
  choicesOf(outcome).forEach((items, choice) => {
    for (const item of items) deltas.push(...itemDeltas(item, index++, choice));
  });
  return deltas;
}

/** The item's end has the whole item where the deltas do not fold to it. */
function itemDeltas(item: Item, index: number, choice: number): Delta[] {
  const start: Delta = { type: 'item-start', index, item: emptied(item), ...(choice > 0 && { choice }) };
  const deltas: Delta[] = [start, ...contentDeltas(item, index)];
  const folded = foldAll(deltas).items[index]!.item;
  // Settling gives a status to a message that ended without one, and an id to some items.
  const settled = { ...folded, ...(item.type === 'message' && { status: 'completed' }), id: '' };
  const isWhole = JSON.stringify(settled) === JSON.stringify({ ...item, id: '' });
  return [...deltas, isWhole ? { type: 'item-end', index } : { type: 'item-end', index, item }];
}

function contentDeltas(item: Item, index: number): Delta[] {
  switch (item.type) {
    case 'message':
      return item.content.flatMap((_, part) => partDeltas(item, index, part));
    case 'reasoning':
      return [
        ...item.summary.flatMap((_, part) => textDeltas(item, 'summary-delta', index, part)),
        ...(item.content ?? []).flatMap((_, part) => textDeltas(item, 'reasoning-delta', index, part)),
      ];
    default: {
      const text = textIn(item, 'arguments-delta', 0);
      return text ? [{ type: 'arguments-delta', index, text }] : [];
    }
  }
}

function textDeltas(
  item: Item,
  type: 'refusal-delta' | 'reasoning-delta' | 'summary-delta',
  index: number,
  part: number,
): Delta[] {
  const text = textIn(item, type, part);
  return text === undefined ? [] : [{ type, index, part, text }];
}

function partDeltas(message: Item, index: number, part: number): Delta[] {
  const content = textPartIn(message, part);
  if (!content) return textDeltas(message, 'refusal-delta', index, part);
  const { text, annotations, logprobs } = content;
  return [
    { type: 'text-delta', index, part, text, ...(logprobs && { logprobs }) },
    ...annotations.map((annotation): Delta => ({ type: 'annotation', index, part, annotation })),
  ];
}

/** A tape to compare. Models are left out: no event names them, so they are no reason to store a tape. */
const withoutModels = (tape: Tape): string =>
  JSON.stringify(tape.map((entry) => (typeof entry === 'string' && entry[0] === '@' ? '@' : entry)));

/** The output items that the deltas gave, by the deltas' index. Items that were not stored are missing. */
function storedItems(folded: Folded, outcome: Outcome): (Item | undefined)[] {
  const choices = choicesOf(outcome);
  const stored: (Item | undefined)[] = [];
  const count = choices.map(() => 0);
  // Settling changes ids and statuses.
  const contentOf = ({ id: _, status: __, ...item }: Item) => JSON.stringify(item);
  folded.items.forEach(({ item, choice }, index) => {
    const next = choices[choice]?.[count[choice]!];
    if (!next || contentOf(item) !== contentOf(next)) return;
    stored[index] = next;
    count[choice]!++;
  });
  return stored;
}

function record(deltas: readonly Delta[], outcome: Outcome): Tape {
  const folded = emptyFold();
  const repeated = new Set<number>();
  for (const delta of deltas) {
    if (delta.type === 'item-end' && delta.item) {
      if (shown(delta.item) === shown(folded.items[delta.index]!.item)) repeated.add(delta.index);
    }
    fold(folded, delta);
  }
  const recorder = new Recorder(outcome, storedItems(folded, outcome), repeated);
  for (const delta of deltas) recorder.record(delta);
  return recorder.end();
}

/** Deltas that follow each other and differ only in their text. */
interface Run {
  /** What its deltas have in common: their channel, or for progress deltas, the rest of the delta as JSON. */
  of: unknown;
  logprobs?: number;
  /** The beginning of the entry; it depends on the entry before. */
  head: string;
  /** The text that the deltas are chunks of, from `start` on: text of the output, or the deltas' own text. */
  text: string;
  start: number;
  lengths: number[];
  /** Present where the text is not in the output. */
  own?: { like?: Progress };
}

class Recorder {
  private readonly tape: Tape = [];
  private readonly position = new TapePosition();
  /** The indexes of reasoning items. */
  private readonly reasoning = new Set<number>();
  private run: Run | undefined;

  constructor(
    private readonly outcome: Outcome,
    private readonly items: readonly (Item | undefined)[],
    /** Items whose `item-end` repeats what their deltas have folded to. */
    private readonly repeated: ReadonlySet<number>,
  ) {}

  record(delta: Delta): void {
    if (!isOnTape(delta)) return;
    if ('text' in delta) this.text(delta);
    else if (delta.type === 'progress') this.progress(delta);
    else {
      this.endRun();
      this.tape.push(this.entryOf(delta));
    }
  }

  end(): Tape {
    this.endRun();
    return this.tape;
  }

  private entryOf(delta: Exclude<Delta, TextDelta | Progress>): Tape[number] {
    const { answeredBy } = this.outcome;
    switch (delta.type) {
      case 'attempt': {
        const isSame =
          delta.provider === answeredBy?.provider &&
          delta.protocol === answeredBy.protocol &&
          delta.instance === answeredBy.instance;
        return isSame && !delta.cause && !delta.discard ? `@${delta.model}` : delta;
      }
      case 'start':
        return delta.model === answeredBy?.model ? '>' : { type: 'start', model: delta.model };
      case 'item-start':
        return this.itemStart(delta);
      case 'annotation':
        return this.annotation(delta);
      case 'item-end':
        return this.itemEnd(delta);
      case 'usage':
        return this.usage(delta);
      default:
        return delta;
    }
  }

  private itemStart(delta: DeltaOf<'item-start'>): Tape[number] {
    const { index, item, choice } = delta;
    if (item.type === 'reasoning') this.reasoning.add(index);
    this.position.moveTo(index, 0);
    const stored = this.items[index];
    if (!stored) return delta;
    // The outcome has the native.
    const started = shown(item);
    const ofChoice = choice || '';
    if (started === shown(emptied(stored))) return `+${ofChoice}`;
    return started === shown(stored) ? `=${ofChoice}` : [`+${ofChoice}`, item];
  }

  private annotation(delta: DeltaOf<'annotation'>): Tape[number] {
    const { index, part, annotation } = delta;
    const position = this.position.advance('n', index, part, 1);
    const stored = textPartIn(this.items[index], part)?.annotations[position];
    const isStored = stored !== undefined && JSON.stringify(annotation) === JSON.stringify(stored);
    return isStored ? `n${this.moveTo(index, part)}` : delta;
  }

  private itemEnd(delta: DeltaOf<'item-end'>): Tape[number] {
    const { type, index, item } = delta;
    const stored = this.items[index];
    // A rescue discards natives of its item. If clients have seen the item's seal, the tape keeps the native,
    // so that a replay shows the same seal.
    if (delta.native !== undefined && this.reasoning.has(index) && !this.hasNative(stored)) return delta;
    const { position } = this;
    const part = position.index === index ? position.part : 0;
    if (!item || this.repeated.has(index)) return `-${this.moveTo(index, part)}`;
    if (stored && shown(item) === shown(stored)) return `!${this.moveTo(index, part)}`;
    return { type, index, item };
  }

  /** Most values of the first usage are those of the last one. */
  private usage(delta: DeltaOf<'usage'>): Tape[number] {
    const { raw } = delta.usage;
    const last = this.outcome.usage?.raw;
    if (!isObject(raw) || !isObject(last)) return delta;
    const changed = Object.entries(raw).filter(([field, value]) => !Bun.deepEquals(value, last[field], true));
    const missing = Object.keys(last).filter((field) => !(field in raw));
    const text = JSON.stringify([Object.fromEntries(changed), missing]);
    return JSON.stringify(firstUsage(last, text)) === JSON.stringify(raw) ? `u${text}` : delta;
  }

  private hasNative(stored: Item | undefined): boolean {
    const { output, outputNatives } = this.outcome;
    return stored !== undefined && outputNatives?.[output.indexOf(stored)] !== undefined;
  }

  private text(delta: TextDelta): void {
    const { type, index, text } = delta;
    const part = 'part' in delta ? delta.part : 0;
    const channel = this.position.channel(SIGNS[type], index, part);
    const start = channel.length;
    channel.length += text.length;
    const given = type === 'text-delta' ? delta.logprobs : undefined;
    if (given && !this.hasLogprobs(index, part, given)) {
      this.endRun();
      this.tape.push(delta);
      return;
    }
    const logprobs = given?.length;
    const stored = textIn(this.items[index], type, part);
    const isStored =
      stored !== undefined && start + text.length <= stored.length && stored.startsWith(text, start);
    const { run } = this;
    if (run?.of !== channel || run.logprobs !== logprobs || !run.own !== isStored) {
      this.endRun();
      const head = SIGNS[type] + this.moveTo(index, part, logprobs);
      const source = isStored ? { text: stored, start } : { text: '', start: 0, own: {} };
      this.run = { of: channel, logprobs, head, lengths: [], ...source };
    }
    this.grow(text);
  }

  private grow(text: string): void {
    const run = this.run!;
    run.lengths.push(text.length);
    if (run.own) run.text += text;
  }

  /** Many progress deltas carry a chunk of a text: most of it is in the item later, in a field of its own. */
  private progress(delta: Progress): void {
    const text = delta.data.delta;
    if (typeof text !== 'string') {
      this.endRun();
      this.tape.push(delta);
      return;
    }
    const like = { ...delta, data: { ...delta.data, delta: '' } };
    const of = JSON.stringify(like);
    if (this.run?.of !== of) {
      this.endRun();
      this.run = { of, head: 'p', lengths: [], text: '', start: 0, own: { like } };
    }
    this.grow(text);
  }

  private hasLogprobs(index: number, part: number, logprobs: readonly unknown[]): boolean {
    const start = this.position.advance('l', index, part, logprobs.length);
    const stored = textPartIn(this.items[index], part)?.logprobs ?? [];
    return JSON.stringify(logprobs) === JSON.stringify(stored.slice(start, start + logprobs.length));
  }

  private endRun(): void {
    if (!this.run) return;
    const { head, text, start, lengths, own } = this.run;
    this.run = undefined;
    const entry = head + writeBoundaries(text, start, lengths);
    if (!own) this.tape.push(entry);
    else this.tape.push(own.like ? [entry, text, own.like] : [entry, text]);
  }

  /** Moves to an item and a part. Returns how an entry names them: empty where the entry before names the same. */
  private moveTo(index: number, part: number, logprobs?: number): string {
    const { position } = this;
    const isSame = position.index === index && position.part === part;
    position.moveTo(index, part);
    if (logprobs !== undefined) return `${index}.${part}.${logprobs}:`;
    if (isSame) return '';
    return part === 0 ? `${index}:` : `${index}.${part}:`;
  }
}

/** What events show of an item, except its id. A message without a status is shown as completed. */
const shown = (item: Item): string =>
  JSON.stringify(
    item.type === 'message' ? { ...item, id: '', status: item.status ?? 'completed' } : { ...item, id: '' },
  );
