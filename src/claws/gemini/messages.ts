import { argumentsOf } from '../../core/call-arguments.ts';
import { about, Fault } from '../../core/errors.ts';
import { generatedImageUrl } from '../../core/generated-images.ts';
import {
  type FunctionCall,
  type FunctionCallOutput,
  type Message,
  messageText,
  type OtherItem,
  type Part,
  type Reasoning,
  reasoningText,
} from '../../core/items.ts';
import { isObject } from '../../core/json.ts';
import type { Prompt, PromptItem } from '../../core/prompt.ts';
import { urlPart, wirePartOf } from './content-parts.ts';
import { generationOf } from './model.ts';
import { type Carried, carriedBy, partsOf } from './native.ts';
import { type Content, PART_ITEM, present, type WirePart } from './wire.ts';

/** The provider's id, and the URL under which it stores files. */
export interface Target {
  provider: string;
  filesUrl: string;
}

/** A call that is written already. Its output follows later. */
interface WrittenCall {
  name: string;
  content: Content;
  /** How many parts that content had after the call. It gives the order of the calls. */
  at: number;
  /** Whether Gemini itself gave the call its id. */
  givenId: boolean;
}

/** The outputs of the calls of one content, in the order of the calls. */
interface Outputs {
  content: Content;
  /** The `at` of each answered call, one for each `functionResponse` part. */
  order: number[];
}

/** The contents that are written so far. */
export interface Draft extends Target {
  generation: number;
  /** The caller speaks this API: the natives of its own items are fields of their parts. */
  isOwnVocabulary: boolean;
  system: WirePart[];
  contents: Content[];
  /** By call id. The newest call of an id counts: some callers number their calls from one in each turn. */
  calls: Map<string, WrittenCall>;
  /** By the content that holds the calls. */
  outputs: Map<Content, Outputs>;
  /** What the last reasoning item carries for the item after it. */
  carried?: Carried;
  /** The last item, if it is a text of the model without a native. */
  bareText?: { content: Content; at: number; length: number; text: string };
}

function emptyDraft(target: Target, { model, dialect }: Prompt): Draft {
  const isOwnVocabulary = dialect === 'gemini';
  return {
    ...target,
    generation: generationOf(model),
    isOwnVocabulary,
    system: [],
    contents: [],
    calls: new Map(),
    outputs: new Map(),
  };
}

/**
 * Neighbours of one role share a content. Outputs have one of their own: Gemini compares their number with
 * the calls'.
 */
function contentFor(draft: Draft, role: Content['role']): Content {
  const last = draft.contents[draft.contents.length - 1];
  if (last?.role === role && last.parts[0]?.functionResponse === undefined) return last;
  const content: Content = { role, parts: [] };
  draft.contents.push(content);
  return content;
}

function append(draft: Draft, role: Content['role'], parts: WirePart[]): void {
  if (parts.length > 0) contentFor(draft, role).parts.push(...parts);
}

function contentParts(draft: Draft, parts: Part[]): WirePart[] {
  return parts
    .map((part) => about(part, () => wirePartOf(part, draft.filesUrl)))
    .filter((part) => part !== undefined);
}

/**
 * The `native` of an item. Only the provider that wrote the item may see it. That of the caller's own item is in the
 * form of the caller's API.
 */
function nativeFor(draft: Draft, { origin, native }: PromptItem): unknown {
  return (origin === undefined ? draft.isOwnVocabulary : origin === draft.provider) ? native : undefined;
}

/** The prompt's instructions and items in Gemini's shape. */
export function draftOf(prompt: Prompt, target: Target): Draft {
  const draft = emptyDraft(target, prompt);
  if (prompt.instructions) draft.system.push({ text: prompt.instructions });
  for (const entry of prompt.items) {
    const write = WRITERS.get(entry.item.type) ?? writeOther;
    write(draft, entry);
    if (entry.item.type !== 'reasoning') draft.carried = undefined;
    if (entry.item.type !== 'message' && entry.item.type !== 'reasoning') draft.bareText = undefined;
  }
  beginWithUser(draft);
  return draft;
}

/**
 * Gemini accepts a call only after a user content. A history may begin with a call, for example after it was
 * cut.
 */
function beginWithUser({ contents }: Draft): void {
  const [first] = contents;
  if (first?.role === 'model' && first.parts.some((part) => part.functionCall !== undefined))
    contents.unshift({ role: 'user', parts: [{ text: 'Begin.' }] });
}

type Write = (draft: Draft, entry: PromptItem) => void;

