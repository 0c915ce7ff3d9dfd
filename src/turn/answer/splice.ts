import type { Delta, DeltaOf } from '../../core/delta.ts';
import type { Called } from '../../core/fold.ts';
import { Overlap } from './overlap.ts';
import type { Rescue } from './rescue.ts';

/** Where an item of the claw is in the whole answer. */
interface Destination {
  /** Absent until the item is started in the whole answer. */
  index?: number;
  /** Added to the claw's part numbers. */
  part: number;
  /** The item's last part is still the text that was cut. */
  isCut?: boolean;
}

/**
 * Splices the deltas of a rescuing claw to the answer so far: its items get the next indexes, its first message
 * continues the message that was cut, and text that it repeats is removed.
 */
export class Splice {
  private readonly destinations: (Destination | undefined)[] = [];
  private open: Rescue['open'];
  /** Where the claw's first message goes, which continues the text so far. */
  private continuation: Destination | undefined;
  /** The start of this message. */
  private start: DeltaOf<'item-start'> | undefined;
  /** Absent where there is no text to continue. */
  private overlap: Overlap | undefined;

  constructor(
    private readonly rescue: Rescue,
    /** The index of the next item that starts. */
    private next: number,
    /** Whether the claw's model continues with the very next character (`Claw.prefills`). */
    private readonly exact: boolean,
  ) {
    this.open = rescue.open;
  }

  /** The deltas that precede everything from the claw. */
  opening(by: Called): Delta[] {
    const { close, discard, cause } = this.rescue;
    const closed = close.map((index): Delta => ({ type: 'item-end', index }));
    const attempt: Delta = { type: 'attempt', ...by, cause };
    if (discard.length > 0) attempt.discard = discard;
    return [...closed, attempt];
  }

  /** The claw's deltas as deltas of the whole answer. Throws `DifferentAnswer`. */
  join(burst: readonly Delta[]): Delta[] {
    return burst.flatMap((delta) => this.joined(delta));
  }

  private joined(delta: Delta): Delta[] {
    if (delta.type === 'finish') return [...this.flush(), ...this.closeMessage(), delta];
    if (!('index' in delta)) return [delta];
    if (delta.type === 'item-start') return this.startItem(delta);
    const destination = this.destinations[delta.index];
    if (!destination) return [];
    if ('part' in delta) notePart(delta, destination);
    const { index = this.next, part } = destination;
    const moved: Delta = { ...delta, index };
    if ('part' in moved) moved.part += part;
    return destination === this.continuation ? this.continueMessage(moved) : [moved];
  }

  private startItem(delta: DeltaOf<'item-start'>): Delta[] {
    const { text } = this.rescue;
    const { type } = delta.item;
    // The model reasons about how to continue: this is not part of the answer.
    if (text !== '' && type === 'reasoning') return [];
    if (type === 'message' && !this.continuation && (text !== '' || this.open)) {
      this.continueWith(delta);
      return [];
    }
    this.destinations[delta.index] = { index: this.next, part: 0 };
    return [...this.closeMessage(), { ...delta, index: this.next++ }];
  }

  /** The claw's message continues the open message. Where none is open, it follows as a message of its own. */
  private continueWith(delta: DeltaOf<'item-start'>): void {
    const { text } = this.rescue;
    const { open } = this;
    this.continuation = open ? { ...open, isCut: text !== '' } : { part: 0 };
    this.start = delta;
    this.overlap = text === '' ? undefined : new Overlap(text, this.exact);
    this.destinations[delta.index] = this.continuation;
    this.open = undefined;
  }

  private continueMessage(delta: Delta): Delta[] {
    if (!this.overlap) return [delta];
    if (delta.type === 'text-delta' && delta.part === this.continuation!.part) {
      return this.continueText(delta, this.overlap);
    }
    const held = this.flush();
    if (delta.type !== 'item-end') return [...held, ...this.afterStart([delta])];
    // The whole item in the claw's `item-end` is only the end of this message, so it is left out.
    return this.continuation!.index === undefined
      ? held
      : [...held, { type: 'item-end', index: delta.index }];
  }

  private continueText(delta: DeltaOf<'text-delta'>, overlap: Overlap): Delta[] {
    const text = overlap.push(delta.text);
    if (text === '') return [];
    if (text === delta.text) return this.afterStart([delta]);
    const { logprobs: _, ...rest } = delta;
    return this.afterStart([{ ...rest, text }]);
  }

  /** The text that was held back and is no repetition. */
  private flush(): Delta[] {
    const text = this.overlap?.flush() ?? '';
    if (text === '') return [];
    const { index = this.next, part } = this.continuation!;
    return this.afterStart([{ type: 'text-delta', index, part, text }]);
  }

  /** A message after the text so far starts with its first content, because it may turn out to have none. */
  private afterStart(content: Delta[]): Delta[] {
    if (this.continuation!.index !== undefined) return content;
    this.continuation!.index = this.next;
    return [{ ...this.start!, index: this.next++ }, ...content];
  }

  /** Ends the message that was cut, where the claw does not continue it. */
  private closeMessage(): Delta[] {
    if (!this.open) return [];
    const { index } = this.open;
    this.open = undefined;
    return [{ type: 'item-end', index }];
  }
}

/** Only text continues a text: a refusal is a part of its own. */
function notePart({ type }: Delta, destination: Destination): void {
  if (destination.isCut && type === 'refusal-delta') destination.part++;
  destination.isCut = false;
}
