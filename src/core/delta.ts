import type { ErrorCode } from './errors.ts';
import type { Item } from './items.ts';
import type { Usage } from './usage.ts';

/**
 * Why generation ended, in our words and in the provider's.
 * `unknown` means the provider gave a reason that we have no word for; `raw` says which.
 */
export interface Finish {
  unified: 'stop' | 'length' | 'tool_calls' | 'content_filter' | 'unknown';
  raw: string | null;
}

/**
 * One part of an answer: what every claw yields, streaming or not, and what is journaled.
 *
 * What holds:
 * - `attempt` comes before everything a claw says. A second one is a rescue: another call takes the answer
 *   over where the last one broke off, and goes on counting items where it stopped.
 * - `start` is the first of each claw, exactly once. `usage` may come several times; the last one of an
 *   attempt counts.
 * - `item-start` opens output item `index`; indexes begin at 0 and grow by one. Items may overlap
 *   (parallel tool calls), and every opened item is closed by `item-end` in a whole answer.
 * - `item-start.item` is a skeleton with empty content for kinds that stream (message, reasoning,
 *   function_call); other kinds may come whole.
 * - Text-like deltas append to part `part` of item `index`. A message's text parts and refusals share
 *   one numbering (its `content`); a reasoning item's `content` and `summary` are numbered apart.
 * - The folded deltas are the item. `item-end.item`, where given, is the authoritative whole item and
 *   replaces the folded one.
 * - `item-end.native` is what only this item's own provider needs to see again (a signature, an id);
 *   it is stored beside the item and handed back to the claw in `PromptItem.native`.
 * - `choice` is 0 unless the caller asked for several (`n`).
 * - `finish` comes once per choice. A failure is never a delta: the iterator throws a `Fault`.
 */
export type Delta =
  /**
   * Written by the turn path, never by a claw: who is called, by `model` at `provider`. A rescue says why the
   * last call was given up (`cause`) and which output items are void from now on (`discard`).
   */
  | {
      type: 'attempt';
      provider: string;
      protocol: string;
      model: string;
      cause?: ErrorCode;
      discard?: number[];
    }
  | { type: 'start'; model: string; id?: string }
  | { type: 'item-start'; index: number; item: Item; choice?: number }
  | { type: 'text-delta'; index: number; part: number; text: string; logprobs?: unknown[] }
  | { type: 'refusal-delta'; index: number; part: number; text: string }
  | { type: 'annotation'; index: number; part: number; annotation: unknown }
  | { type: 'reasoning-delta'; index: number; part: number; text: string }
  | { type: 'summary-delta'; index: number; part: number; text: string }
  /** A function call's arguments, or the input of a custom tool call. */
  | { type: 'arguments-delta'; index: number; text: string }
  | { type: 'item-end'; index: number; item?: Item; native?: unknown }
  /** Progress of a provider's hosted tool, in the Responses API's own event vocabulary. */
  | { type: 'progress'; index: number; event: string; data: Record<string, unknown> }
  | { type: 'usage'; usage: Usage }
  | { type: 'finish'; reason: Finish; choice?: number }
  /** Fields of the provider's envelope that have no canonical place; merged shallowly, kept as they came. */
  | { type: 'extra'; fields: Record<string, unknown> };
