import type { Delta } from '../core/delta.ts';
import { emptyFold, type Folded, fold, foldAll } from '../core/fold.ts';
import type { Item } from '../core/items.ts';
import type { Outcome } from '../core/turn.ts';
import { readCadence, writeCadence } from './cadence.ts';
import { choicesOf, emptied, outputDeltas, type TextDelta, textIn, textPartIn } from './output-deltas.ts';

/**
 * How a turn's answer came: what, together with its outcome, gives back deltas that every reader renders to the
 * same events as the first time. It is stored in the turn's body and never holds what the outcome holds.
 * Deltas that no event tells of (`usage`, `finish`, `extra`, natives) are not on it.
 *
 * An entry is a delta or several of one channel, which are text of one kind for one part of one item:
 *
 * | | |
 * |---|---|
 * | `@gpt-5` | an attempt of this model at the outcome's provider |
 * | `>` | the start, by the outcome's model |
 * | `+` | the next output item begins, empty; `+1`: the next one of choice 1 |
 * | `["+", item]` | the same, with a beginning of its own |
 * | `=` | the next output item begins as the whole that it is; `=1` |
 * | `t12b3` | text by its cadence; `x` is for refusals, `r` for reasoning, `s` for summaries, `a` for arguments |
 * | `["t12b3", "…"]` | the same, of a text that is not in the output |
 * | `n` | the next annotation |
 * | `-`, `!` | the item ends, as its deltas made it, or as the whole that is in the output |
 * | a delta | any other, as it was |
 *
 * An entry that is not about the item and the part of the one before says so: `t3:12b3`, `t3.1:12b3`; and it says
 * how many log probabilities each of its deltas has, where they have any: `t3.1.1:12b3`.
 */
export type Tape = (string | [entry: string, own: string | Item] | Delta)[];

/**
 * The tape of `deltas`, which are all that were published, and of the outcome they were settled to; `undefined`
 * where the output, played item by item, gives the same events.
 */
export function recordTape(deltas: readonly Delta[], outcome: Outcome): Tape | undefined {
  const tape = record(deltas, outcome);
  const plain = record(outputDeltas(outcome), outcome);
  return unnamed(tape) === unnamed(plain) ? undefined : tape;
}

/** The deltas to render, in order. A tape that does not fit its outcome is taken for none. */
export function playTape(tape: Tape | undefined, outcome: Outcome): Delta[] {
  if (tape === undefined) return outputDeltas(outcome);
  try {
    const player = new Player(outcome);
    for (const entry of tape) player.play(entry);
    const told = keptItems(foldAll(player.deltas), outcome).filter(Boolean);
    if (told.length === choicesOf(outcome).flat().length) return player.deltas;
  } catch {
    // Whatever is wrong with it: the output is there.
  }
  return outputDeltas(outcome);
}

/** For a comparison: no event tells what model was called, so its name alone is no reason for a tape. */
const unnamed = (tape: Tape): string =>
  JSON.stringify(tape.map((entry) => (typeof entry === 'string' && entry[0] === '@' ? '@' : entry)));

/** The output items that came of deltas, by their index; those that the answer did not keep are missing. */
function keptItems(folded: Folded, outcome: Outcome): (Item | undefined)[] {
  const choices = choicesOf(outcome);
  const kept: (Item | undefined)[] = [];
  const count = choices.map(() => 0);
  // Settling gives ids and statuses.
  const saying = ({ id: _, status: __, ...item }: Item) => JSON.stringify(item);
  folded.items.forEach(({ item, choice }, index) => {
    const next = choices[choice]?.[count[choice]!];
    if (!next || saying(item) !== saying(next)) return;
    kept[index] = next;
    count[choice]!++;
  });
  return kept;
}

/** What events show of an item, but for its id; a message that says nothing of its status is shown as completed. */
const shown = (item: Item): string =>
  JSON.stringify(
    item.type === 'message' ? { ...item, id: '', status: item.status ?? 'completed' } : { ...item, id: '' },
  );

type DeltaOf<Type extends Delta['type']> = Extract<Delta, { type: Type }>;

const SIGNS: Record<TextDelta['type'], string> = {
  'text-delta': 't',
  'refusal-delta': 'x',
  'reasoning-delta': 'r',
  'summary-delta': 's',
  'arguments-delta': 'a',
};
const TYPES = new Map(Object.entries(SIGNS).map(([type, sign]) => [sign, type as TextDelta['type']]));

/** Where recorder and player are; both count alike. */
class Position {
  /** The item and the part of the last entry. */
  index = 0;
  part = 0;
  private readonly counts = new Map<string, number>();

  /** Counts `more` of a channel, be it in the output or not; returns how much there was before. */
  pass(sign: string, index: number, part: number, more: number): number {
    const channel = `${sign}${index}.${part}`;
    const before = this.counts.get(channel) ?? 0;
    this.counts.set(channel, before + more);
    return before;
  }

