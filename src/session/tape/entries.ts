import type { Delta } from '../../core/delta.ts';
import type { Item } from '../../core/items.ts';
import type { DeltaOf, TextDelta } from './output-deltas.ts';

export type Progress = DeltaOf<'progress'>;

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
 * | `["p12", "…", delta]` | progress by its cadence, where it carries a text; the delta is what is the same in all |
 * | `-`, `!` | the item ends, as its deltas made it, or as the whole that is in the output |
 * | a delta | any other, as it was |
 *
 * An entry that is not about the item and the part of the one before says so: `t3:12b3`, `t3.1:12b3`; and it says
 * how many log probabilities each of its deltas has, where they have any: `t3.1.1:12b3`.
 */
export type Tape = (string | [entry: string, own: string | Item, like?: Progress] | Delta)[];

/** Whether an event may tell of a delta: the others are not on a tape. Played, it has the same number of deltas. */
export const isTold = ({ type }: Delta): boolean => type !== 'usage' && type !== 'finish' && type !== 'extra';

/** How each kind of text is written. */
export const SIGNS: Record<TextDelta['type'], string> = {
  'text-delta': 't',
  'refusal-delta': 'x',
  'reasoning-delta': 'r',
  'summary-delta': 's',
  'arguments-delta': 'a',
};
export const TYPES = new Map(Object.entries(SIGNS).map(([type, sign]) => [sign, type as TextDelta['type']]));

/** How much of a text, or of a list, has passed, be it in the output or not. */
interface Channel {
  sign: string;
  index: number;
  part: number;
  passed: number;
}

/** Where recorder and player are; both count alike. */
export class Position {
  /** The item and the part of the last entry. */
  index = 0;
  part = 0;
  private readonly channels = new Map<string, Channel>();
  private last: Channel | undefined;

  channel(sign: string, index: number, part: number): Channel {
    const { last } = this;
    // Mostly the same as before.
    if (last?.sign === sign && last.index === index && last.part === part) return last;
    const key = `${sign}${index}.${part}`;
    const channel = this.channels.get(key) ?? { sign, index, part, passed: 0 };
    this.channels.set(key, channel);
    this.last = channel;
    return channel;
  }

  /** Counts `more` of a channel; returns how much there was before. */
  pass(sign: string, index: number, part: number, more: number): number {
    const channel = this.channel(sign, index, part);
    channel.passed += more;
    return channel.passed - more;
  }

  moveTo(index: number, part: number): void {
    this.index = index;
    this.part = part;
  }
}
