import type { CacheMark, PartMark } from './cache-marks.ts';
import type { Item } from './items.ts';
import type { Settings } from './settings.ts';

/** The wire protocols that claws speak. A dialect of ours with the same name shares its vocabulary. */
export type ProtocolName = 'openai-chat' | 'openai-responses' | 'anthropic' | 'gemini' | 'local';

/** One item of a prompt with what its own provider needs to see again. */
export interface PromptItem {
  item: Item;
  /** The provider that generated the item; absent for what the caller wrote. */
  origin?: string;
  /** The wire protocol of `native`. */
  protocol?: string;
  /** The provider that answered the turn of this item; absent for what is new. */
  answeredBy?: string;
  /**
   * What the claw left in `item-end.native`. Handed back to the provider named in `origin` only. For
   * the caller's own items: message fields of `Prompt.dialect` that have no canonical place.
   */
  native?: unknown;
  /** The id that the provider named in `origin` gave to this call, where the item has another one. */
  callId?: string;
  /** The request's cache marks on this item. A protocol that has none leaves them out. */
  marks?: readonly PartMark[];
}

/** Everything a claw needs to make one answer. Built by `context`; a claw never looks further. */
export interface Prompt {
  /** The model's name at the provider, without the provider's prefix. */
  model: string;
  /** Instructions that stand before all items (the Responses API's `instructions`). */
  instructions?: string;
  items: PromptItem[];
  settings: Settings;
  /** All cache marks of the request: those on tools are only here. */
  marks?: readonly CacheMark[];
  /** The most tokens the model can generate, from the catalogue; for protocols that require a limit. */
  outputLimit?: number;
  /** Whether to ask the provider for a stream. The deltas have the same meaning either way. */
  stream: boolean;
  /**
   * The last item is the beginning of an answer, a message of the assistant that was cut off after any
   * character: the answer asked for is what follows it, without a word of it again. A claw whose model goes on
   * with an assistant's message by itself sends it last; any other adds an instruction (`claws/continuation.ts`).
   */
  continues?: boolean;
  /** The protocol whose vocabulary `extra` is in. */
  dialect: ProtocolName;
  /** Request fields that we do not know. A claw merges them into its request only when it speaks `dialect`. */
  extra: Record<string, unknown>;
}
