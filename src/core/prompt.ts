import type { CacheLife } from './cache-life.ts';
import type { CacheMark, PartMark } from './cache-marks.ts';
import type { Item } from './items.ts';
import type { Settings } from './settings.ts';

/** The wire protocols that claws speak. A dialect of ours with the same name shares its vocabulary. */
export type ProtocolName = 'openai-chat' | 'openai-responses' | 'anthropic' | 'gemini' | 'local';

/** One item of a prompt, with the data that its own provider needs again. */
export interface PromptItem {
  item: Item;
  /**
   * The id by which clients know an item of the history. Present only if later items may name it (an approval
   * request, for example).
   */
  id?: string;
  /** The provider that generated the item; absent for what the caller wrote. */
  origin?: string;
  /** The wire protocol of `native`. */
  protocol?: string;
  /** The provider that answered the turn of this item; absent for new items. */
  answeredBy?: string;
  /**
   * The value of `item-end.native`. It is sent only to the provider named in `origin`. For the caller's
   * own items: message fields of `Prompt.dialect` that have no canonical form.
   */
  native?: unknown;
  /** The id that the provider named in `origin` gave to this call, where the item has another one. */
  callId?: string;
  /**
   * The message begins with so many parts that no later prompt has: excerpts of older turns. A prompt cache should end
   * before this item.
   */
  excerpts?: number;
  /** The request's cache marks on this item. A protocol that has none leaves them out. */
  marks?: readonly PartMark[];
}

/** Everything a claw needs to make one answer. Built by `context`; a claw uses nothing else. */
export interface Prompt {
  /** The model's name at the provider, without the provider's prefix. */
  model: string;
  /** Instructions that come before all items (the Responses API's `instructions`). */
  instructions?: string;
  items: PromptItem[];
  settings: Settings;
  /** All cache marks of the request: those on tools are only here. */
  marks?: readonly CacheMark[];
  /** Where the request has no marks, and the gateway sets them. Absent: `short`. */
  cacheLife?: CacheLife;
  /** The most tokens the model can generate, from the catalogue; for protocols that require a limit. */
  outputLimit?: number;
  /** Whether to ask the provider for a stream. The deltas have the same meaning either way. */
  stream: boolean;
  /**
   * The last item is the beginning of an answer: a message of the assistant that was cut after any character.
   * The model should write only what follows, and repeat none of it. A claw whose model continues such a message
   * by itself sends it as the last one; any other claw adds an instruction (`claws/continuation.ts`).
   */
  continues?: boolean;
  /** The protocol whose field names `extra` uses. */
  dialect: ProtocolName;
  /** Request fields that we do not know. A claw merges them into its request only when it speaks `dialect`. */
  extra: Record<string, unknown>;
}
