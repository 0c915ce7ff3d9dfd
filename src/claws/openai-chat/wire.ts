/**
 * The wire of chat completions: what is sent is typed; what comes back is `Json`, because thirty
 * servers fill it in thirty ways, and is checked where it is read.
 */

export type Json = Record<string, unknown>;

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value where it is a string with something in it. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export interface ChatTextPart {
  type: 'text';
  text: string;
  [field: string]: unknown;
}

export interface ChatImagePart {
  type: 'image_url';
  image_url: { url: string; detail?: string };
}

export interface ChatFilePart {
  type: 'file';
  file: { filename?: string; file_data?: string; file_id?: string };
}

export interface ChatAudioPart {
  type: 'input_audio';
  input_audio: { data: string; format: string };
}

/** Mistral's form of reasoning. */
export interface ChatThinkingPart {
  type: 'thinking';
  thinking: ChatTextPart[];
  [field: string]: unknown;
}

export type ChatPart =
  | ChatTextPart
  | ChatImagePart
  | ChatFilePart
  | ChatAudioPart
  | ChatThinkingPart
  | (Json & { type: string });

export type ChatToolCall =
  | { id: string; type: 'function'; function: { name: string; arguments: string }; [field: string]: unknown }
  | { id: string; type: 'custom'; custom: { name: string; input: string }; [field: string]: unknown };

export interface ChatAssistantMessage {
  role: 'assistant';
  content?: string | ChatPart[] | null;
  refusal?: string;
  tool_calls?: ChatToolCall[];
  [field: string]: unknown;
}

export interface ChatToolMessage {
  role: 'tool';
  tool_call_id: string;
  content: string;
  [field: string]: unknown;
}

export interface ChatInputMessage {
  role: 'system' | 'developer' | 'user';
  content: string | ChatPart[];
  [field: string]: unknown;
}

export type ChatMessage = ChatAssistantMessage | ChatToolMessage | ChatInputMessage;

export type ChatTool =
  | { type: 'function'; function: { name: string; description?: string; parameters: Json; strict?: boolean } }
  | (Json & { type: string });

/** How a server writes a model's reasoning; it is given back in the same form. */
export type ReasoningForm = 'reasoning_content' | 'reasoning' | 'thinking' | 'reasoning_details';

/** `item-end.native` of a reasoning item. */
export interface ReasoningNative {
  form: ReasoningForm;
  /**
   * OpenRouter's typed blocks (signatures, encrypted thoughts) without their text: the text of the n-th
   * text block is the item's n-th content part, of the n-th summary block its n-th summary part.
   */
  details?: Json[];
  /** Further fields of a thinking part. */
  fields?: Json;
}