const WRITERS: ReadonlyMap<string, Write> = new Map<string, Write>([
  ['image_generation_call', writeImage],
  ['message', writeMessage],
  ['reasoning', writeReasoning],
  ['function_call', writeCall],
  ['function_call_output', writeCallOutput],
]);

function writeMessage(draft: Draft, entry: PromptItem): void {
  const message = entry.item as Message;
  if (message.role === 'system' || message.role === 'developer') {
    writeInstructions(draft, message);
    return;
  }
  const native = nativeFor(draft, entry);
  if (native !== undefined && message.role === 'assistant') {
    append(draft, 'model', partsOf(messageText(message), native, {}));
    append(draft, 'model', contentParts(draft, message.content.filter(isRefusal)));
    return;
  }
  draft.bareText = undefined;
  if (message.role === 'assistant') writeBareText(draft, message);
  else append(draft, 'user', contentParts(draft, message.content).map(withFields(native)));
}

/** Puts the fields beside the content of a part back on it; see `nativeOfUser` in the dialect. */
function withFields(native: unknown): (part: WirePart, index: number) => WirePart {
  const beside = isObject(native) && isObject(native.beside) ? native.beside : undefined;
  return (part, index) => {
    const fields = beside?.[index];
    if (!isObject(fields)) return part;
    const { fileData, inlineData, ...further } = fields;
    const inside: WirePart = {};
    if (isObject(fileData) && part.fileData) inside.fileData = { ...part.fileData, ...fileData };
    if (isObject(inlineData) && part.inlineData) inside.inlineData = { ...part.inlineData, ...inlineData };
    return { ...part, ...further, ...inside };
  };
}

/**
 * Writes a text of the model that a client sent back. Its signature is in the reasoning item before or after
 * it.
 */
function writeBareText(draft: Draft, message: Message): void {
  const { carried } = draft;
  const text = messageText(message);
  if (carried && 'text' in carried) {
    append(draft, 'model', partsOf(text, carried.text, {}));
    return;
  }
  const parts = contentParts(draft, message.content);
  if (parts.length === 0) return;
  const content = contentFor(draft, 'model');
  draft.bareText = { content, at: content.parts.length, length: parts.length, text };
  content.parts.push(...parts);
}

function carryText(draft: Draft, carried: Carried & { text: unknown }): void {
  const { bareText } = draft;
  if (!bareText) draft.carried = carried;
  else
    bareText.content.parts.splice(bareText.at, bareText.length, ...partsOf(bareText.text, carried.text, {}));
  draft.bareText = undefined;
}

const isRefusal = ({ type }: Part): boolean => type === 'refusal';

/** Gemini takes instructions only before the conversation, as text. Later ones become marked user text. */
function writeInstructions(draft: Draft, message: Message): void {
  const parts = contentParts(draft, message.content);
  if (draft.contents.length === 0 && parts.every((part) => part.text !== undefined)) {
    draft.system.push(...parts);
    return;
  }
  const mark = (text: string): string => `<instructions>\n${text}\n</instructions>`;
  append(
    draft,
    'user',
    parts.map((part) => (part.text === undefined ? part : { text: mark(part.text) })),
  );
}

function writeReasoning(draft: Draft, entry: PromptItem): void {
  const own = nativeFor(draft, entry);
  if (own === undefined && entry.origin !== draft.provider) return;
  const [native, carried] = carriedBy(own);
  append(draft, 'model', partsOf(reasoningText(entry.item as Reasoning), native, { thought: true }));
  if (!carried) return;
  if ('text' in carried) carryText(draft, carried);
  else draft.carried = carried;
}

/**
 * The documented signature for calls that Gemini did not write. From its third generation on, Gemini refuses
 * a step whose first call has no signature (https://ai.google.dev/gemini-api/docs/thought-signatures).
 */
const FOREIGN_SIGNATURE = 'skip_thought_signature_validator';

function writeCall(draft: Draft, entry: PromptItem): void {
  const call = entry.item as FunctionCall;
  const native = nativeFor(draft, entry) ?? partFieldsCarriedTo(draft, call);
  const { givenId, call: beside, ...partFields } = isObject(native) ? native : {};
  const content = contentFor(draft, 'model');
  const first = !content.parts.some((part) => part.functionCall !== undefined);
  if (first && draft.generation >= 3) partFields.thoughtSignature ??= FOREIGN_SIGNATURE;
  const args: unknown = JSON.parse(argumentsOf(call));
  const id = givenId === true ? { id: call.call_id } : undefined;
  const fields = isObject(beside) ? beside : undefined;
  content.parts.push({ functionCall: { ...id, name: call.name, args, ...fields }, ...partFields });
  draft.calls.set(call.call_id, {
    name: call.name,
    content,
    at: content.parts.length,
    givenId: id !== undefined,
  });
}

