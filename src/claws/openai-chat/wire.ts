/**
 * The wire format of chat completions. Requests are typed. Answers are `Json`, because more than thirty
 * servers write them in different ways; each field is checked where it is read.
 */

/** A JSON object with fields that are not checked. */
export type Json = Record<string, unknown>;

/** The value if it is a string that is not empty. */
export const textOf = (v: unknown): string | undefined => (typeof v === 'string' && v !== '' ? v : undefined);

/** A text. Some servers add fields, such as cache marks. */
export interface ChatTextPart {
  type: 'text';
  text: string;
  [field: string]: unknown;
}

/** An image: an `https:` or `data:` URL. */
export interface ChatImagePart {
  type: 'image_url';
  image_url: { url: string; detail?: string };
}

/** A file: its content as a `data:` URL, or its id at the provider. */
export interface ChatFilePart {
  type: 'file';
  file: { filename?: string; file_data?: string; file_id?: string };
}

/** A recording in base64; `format` is the encoding, such as `wav`. */
export interface ChatAudioPart {
  type: 'input_audio';
  input_audio: { data: string; format: string };
}

/** Reasoning as Mistral writes it. */
export interface ChatThinkingPart {
  type: 'thinking';
  thinking: ChatTextPart[];
  [field: string]: unknown;
}

/** One part of a message. */
export type ChatPart =
  | ChatTextPart
  | ChatImagePart
  | ChatFilePart
  | ChatAudioPart
  | ChatThinkingPart
  | (Json & { type: string });

/** A call of a tool, complete. `arguments` and `input` are texts. */
export type ChatToolCall =
  | { id: string; type: 'function'; function: { name: string; arguments: string }; [field: string]: unknown }
  | { id: string; type: 'custom'; custom: { name: string; input: string }; [field: string]: unknown };

/** What the model said and called. */
export interface ChatAssistantMessage {
  role: 'assistant';
  content?: string | ChatPart[] | null;
  refusal?: string;
  tool_calls?: ChatToolCall[];
  [field: string]: unknown;
}

/** The output of a call. */
export interface ChatToolMessage {
  role: 'tool';
  tool_call_id: string;
  content: string;
  [field: string]: unknown;
}

/** What the caller said. */
export interface ChatInputMessage {
  role: 'system' | 'developer' | 'user';
  content: string | ChatPart[];
  [field: string]: unknown;
}

/** One message of a conversation. */
export type ChatMessage = ChatAssistantMessage | ChatToolMessage | ChatInputMessage;

/** A tool that the model may call. */
export type ChatTool =
  | { type: 'function'; function: { name: string; description?: string; parameters: Json; strict?: boolean } }
  | (Json & { type: string });

/** How a server writes a model's reasoning. It is sent back in the same form. */
export type ReasoningForm = 'reasoning_content' | 'reasoning' | 'thinking' | 'reasoning_details';

/** `item-end.native` of a reasoning item. */
export interface ReasoningNative {
  form: ReasoningForm;
  /**
   * OpenRouter's typed blocks (signatures, encrypted reasoning) without their text. The text of the n-th
   * text block is the item's n-th content part, that of the n-th summary block its n-th summary part.
   */
  details?: Json[];
  /** Further fields of a thinking part. */
  fields?: Json;
}

/** How a provider's chat completions differ, beside its `Quirks`. */
export interface Facts {
  /**
   * The provider accepts hints that do not change the answer (`prompt_cache_key`, `safety_identifier`) and
   * OpenAI's own structures (`refusal`, `allowed_tools`). Groq, Cerebras and Mistral refuse requests with them.
   */
  openai: boolean;
  /**
   * The provider accepts cache marks, or ignores fields that it does not know. OpenAI, Groq, Cerebras and Mistral
   * refuse requests with them.
   */
  cacheMarks: boolean;
  /** Ids of tool calls must be nine letters or digits. */
  nineCharacterIds: boolean;
  /**
   * The provider refuses an assistant message with tool calls and no `reasoning_content`. An empty one is
   * enough.
   */
  reasoningWithCalls: boolean;
  seedField: 'seed' | 'random_seed';
  /** Where the provider takes reasoning that a caller sends back. Absent where it takes none. */
  reasoningForm?: ReasoningForm;
}
