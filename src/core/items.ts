/**
 * Items: the atoms of context, in the shape of the Open Responses specification
 * (schema `ItemField`). Every dialect is translated to and from these; kinds that we do not know are
 * kept and returned unchanged (`OtherItem`).
 */

/** The author of a message. */
export type Role = 'user' | 'assistant' | 'system' | 'developer';

/** `incomplete` marks an item that was cut short: by a limit, a cancel, or a crash. */
export type ItemStatus = 'in_progress' | 'completed' | 'incomplete';

/** Text that the caller wrote. */
export interface InputText {
  type: 'input_text';
  text: string;
}

/** Text that a model generated. `logprobs` is present only when the caller asked and the provider gave them. */
export interface OutputText {
  type: 'output_text';
  text: string;
  annotations: unknown[];
  logprobs?: unknown[];
}

/** The model's refusal to answer, in its own words. */
export interface Refusal {
  type: 'refusal';
  refusal: string;
}

/** `image_url` is an `https:` or `data:` URL; `file_id` names a file at the provider. */
export interface InputImage {
  type: 'input_image';
  image_url?: string | null;
  file_id?: string | null;
  detail?: string | null;
}

/** Exactly one of `file_data` (a `data:` URL or bare base64), `file_url` or `file_id` is expected. */
export interface InputFile {
  type: 'input_file';
  filename?: string | null;
  file_data?: string | null;
  file_url?: string | null;
  file_id?: string | null;
}

/** `format` is the provider's word for the encoding: `wav`, `mp3`. `data` is base64. */
export interface InputAudio {
  type: 'input_audio';
  input_audio: { data: string; format: string };
}

/**
 * Any `type` other than the literals in this file. At run time, the field holds the word of the caller or the
 * provider; this literal lets the compiler distinguish the members of the unions below.
 */
export type OtherType = '(any other)';

/** A part of a kind that this version does not interpret. Kept and returned unchanged. */
export interface OtherPart {
  type: OtherType;
  [field: string]: unknown;
}

/** One part of a message or of an output. */
export type Part = InputText | OutputText | Refusal | InputImage | InputFile | InputAudio | OtherPart;

/** What one role contributed at one point of the conversation: text, images, files. */
export interface Message {
  type: 'message';
  id?: string;
  role: Role;
  status?: ItemStatus;
  content: Part[];
}

/** `arguments` is JSON text exactly as the model wrote it; it may be invalid JSON. */
export interface FunctionCall {
  type: 'function_call';
  id?: string;
  call_id: string;
  name: string;
  /** The namespace of the function (`NamespaceTool`), where it has one. */
  namespace?: string;
  arguments: string;
  status?: ItemStatus;
}

/** What a function returned, or that it returned nothing. */
export interface FunctionCallOutput {
  type: 'function_call_output';
  id?: string;
  call_id: string;
  output: string | Part[];
  status?: ItemStatus;
}

/** One part of a reasoning summary. */
export interface SummaryText {
  type: 'summary_text';
  text: string;
}

/** One part of readable reasoning. */
export interface ReasoningText {
  type: 'reasoning_text';
  text: string;
}

/**
 * A model's reasoning. `encrypted_content` can be read only by the provider that made it and is
 * never sent to another one.
 */
export interface Reasoning {
  type: 'reasoning';
  id?: string;
  summary: SummaryText[];
  content?: ReasoningText[];
  encrypted_content?: string | null;
  status?: ItemStatus;
}

/** An item of a kind that this version does not interpret. Kept and returned unchanged. */
export interface OtherItem {
  type: OtherType;
  id?: string;
  [field: string]: unknown;
}

/** One entry of a conversation. */
export type Item = Message | FunctionCall | FunctionCallOutput | Reasoning | OtherItem;

/** The text of a message: its text parts joined; images, files and refusals are left out. */
export function messageText(message: Message): string {
  let text = '';
  for (const part of message.content) {
    if (part.type === 'input_text' || part.type === 'output_text') text += part.text;
  }
  return text;
}

/**
 * Whether an item is an `item_reference`. The stored item with its id replaces it when the request is accepted.
 */
export const isReference = ({ type }: { type: string }): boolean => type === 'item_reference';

/**
 * An item at its start, before any delta. Kinds without deltas start as the whole item. The order of the fields is
 * the same for every item of a kind: tapes compare items as text.
 */
