import type { ErrorCode } from './error-catalogue.ts';
import type { Item } from './items.ts';
import type { Usage } from './usage.ts';

/**
 * Why generation ended: `unified` in our words, `raw` in the provider's. `unknown` means that the provider
 * gave another reason.
 */
export interface Finish {
  unified: 'stop' | 'length' | 'tool_calls' | 'content_filter' | 'unknown';
  raw: string | null;
}

/**
 * One part of an answer. Every claw yields deltas, for streamed answers and for whole ones. Deltas are what is
 * journaled.
 *
 * What holds:
 * - `attempt` precedes all deltas of a claw. A second `attempt` is a rescue: another call continues the answer
 *   where the last one broke off. Item indexes continue too.
 * - `start` is the first delta of each claw, exactly once. `usage` may come several times; the last one of an
 *   attempt counts.
 * - `item-start` opens output item `index`. Indexes begin at 0 and grow by one. Items may overlap (parallel
 *   tool calls). In a whole answer, every opened item is closed by `item-end`.
 * - `item-start.item` has empty content for kinds that stream (message, reasoning, function_call). An item of
 *   another kind may be complete at its start.
 * - Texts are well-formed Unicode, each delta alone: no surrogate stands alone, and no pair is cut.
 * - Items hold no id of the provider: it is a part of `item-end.native`.
 * - Deltas of text append to part `part` of item `index`. A message's text parts and refusals are numbered
 *   together (its `content`). Of a reasoning item, `content` and `summary` are numbered separately.
 * - The folded deltas are the item. `item-end.item`, where present, is the whole item and replaces the folded
 *   one.
 * - `item-end.native` is what only this item's own provider needs again (a signature, an id). It is stored
 *   beside the item, and the claw gets it back in `PromptItem.native`.
 * - `usage.isFirst` marks what a stream reports before it generates anything, in an API that does so.
 * - `item-start.native` is what is known of it when a call starts. The one of the end counts.
 * - `item-end.callId` is the id that the provider gave to a call whose `call_id` an earlier call of the session has.
 *   The turn path writes it, never a claw.
 * - `choice` is 0 unless the caller asked for several choices (`n`).
 * - `finish` comes once per choice. A failure is never a delta: the iterator throws a `Fault`.
 */
export type Delta =
  /**
   * A call to a claw: `model` is the model's name at `provider`. The turn path writes it, never a claw. A
   * rescue says why the last call ended early (`cause`), and which output items are void from now on
   * (`discard`). An attempt whose call was hedged has the cause `hedge_lost` after it: another call was faster.
   */
  | {
      type: 'attempt';
      provider: string;
      protocol: string;
      model: string;
      instance?: string;
      cause?: ErrorCode;
      discard?: number[];
    }
  | { type: 'start'; model: string; id?: string }
  | { type: 'item-start'; index: number; item: Item; choice?: number; native?: unknown }
  | { type: 'text-delta'; index: number; part: number; text: string; logprobs?: unknown[] }
  | { type: 'refusal-delta'; index: number; part: number; text: string }
  | { type: 'annotation'; index: number; part: number; annotation: unknown }
  | { type: 'reasoning-delta'; index: number; part: number; text: string }
  | { type: 'summary-delta'; index: number; part: number; text: string }
  /** A function call's arguments, or the input of a custom tool call. */
  | { type: 'arguments-delta'; index: number; text: string }
  | { type: 'item-end'; index: number; item?: Item; native?: unknown; callId?: string }
  /** Progress of a provider's hosted tool: `event` and `data` of an event of the Responses API. */
  | { type: 'progress'; index: number; event: string; data: Record<string, unknown> }
  | { type: 'usage'; usage: Usage; isFirst?: true }
  | { type: 'finish'; reason: Finish; choice?: number }
  /** Fields of the provider's envelope that have no canonical form. Merged shallowly, otherwise unchanged. */
  | { type: 'extra'; fields: Record<string, unknown> };

/** A delta of one type. */
export type DeltaOf<Type extends Delta['type']> = Extract<Delta, { type: Type }>;

/** The type of reasoning deltas: as the protocol writes them, or a summary, if the request asks for one. */
export type ReasoningDeltaType = 'reasoning-delta' | 'summary-delta';

/** A delta that appends to a text. */
export type TextDelta = DeltaOf<Extract<Delta['type'], `${string}-delta`>>;