  moveTo(index: number, part: number): void {
    this.index = index;
    this.part = part;
  }
}

/** Text deltas that follow each other in one channel. */
interface Run {
  type: TextDelta['type'];
  index: number;
  part: number;
  logprobs?: number;
  /** What it is cut from: the text in the output, or its own. */
  text: string;
  from: number;
  isOwn: boolean;
  lengths: number[];
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
  const recorder = new Recorder(outcome, keptItems(folded, outcome), repeated);
  for (const delta of deltas) recorder.record(delta);
  return recorder.end();
}

class Recorder {
  private readonly tape: Tape = [];
  private readonly position = new Position();
  private run: Run | undefined;

  constructor(
    private readonly outcome: Outcome,
    private readonly items: readonly (Item | undefined)[],
    /** Items whose end says no more than their deltas. */
    private readonly repeated: ReadonlySet<number>,
  ) {}

  record(delta: Delta): void {
    if (delta.type === 'usage' || delta.type === 'finish' || delta.type === 'extra') return;
    if ('text' in delta) {
      this.text(delta);
      return;
    }
    this.endRun();
    this.tape.push(this.entryOf(delta));
  }

  end(): Tape {
    this.endRun();
    return this.tape;
  }

  private entryOf(delta: Exclude<Delta, TextDelta>): Tape[number] {
    const { provider, protocol, servedModel } = this.outcome;
    switch (delta.type) {
      case 'attempt': {
        const isSame = delta.provider === provider && delta.protocol === protocol;
        return isSame && !delta.cause && !delta.discard ? `@${delta.model}` : delta;
      }
      case 'start':
        return delta.model === servedModel ? '>' : { type: 'start', model: delta.model };
      case 'item-start':
        return this.itemStart(delta);
      case 'annotation':
        return this.annotation(delta);
      case 'item-end':
        return this.itemEnd(delta);
      default:
        return delta;
    }
  }

  private itemStart(delta: DeltaOf<'item-start'>): Tape[number] {
    const { index, item, choice } = delta;
    this.position.moveTo(index, 0);
    const kept = this.items[index];
    if (!kept) return delta;
    const begun = shown(item);
    const of = choice || '';
    if (begun === shown(emptied(kept))) return `+${of}`;
    return begun === shown(kept) ? `=${of}` : [`+${of}`, item];
  }

  private annotation(delta: DeltaOf<'annotation'>): Tape[number] {
    const { index, part, annotation } = delta;
    const at = this.position.pass('n', index, part, 1);
    const kept = textPartIn(this.items[index], part)?.annotations[at];
    const isKept = JSON.stringify(annotation) === JSON.stringify(kept);
    return isKept ? `n${this.placeOf(index, part)}` : delta;
  }

  private itemEnd({ type, index, item }: DeltaOf<'item-end'>): Tape[number] {
    const kept = this.items[index];
    const { position } = this;
    const part = position.index === index ? position.part : 0;
    if (!item || this.repeated.has(index)) return `-${this.placeOf(index, part)}`;
    if (kept && shown(item) === shown(kept)) return `!${this.placeOf(index, part)}`;
    return { type, index, item };
  }

  private text(delta: TextDelta): void {
    const { type, index, text } = delta;
    const part = 'part' in delta ? delta.part : 0;
    const from = this.position.pass(SIGNS[type], index, part, text.length);
    const logprobs = type === 'text-delta' ? delta.logprobs : undefined;
    if (logprobs && !this.hasLogprobs(index, part, logprobs)) {
      this.endRun();
      this.tape.push(delta);
      return;
    }
    const kept = textIn(this.items[index], type, part);
    const isKept = kept !== undefined && from + text.length <= kept.length && kept.startsWith(text, from);
    const next = { type, index, part, logprobs: logprobs?.length, isOwn: !isKept };
    if (!this.run || !continues(this.run, next)) {
      this.endRun();
      this.run = { ...next, text: isKept ? kept : '', from: isKept ? from : 0, lengths: [] };
    }
    if (!isKept) this.run.text += text;
    this.run.lengths.push(text.length);
  }

  private hasLogprobs(index: number, part: number, logprobs: readonly unknown[]): boolean {
    const from = this.position.pass('l', index, part, logprobs.length);
    const kept = textPartIn(this.items[index], part)?.logprobs ?? [];
    return JSON.stringify(logprobs) === JSON.stringify(kept.slice(from, from + logprobs.length));
  }

  private endRun(): void {
    if (!this.run) return;
    const { type, index, part, logprobs, text, from, isOwn, lengths } = this.run;
    this.run = undefined;
    const entry = SIGNS[type] + this.placeOf(index, part, logprobs) + writeCadence(text, from, lengths);
    this.tape.push(isOwn ? [entry, text] : entry);
  }