export function emptied(item: Item): Item {
  switch (item.type) {
    case 'message': {
      const { type, id: _id, role, content: _content, status: _status, ...further } = item;
      return { type, role, content: [], ...further };
    }
    case 'reasoning': {
      const { type, id: _id, status: _status, summary: _summary, ...rest } = item;
      const { content: _content, encrypted_content: _sealed, ...further } = rest;
      return { type, summary: [], ...further };
    }
    case 'function_call': {
      const { type, id: _id, call_id, name, namespace, arguments: _text, status: _status, ...further } = item;
      const named = namespace === undefined ? { name } : { name, namespace };
      return { type, call_id, ...named, arguments: '', ...further };
    }
    default:
      return isCustomCall(item) ? { ...(item as OtherItem), input: '' } : item;
  }
}

/** Whether the item is a call of a custom tool: its input is one text, which may come in deltas. */
export const isCustomCall = ({ type }: Item): boolean => (type as string) === 'custom_tool_call';

/** The readable text of a reasoning item: its content, or its summary if it has no content. */
export function reasoningText({ content, summary }: Reasoning): string {
  return (content?.length ? content : summary).map(({ text }) => text).join('');
}

export function userMessage(text: string): Message {
  return { type: 'message', role: 'user', content: [{ type: 'input_text', text }] };
}

export const isInstruction = (item: Item): item is Message =>
  item.type === 'message' && (item.role === 'system' || item.role === 'developer');

/** The leading instructions of the items. */
export function leadingInstructions(items: readonly Item[]): Message[] {
  const end = items.findIndex((item) => !isInstruction(item));
  return items.slice(0, end === -1 ? items.length : end) as Message[];
}

/**
 * Further kinds that only a model makes, beside calls. The client answers an approval request with an approval
 * response.
 */
const FROM_MODEL = new Set(['reasoning', 'program', 'mcp_approval_request', 'mcp_list_tools']);

/**
 * True when the items are a client's full history: a model has spoken or called a tool in them. All others are new
 * input: outputs and approval responses (a full history also has the calls that they answer), a `compaction` that
 * replaces the earlier conversation, and unknown kinds.
 */
export const isFullHistory = (items: readonly Item[]): boolean => items.some(isOfModel);

/** Whether only a model makes such an item. */
export const isOfModel = (item: Item): boolean =>
  item.type === 'message'
    ? item.role === 'assistant'
    : /_(call|tool_use)$/.test(item.type) || FROM_MODEL.has(item.type);

/**
 * What makes two items the same for a reader: everything but ids, statuses and how a text is cut into parts. Only
 * fields that say something count: older clients leave out the others, where they do not know them. Digests of
 * stored branches are made of this text, so it must stay the same for the same item.
 */
export function contentOf(item: Item): string {
  switch (item.type) {
    case 'message':
      return JSON.stringify([item.role, messageText(item), item.content.filter(isNotText).map(partContent)]);
    case 'function_call':
      return JSON.stringify(['call', item.call_id, item.name, item.arguments]);
    case 'function_call_output':
      return JSON.stringify(['output', item.call_id, item.output]);
    default: {
      const { id: _, status: __, ...rest } = item as unknown as Record<string, unknown>;
      if (!KINDS.test(item.type)) return JSON.stringify(rest);
      return JSON.stringify(Object.fromEntries(Object.entries(rest).filter(([field]) => CONTENT.has(field))));
    }
  }
}

const isNotText = (part: Part): boolean => part.type !== 'input_text' && part.type !== 'output_text';

const partContent = (part: Part): Part =>
  part.type === 'refusal' ? { type: 'refusal', refusal: part.refusal } : part;

/** Further kinds of items in OpenAI's API description (`Item`). */
const KINDS =
  /^((custom_tool|computer|local_shell|shell|apply_patch)_call(_output)?|(web_search|file_search|tool_search|image_generation|code_interpreter|mcp)_call|program(_output)?|tool_search_output|mcp_(list_tools|approval_request|approval_response)|additional_tools|compaction)$/;

/** Kinds of the other APIs that have no canonical form, as their dialects keep them. */
const KINDS_ELSEWHERE =
  /^(gemini:(executableCode|codeExecutionResult|toolCall|toolResponse|inlineData|fileData)|(server|mcp)_tool_use|\w+_tool_result|container_upload)$/;

/** Whether the kind of an item is one of a known API. */
export const isKnownKind = ({ type }: Item): boolean =>
  type === 'message' ||
  type === 'reasoning' ||
  type === 'function_call' ||
  type === 'function_call_output' ||
  KINDS.test(type) ||
  KINDS_ELSEWHERE.test(type);

/** The fields of these kinds that hold content, at OpenAI and at xAI. */
const CONTENT = new Set(
  'type call_id role name input arguments output outputs result results action actions operation code fingerprint container_id queries tools server_label error approval_request_id approve reason encrypted_content environment max_output_length pending_safety_checks acknowledged_safety_checks'.split(
    ' ',
  ),
);
