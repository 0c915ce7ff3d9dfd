import type { Delta, DeltaOf, TextDelta } from '../../core/delta.ts';
import { emptied, type Item } from '../../core/items.ts';
import type { Outcome } from '../../core/outcome.ts';
import {
  choicesOf,
  type Progress,
  readBoundaries,
  SIGNS,
  type Tape,
  TapePosition,
  TYPES,
  textIn,
  textPartIn,
} from './format.ts';

const ENTRY = /^([-+=>!ntxrsapu])(?:(\d+)(?:\.(\d+))?(?:\.(\d+))?:)?(.*)$/;

/** Turns the entries of a tape back into deltas. Throws an error of any kind for an entry that does not fit. */
export class Player {
  readonly deltas: Delta[] = [];
  private readonly position = new TapePosition();
  /** Output items by the deltas' index; `undefined` for items that the output does not have. */
  private readonly items: (Item | undefined)[] = [];
  /** By choice: the output items that have not started yet. */
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
      const { provider, protocol, instance } = outcome.answeredBy!;
      const attempt: Delta = { type: 'attempt', provider, protocol, model: entry.slice(1) };
      if (instance !== undefined) attempt.instance = instance;
      deltas.push(attempt);
      return;
    }
    const [, sign, index, part, logprobs, rest] = ENTRY.exec(entry)!;
    if (index !== undefined) position.moveTo(Number(index), Number(part ?? 0));
    switch (sign) {
      case '>':
        deltas.push({ type: 'start', model: outcome.answeredBy!.model });
        return;
      case '+':
      case '=':
        this.itemStart(sign, Number(rest), own as Item | undefined);
        return;
      case 'n':
        this.annotation();
        return;
      case 'u': {
        const { usage } = this.outcome;
        const raw = firstUsage(usage!.raw as Record<string, unknown>, entry.slice(1));
        deltas.push({ type: 'usage', usage: { ...usage!, raw }, isFirst: true });
        return;
      }
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
    const stored = this.next[choice]!.shift()!;
    const item = own ?? (sign === '=' ? stored : emptied(stored));
    this.items.push(stored);
    this.position.moveTo(index, 0);
    this.deltas.push({ type: 'item-start', index, item, ...(choice > 0 && { choice }) });
  }

  private annotation(): void {
    const { index, part } = this.position;
    const position = this.position.advance('n', index, part, 1);
    const { annotations } = textPartIn(this.items[index], part)!;
    if (position >= annotations.length) throw new RangeError('no annotations are left');
    this.deltas.push({ type: 'annotation', index, part, annotation: annotations[position] });
  }

  private text(type: TextDelta['type'], boundaries: string, logprobs?: string, own?: string): void {
    const { position, deltas } = this;
    const { index, part } = position;
    const text = own ?? textIn(this.items[index], type, part)!;
    let start = own === undefined ? position.advance(SIGNS[type], index, part, 0) : 0;
    for (const length of readBoundaries(boundaries, text, start)) {
      const delta = { type, index, part, text: text.slice(start, start + length) } as TextDelta;
      if (type === 'arguments-delta') delete (delta as { part?: number }).part;
      if (logprobs) (delta as DeltaOf<'text-delta'>).logprobs = this.logprobs(index, part, Number(logprobs));
      deltas.push(delta);
      position.advance(SIGNS[type], index, part, length);
      start += length;
    }
  }

  private progress(boundaries: string, text: string, like: Progress): void {
    let start = 0;
    for (const length of readBoundaries(boundaries, text, 0)) {
      this.deltas.push({ ...like, data: { ...like.data, delta: text.slice(start, start + length) } });
      start += length;
    }
  }

  private logprobs(index: number, part: number, count: number): unknown[] {
    const start = this.position.advance('l', index, part, count);
    return (textPartIn(this.items[index], part)?.logprobs ?? []).slice(start, start + count);
  }

  private delta(delta: Delta): void {
    const { position } = this;
    if (delta.type === 'item-start') {
      if (delta.index !== this.items.length) throw new RangeError('an item out of order');
      this.items.push(undefined);
      position.moveTo(delta.index, 0);
    } else if (delta.type === 'annotation') {
      position.advance('n', delta.index, delta.part, 1);
    } else if ('text' in delta) {
      const part = 'part' in delta ? delta.part : 0;
      position.advance(SIGNS[delta.type], delta.index, part, delta.text.length);
      if ('logprobs' in delta) position.advance('l', delta.index, part, delta.logprobs?.length ?? 0);
    }
    this.deltas.push(delta);
  }
}

/** The provider's first report of its usage, by its last one. `text` is the rest of the entry. */
export function firstUsage(last: Record<string, unknown>, text: string): Record<string, unknown> {
  const [changed, missing] = JSON.parse(text) as [Record<string, unknown>, string[]];
  const raw = { ...last, ...changed };
  for (const field of missing) delete raw[field];
  return raw;
}
