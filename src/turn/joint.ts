import type { Delta } from '../core/delta.ts';
import type { Called } from '../core/fold.ts';
import type { Rescue } from './rescue.ts';
import { Seam } from './seam.ts';

type DeltaOf<Type extends Delta['type']> = Extract<Delta, { type: Type }>;

/** Where one of the claw's items goes in the whole answer. */
interface Destination {
  index: number;
  /** Added to the claw's own numbers of parts. */
  part: number;
  /** For the message that continues what was said. */
  seam?: Seam;
}

/**
 * Joins what a rescuing claw says to what was said before: its items are numbered on, its first message
 * continues the one that was cut, and what it repeats is left out.
 */
export class Joint {
  private readonly destinations: (Destination | undefined)[] = [];
  private continued = false;
  private open: Rescue['open'];

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
    if (delta.type === 'finish') return [...this.closeMessage(), delta];
    if (!('index' in delta)) return [delta];
    if (delta.type === 'item-start') return this.begin(delta);
    const destination = this.destinations[delta.index];
    if (!destination) return [];
    const { index, part, seam } = destination;
    const moved: Delta = { ...delta, index };
    if ('part' in moved) moved.part += part;
    return seam ? this.continueMessage(moved, destination, seam) : [moved];
  }

  private begin(delta: DeltaOf<'item-start'>): Delta[] {
    const continues = this.rescue.said !== '';
    // Thoughts on how to go on are not part of the answer.
    if (continues && delta.item.type === 'reasoning') return [];
    if (!continues || this.continued || delta.item.type !== 'message') {
      this.destinations[delta.index] = { index: this.next, part: 0 };
      return [...this.closeMessage(), { ...delta, index: this.next++ }];
    }
    this.continued = true;
    const seam = new Seam(this.rescue.said, this.exact);
    const { open } = this;
    this.destinations[delta.index] = { index: open?.index ?? this.next, part: open?.part ?? 0, seam };
    if (!open) return [{ ...delta, index: this.next++ }];
    this.open = undefined;
    return [];
  }

  private continueMessage(delta: Delta, destination: Destination, seam: Seam): Delta[] {
    if (delta.type === 'text-delta') {
      const text = seam.push(delta.text);
      if (text === delta.text) return [delta];
      const { logprobs: _, ...rest } = delta;
      return text === '' ? [] : [{ ...rest, text }];
    }
    const { index, part } = destination;
    const held = seam.flush();
    const rest: Delta[] = held === '' ? [] : [{ type: 'text-delta', index, part, text: held }];
    // The claw's own whole item is only the end of this one.
    return [...rest, delta.type === 'item-end' ? { type: 'item-end', index } : delta];
  }

  /** A message that nothing more belongs to. */
  private closeMessage(): Delta[] {
    if (!this.open) return [];
    const { index } = this.open;
    this.open = undefined;
    return [{ type: 'item-end', index }];
  }
}