  private placeOf(index: number, part: number, logprobs?: number): string {
    const { position } = this;
    const isSame = position.index === index && position.part === part;
    position.moveTo(index, part);
    if (logprobs !== undefined) return `${index}.${part}.${logprobs}:`;
    if (isSame) return '';
    return part === 0 ? `${index}:` : `${index}.${part}:`;
  }
}

function continues(run: Run, next: Omit<Run, 'text' | 'from' | 'lengths'>): boolean {
  return (
    run.index === next.index &&
    run.part === next.part &&
    run.type === next.type &&
    run.isOwn === next.isOwn &&
    run.logprobs === next.logprobs
  );
}

const ENTRY = /^([-+=>!ntxrsa])(?:(\d+)(?:\.(\d+))?(?:\.(\d+))?:)?(.*)$/;

/** Throws whatever comes of an entry that makes no sense. */
class Player {
  readonly deltas: Delta[] = [];
  private readonly position = new Position();
  private readonly items: (Item | undefined)[] = [];
  private readonly next: Item[][];

  constructor(private readonly outcome: Outcome) {
    this.next = choicesOf(outcome).map((items) => [...items]);
  }

  play(entry: Tape[number]): void {
    if (typeof entry === 'string') this.entry(entry);
    else if (Array.isArray(entry)) this.entry(...entry);
    else this.delta(entry);
  }

  private entry(entry: string, own?: string | Item): void {
    const { position, deltas, outcome } = this;
    if (entry[0] === '@') {
      const { provider, protocol } = outcome;
      deltas.push({ type: 'attempt', provider: provider!, protocol: protocol!, model: entry.slice(1) });
      return;
    }
    const [, sign, index, part, logprobs, rest] = ENTRY.exec(entry)!;
    if (index !== undefined) position.moveTo(Number(index), Number(part ?? 0));
    switch (sign) {
      case '>':
        deltas.push({ type: 'start', model: outcome.servedModel! });
        return;
      case '+':
      case '=':
        this.itemStart(sign, Number(rest), own as Item | undefined);
        return;
      case 'n':
        this.annotation();
        return;
      case '-':
        deltas.push({ type: 'item-end', index: position.index });
        return;
      case '!':
        deltas.push({ type: 'item-end', index: position.index, item: this.items[position.index]! });
        return;
      default:
        this.text(TYPES.get(sign!)!, rest!, logprobs, own as string | undefined);
    }
  }

  private itemStart(sign: string, choice: number, own?: Item): void {
    const index = this.items.length;
    const kept = this.next[choice]!.shift()!;
    const item = own ?? (sign === '=' ? kept : emptied(kept));
    this.items.push(kept);
    this.position.moveTo(index, 0);
    this.deltas.push({ type: 'item-start', index, item, ...(choice > 0 && { choice }) });
  }

  private annotation(): void {
    const { index, part } = this.position;
    const at = this.position.pass('n', index, part, 1);
    const { annotations } = textPartIn(this.items[index], part)!;
    if (at >= annotations.length) throw new RangeError('no annotations are left');
    this.deltas.push({ type: 'annotation', index, part, annotation: annotations[at] });
  }

  private text(type: TextDelta['type'], cadence: string, logprobs?: string, own?: string): void {
    const { position, deltas } = this;
    const { index, part } = position;
    const text = own ?? textIn(this.items[index], type, part)!;
    let at = own === undefined ? position.pass(SIGNS[type], index, part, 0) : 0;
    for (const length of readCadence(cadence, text, at)) {
      const delta = { type, index, part, text: text.slice(at, at + length) } as TextDelta;
      if (type === 'arguments-delta') delete (delta as { part?: number }).part;
      if (logprobs) (delta as DeltaOf<'text-delta'>).logprobs = this.logprobs(index, part, Number(logprobs));
      deltas.push(delta);
      position.pass(SIGNS[type], index, part, length);
      at += length;
    }
  }

  private logprobs(index: number, part: number, count: number): unknown[] {
    const from = this.position.pass('l', index, part, count);
    return (textPartIn(this.items[index], part)?.logprobs ?? []).slice(from, from + count);
  }

  private delta(delta: Delta): void {
    const { position } = this;
    if (delta.type === 'item-start') {
      if (delta.index !== this.items.length) throw new RangeError('an item out of order');
      this.items.push(undefined);
      position.moveTo(delta.index, 0);
    } else if (delta.type === 'annotation') {
      position.pass('n', delta.index, delta.part, 1);
    } else if ('text' in delta) {
      const part = 'part' in delta ? delta.part : 0;
      position.pass(SIGNS[delta.type], delta.index, part, delta.text.length);
      if ('logprobs' in delta) position.pass('l', delta.index, part, delta.logprobs?.length ?? 0);
    }
    this.deltas.push(delta);
  }
}
