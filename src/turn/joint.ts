import type { Delta } from '../core/delta.ts';
import type { Called } from '../core/fold.ts';
import type { Rescue } from './rescue.ts';
import { Seam } from './seam.ts';

type DeltaOf<Type extends Delta['type']> = Extract<Delta, { type: Type }>;

/** Where one of the claw's items goes in the whole answer. */
interface Destination {
  /** Absent while the item is not announced. */
  index?: number;
  /** Added to the claw's own numbers of parts. */
  part: number;
  /** The text that was cut is still its last part. */
  isCut?: boolean;
}

/**
 * Joins what a rescuing claw says to what was said before: its items are numbered on, its first message
 * continues the one that was cut, and what it repeats is left out.
 */
export class Joint {
  private readonly destinations: (Destination | undefined)[] = [];
  private open: Rescue['open'];
  /** Where the message goes that continues what was said, how it began, and how it is joined. */
  private continuation: Destination | undefined;
  private start: DeltaOf<'item-start'> | undefined;
  private seam: Seam | undefined;

  constructor(
    private readonly rescue: Rescue,
    /** The index of the next item that begins. */
    private next: number,
    /** Whether the claw's model goes on with the very next character (`Claw.prefills`). */
    private readonly exact: boolean,
  ) {
    this.open = rescue.open;
  }

  /** What comes before everything that the claw says. */
  opening(by: Called): Delta[] {
    const { close, discard, cause } = this.rescue;
    const closed = close.map((index): Delta => ({ type: 'item-end', index }));
    const attempt: Delta = { type: 'attempt', ...by, cause };
    if (discard.length > 0) attempt.discard = discard;
    return [...closed, attempt];
  }

  join(burst: readonly Delta[]): Delta[] {
    return burst.flatMap((delta) => this.joined(delta));
  }

  private joined(delta: Delta): Delta[] {
    if (delta.type === 'finish') return [...this.flush(), ...this.closeMessage(), delta];
    if (!('index' in delta)) return [delta];
    if (delta.type === 'item-start') return this.begin(delta);
    const destination = this.destinations[delta.index];
    if (!destination) return [];
    if ('part' in delta) notePart(delta, destination);
    const { index = this.next, part } = destination;
    const moved: Delta = { ...delta, index };
    if ('part' in moved) moved.part += part;
    return destination === this.continuation ? this.continueMessage(moved) : [moved];
  }

  private begin(delta: DeltaOf<'item-start'>): Delta[] {
    const { said } = this.rescue;
    const { type } = delta.item;
    // Thoughts on how to go on are not part of the answer.
    if (said !== '' && type === 'reasoning') return [];
    if (type === 'message' && !this.continuation && (said !== '' || this.open)) {
      this.continueAs(delta);
      return [];
    }
    this.destinations[delta.index] = { index: this.next, part: 0 };
    return [...this.closeMessage(), { ...delta, index: this.next++ }];
  }

  /** The message that was cut goes on as this one; where it had come to its end, this one follows it. */
  private continueAs(delta: DeltaOf<'item-start'>): void {
    const { said } = this.rescue;
    const { open } = this;
    this.continuation = open ? { ...open, isCut: said !== '' } : { part: 0 };
    this.start = delta;
    this.seam = said === '' ? undefined : new Seam(said, this.exact);
    this.destinations[delta.index] = this.continuation;
    this.open = undefined;
  }

  private continueMessage(delta: Delta): Delta[] {
    if (!this.seam) return [delta];
    if (delta.type === 'text-delta' && delta.part === this.continuation!.part) {
      return this.continueText(delta, this.seam);
    }
    const held = this.flush();
    // The claw's own whole item is only the end of this one.
    if (delta.type !== 'item-end') return [...held, ...this.announced([delta])];
    return this.continuation!.index === undefined
      ? held
      : [...held, { type: 'item-end', index: delta.index }];
  }

  private continueText(delta: DeltaOf<'text-delta'>, seam: Seam): Delta[] {
    const text = seam.push(delta.text);
    if (text === '') return [];
    if (text === delta.text) return this.announced([delta]);
    const { logprobs: _, ...rest } = delta;
    return this.announced([{ ...rest, text }]);
  }

  /** What was held back and is no repetition. */
  private flush(): Delta[] {
    const text = this.seam?.flush() ?? '';
    if (text === '') return [];
    const { index = this.next, part } = this.continuation!;
    return this.announced([{ type: 'text-delta', index, part, text }]);
  }

  /** A message that follows what was said is announced with its first content; there may be none. */
  private announced(content: Delta[]): Delta[] {
    if (this.continuation!.index !== undefined) return content;
    this.continuation!.index = this.next;
    return [{ ...this.start!, index: this.next++ }, ...content];
  }

  /** A message that nothing more belongs to. */
  private closeMessage(): Delta[] {
    if (!this.open) return [];
    const { index } = this.open;
    this.open = undefined;
    return [{ type: 'item-end', index }];
  }
}

/** Only text goes on with a text: a refusal is a part of its own. */
function notePart({ type }: Delta, destination: Destination): void {
  if (destination.isCut && type === 'refusal-delta') destination.part++;
  destination.isCut = false;
}