/** Gemini's id of a call may be taken. The call then has Gemini's id with a number after it. */
function partFieldsCarriedTo({ carried }: Draft, { call_id }: FunctionCall): unknown {
  if (!carried || !('call' in carried)) return undefined;
  const { call, partFields } = carried;
  return call_id === call || call_id.startsWith(`${call}_`) ? partFields : undefined;
}

/**
 * Writes an image that a model generated. Image models of the third generation and later refuse an image of a
 * model without its signature (https://ai.google.dev/gemini-api/docs/thought-signatures, "Images").
 */
function writeImage(draft: Draft, entry: PromptItem): void {
  const url = generatedImageUrl(entry.item);
  if (url === undefined) return;
  const native = nativeFor(draft, entry);
  const isForeign = entry.origin !== draft.provider && draft.generation >= 3;
  const partFields = isForeign ? { thoughtSignature: FOREIGN_SIGNATURE } : isObject(native) ? native : {};
  append(draft, 'model', [{ ...urlPart(url, undefined), ...partFields }]);
}

/**
 * A part that was kept as an item is sent only to the provider that wrote it. One that the caller wrote is
 * always sent.
 */
function writeOther(draft: Draft, entry: PromptItem): void {
  const { type, id: _id, status: _status, ...part } = entry.item as OtherItem;
  const known = entry.origin === undefined || entry.origin === draft.provider;
  if (!known || !type.startsWith(PART_ITEM)) return;
  const native = nativeFor(draft, entry);
  append(draft, 'model', [{ ...part, ...(isObject(native) ? native : undefined) }]);
}

/**
 * Writes the output of a call: all outputs are in one content directly after the calls, in the order of the
 * calls.
 */
function writeCallOutput(draft: Draft, entry: PromptItem): void {
  const item = entry.item as FunctionCallOutput;
  const call = draft.calls.get(item.call_id);
  if (!call) {
    throw new Fault(
      'tool_output_without_call',
      `No function call before this output has id ${item.call_id}.`,
    );
  }
  const parts = typeof item.output === 'string' ? [{ text: item.output }] : contentParts(draft, item.output);
  const text = parts.map((part) => part.text ?? '').join('');
  const inside = parts.filter((part) => fitsInside(draft, part));
  const own = nativeFor(draft, entry);
  const { key, ...further } = isObject(own) ? own : {};
  const functionResponse = present({
    ...further,
    id: call.givenId ? item.call_id : undefined,
    name: call.name,
    response: typeof key === 'string' ? { [key]: text } : responseOf(text),
    parts: inside.length > 0 ? inside : undefined,
  });
  const outputs = outputsOf(draft, call);
  insert(outputs, call.at, { functionResponse });
  const beside = parts.filter((part) => part.text === undefined && !inside.includes(part));
  outputs.content.parts.push(...beside);
}

/**
 * Whether media fits inside an output: since the third generation, and only some types. Other media follows
 * it.
 */
function fitsInside(draft: Draft, part: WirePart): boolean {
  if (draft.generation < 3 || !isObject(part.inlineData)) return false;
  return /^(image\/|application\/pdf|text\/plain)/.test(String(part.inlineData.mimeType));
}

/** The API takes an object. Text that is a JSON object is sent as that object. */
function responseOf(text: string): Record<string, unknown> {
  if (text.trimStart().startsWith('{')) {
    try {
      const value: unknown = JSON.parse(text);
      if (isObject(value)) return value;
    } catch {
      // Text that only looks like JSON is text.
    }
  }
  return { result: text };
}

function outputsOf(draft: Draft, call: WrittenCall): Outputs {
  const known = draft.outputs.get(call.content);
  if (known) return known;
  const outputs: Outputs = { content: { role: 'user', parts: [] }, order: [] };
  draft.contents.splice(draft.contents.lastIndexOf(call.content) + 1, 0, outputs.content);
  draft.outputs.set(call.content, outputs);
  return outputs;
}

function insert({ content, order }: Outputs, at: number, part: WirePart): void {
  let index = order.length;
  while (index > 0 && order[index - 1]! > at) index--;
  order.splice(index, 0, at);
  content.parts.splice(index, 0, part);
}
