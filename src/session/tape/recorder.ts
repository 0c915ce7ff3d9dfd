import type { Delta } from '../../core/delta.ts';
import type { Item } from '../../core/items.ts';
import type { Outcome } from '../../core/turn.ts';
import { writeCadence } from './cadence.ts';
import { isTold, Position, type Progress, SIGNS, type Tape } from './entries.ts';
import { type DeltaOf, emptied, type TextDelta, textIn, textPartIn } from './output-deltas.ts';

/** Deltas that follow each other and differ in their text alone. */
interface Run {
  /** What they have in common: their channel, or what is the same in all. */
  of: unknown;
  logprobs?: number;
  /** The beginning of the entry; it depends on the entry before. */
  head: string;
  /** What they are cut from: the text in the output, or their own. */
  text: string;
  from: number;
  lengths: number[];
  own?: { like?: Progress };
}

export class Recorder {
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
    if (!isTold(delta)) return;
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
    const isKept = kept !== undefined && JSON.stringify(annotation) === JSON.stringify(kept);
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
    const channel = this.position.channel(SIGNS[type], index, part);
    const from = channel.passed;
    channel.passed += text.length;
    const given = type === 'text-delta' ? delta.logprobs : undefined;
    if (given && !this.hasLogprobs(index, part, given)) {
      this.endRun();
      this.tape.push(delta);
      return;
    }
    const logprobs = given?.length;
    const kept = textIn(this.items[index], type, part);
    const isKept = kept !== undefined && from + text.length <= kept.length && kept.startsWith(text, from);
    const { run } = this;
    if (run?.of !== channel || run.logprobs !== logprobs || !run.own !== isKept) {
      this.endRun();
      const head = SIGNS[type] + this.placeOf(index, part, logprobs);
      const cut = isKept ? { text: kept, from } : { text: '', from: 0, own: {} };
      this.run = { of: channel, logprobs, head, lengths: [], ...cut };
    }
    this.grow(text);
  }

  private grow(text: string): void {
    const run = this.run!;
    run.lengths.push(text.length);
    if (run.own) run.text += text;
  }

  /** Hosted tools write too, mostly what their item will hold in a place of its own. */
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
      this.run = { of, head: 'p', lengths: [], text: '', from: 0, own: { like } };
    }
    this.grow(text);
  }

  private hasLogprobs(index: number, part: number, logprobs: readonly unknown[]): boolean {
    const from = this.position.pass('l', index, part, logprobs.length);
    const kept = textPartIn(this.items[index], part)?.logprobs ?? [];
    return JSON.stringify(logprobs) === JSON.stringify(kept.slice(from, from + logprobs.length));
  }

  private endRun(): void {
    if (!this.run) return;
    const { head, text, from, lengths, own } = this.run;
    this.run = undefined;
    const entry = head + writeCadence(text, from, lengths);
    if (!own) this.tape.push(entry);
    else this.tape.push(own.like ? [entry, text, own.like] : [entry, text]);
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

/** What events show of an item, but for its id; a message that says nothing of its status is shown as completed. */
export const shown = (item: Item): string =>
  JSON.stringify(
    item.type === 'message' ? { ...item, id: '', status: item.status ?? 'completed' } : { ...item, id: '' },
  );
