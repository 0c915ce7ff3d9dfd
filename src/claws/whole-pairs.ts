import type { Delta, DeltaOf, TextDelta } from '../core/delta.ts';
import { isWellFormed, wellFormed } from '../core/well-formed.ts';

/**
 * Keeps surrogate pairs whole in the deltas of one claw. A provider may cut a text inside a pair, and a reader
 * that decodes each event on its own would lose both halves. The first half is held back until the text
 * continues. A half that stays alone becomes U+FFFD.
 */
export class WholePairs {
  /** By item, the end of its text that is held back: one half, with its log probabilities. */
  private readonly held = new Map<number, TextDelta>();

  push(burst: readonly Delta[]): readonly Delta[] {
    const isPlain = this.held.size === 0 && burst.every(isWellFormed);
    return isPlain ? burst : burst.flatMap((delta) => this.pushOne(delta));
  }

  private pushOne(delta: Delta): Delta[] {
    if (isText(delta)) return this.pushText(delta);
    const held = delta.type === 'item-end' ? this.take(delta.index) : [];
    return [...held, wellFormed(delta)];
  }

  private pushText(delta: TextDelta): Delta[] {
    const held = this.held.get(delta.index);
    const isContinued = held !== undefined && channelOf(held) === channelOf(delta);
    const before = held && !isContinued ? this.take(delta.index) : [];
    if (isContinued) this.held.delete(delta.index);
    const whole = isContinued ? joined(held, delta) : delta;
    const { text } = whole;
    if (!/[\ud800-\udbff]$/.test(text)) return [...before, wellFormed(whole)];
    const rest = text.slice(0, -1);
    if (rest === '') this.held.set(delta.index, whole);
    else this.held.set(delta.index, { ...withoutLogprobs(whole), text: text.slice(-1) });
    return rest === '' ? before : [...before, wellFormed({ ...whole, text: rest })];
  }

  private take(index: number): Delta[] {
    const held = this.held.get(index);
    this.held.delete(index);
    return held ? [wellFormed(held)] : [];
  }
}

const isText = (delta: Delta): delta is TextDelta => delta.type.endsWith('-delta');

const channelOf = (delta: TextDelta): string => `${delta.type} ${'part' in delta ? delta.part : ''}`;

function joined(held: TextDelta, delta: TextDelta): TextDelta {
  const text = held.text + delta.text;
  if (held.type !== 'text-delta' || delta.type !== 'text-delta' || !held.logprobs) return { ...delta, text };
  return { ...delta, text, logprobs: [...held.logprobs, ...(delta.logprobs ?? [])] };
}

function withoutLogprobs(delta: TextDelta): TextDelta {
  const { logprobs: _, ...rest } = delta as DeltaOf<'text-delta'>;
  return rest;
}
