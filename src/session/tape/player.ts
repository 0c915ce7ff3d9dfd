import type { Delta } from '../../core/delta.ts';
import type { Item } from '../../core/items.ts';
import type { Outcome } from '../../core/turn.ts';
import { readCadence } from './cadence.ts';
import { Position, type Progress, SIGNS, type Tape, TYPES } from './entries.ts';
import { choicesOf, type DeltaOf, emptied, type TextDelta, textIn, textPartIn } from './output-deltas.ts';

const ENTRY = /^([-+=>!ntxrsap])(?:(\d+)(?:\.(\d+))?(?:\.(\d+))?:)?(.*)$/;

/** Throws whatever comes of an entry that makes no sense. */
export class Player {
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

  private entry(entry: string, own?: string | Item, like?: Progress): void {
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
      case 'p':
        this.progress(rest!, own as string, like!);
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

  private progress(cadence: string, text: string, like: Progress): void {
    let at = 0;
    for (const length of readCadence(cadence, text, 0)) {
      this.deltas.push({ ...like, data: { ...like.data, delta: text.slice(at, at + length) } });
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
