import { markedParts, type PartMark } from '../../core/cache-marks.ts';
import { about, Fault } from '../../core/errors.ts';
import { generatedImageUrl } from '../../core/generated-images.ts';
import type {
  FunctionCallOutput,
  InputFile,
  InputImage,
  Item,
  Message,
  OtherItem,
  Part,
  Reasoning,
} from '../../core/items.ts';
import { isObject } from '../../core/json.ts';
import type { Prompt, PromptItem } from '../../core/prompt.ts';
import type { Provider } from '../claw.ts';
import {
  type AssistantRun,
  addCall,
  addCustomCall,
  addMessage,
  addReasoningTo,
  emptyRun,
  runMessage,
} from './assistant.ts';
import type {
  ChatAssistantMessage,
  ChatInputMessage,
  ChatMessage,
  ChatPart,
  ChatTextPart,
  Facts,
  Json,
  ReasoningNative,
} from './wire.ts';

/** The messages that are written so far. */
interface Transcript {
  messages: ChatMessage[];
  prompt: Prompt;
  provider: Provider;
  facts: Facts;
  /** The assistant message that is not finished yet. */
  run?: AssistantRun;
  /** Assistant messages since the last user message. */
  exchange: { message: ChatAssistantMessage; run: AssistantRun }[];
  /** Images and files of tool outputs: tool messages cannot hold them. */
  media: ChatPart[];
  customCalls: Set<string>;
}

/** Whom messages are written for. */
export interface Target {
  provider: Provider;
  facts: Facts;
  /** They become the first message. */
  instructions: string | undefined;
}

/** The items of a prompt as messages. */
export function messagesOf(prompt: Prompt, { provider, facts, instructions }: Target): ChatMessage[] {
  const transcript: Transcript = {
    messages: [],
    prompt,
    provider,
    facts,
    exchange: [],
    media: [],
    customCalls: new Set(),
  };
  if (instructions) {
    const role = provider.quirks.developerRole ? 'developer' : 'system';
    transcript.messages.push({ role, content: instructions });
  }
  for (const entry of prompt.items) addItem(transcript, entry);
  endRun(transcript);
  endOutputs(transcript);
  endExchange(transcript);
  return transcript.messages;
}

function addItem(transcript: Transcript, entry: PromptItem): void {
  const { item } = entry;
  switch (item.type) {
    case 'message':
      if (item.role === 'assistant') addAssistantMessage(transcript, entry, item);
      else addInput(transcript, entry, item);
      return;
    case 'function_call':
      addCall(runOf(transcript), item, {
        ...useOf(transcript, entry),
        id: callId(transcript, item.call_id),
      });
      return;
    case 'function_call_output':
      addOutput(transcript, entry, item);
      return;
    case 'reasoning':
      addReasoning(transcript, entry, item);
      return;
    default:
      addOther(transcript, entry, item);
  }
}

function useOf({ prompt, provider, facts }: Transcript, { origin, native }: PromptItem) {
  const verbatim = origin === undefined && prompt.dialect === 'openai-chat';
  return { native, verbatim, own: origin === provider.id, form: facts.reasoningForm };
}

const NINE_CHARACTERS = /^[a-zA-Z0-9]{9}$/;

/** The id of a tool call in the form that the provider accepts. Equal ids give equal results. */
function callId({ facts }: Transcript, id: string): string {
  if (!facts.nineCharacterIds || NINE_CHARACTERS.test(id)) return id;
  return Bun.hash.xxHash64(id).toString(36).padStart(13, '0').slice(-9);
}

function runOf(transcript: Transcript): AssistantRun {
  endOutputs(transcript);
  transcript.run ??= emptyRun();
  return transcript.run;
}

/** Finishes the current assistant message, because a message of another role follows. */
function endRun(transcript: Transcript): void {
  const { run } = transcript;
  if (!run) return;
  transcript.run = undefined;
  const message = runMessage(run, contentOf(run.parts, ''));
  if (!message) return;
  transcript.messages.push(message);
  transcript.exchange.push({ message, run });
}

/** Tool messages must directly follow their calls, so their media comes after the last of them. */
function endOutputs(transcript: Transcript): void {
  if (transcript.media.length === 0) return;
  transcript.messages.push({ role: 'user', content: transcript.media });
  transcript.media = [];
}

/**
 * Reasoning is sent back only within exchanges that used tools. DeepSeek and Moonshot refuse such an
 * exchange without its reasoning, in all later requests, and ignore reasoning elsewhere
 * (https://api-docs.deepseek.com/guides/thinking_mode).
 */
function endExchange(transcript: Transcript): void {
  const { exchange, facts } = transcript;
  transcript.exchange = [];
  if (!exchange.some(({ run }) => run.calls.length > 0)) return;
  for (const { message, run } of exchange) {
    addReasoningTo(message, run);
    if (facts.reasoningWithCalls && run.calls.length > 0) message.reasoning_content ??= '';
  }
}

function addAssistantMessage(transcript: Transcript, entry: PromptItem, message: Message): void {
  // Text after calls joins the message of the calls, because only tool messages may follow calls.
  if (transcript.run && transcript.run.parts.length > 0 && transcript.run.calls.length === 0) {
    endRun(transcript);
  }
  const run = runOf(transcript);
  const use = useOf(transcript, entry);
  const isRefusal = ({ type }: Part) => type === 'refusal' && transcript.facts.openai;
  for (const part of message.content) {
    if (part.type === 'refusal' && isRefusal(part)) run.refusal = (run.refusal ?? '') + part.refusal;
  }
  const parts = message.content.map((part) => (isRefusal(part) ? undefined : wirePart(part, use.verbatim)));
  run.parts.push(...withMarks(transcript, parts, entry.marks));
  addMessage(run, use);
}

function addInput(transcript: Transcript, entry: PromptItem, message: Message): void {
  endRun(transcript);
  endOutputs(transcript);
  if (message.role === 'user') endExchange(transcript);
  const { verbatim, native } = useOf(transcript, entry);
  const parts = message.content.map((part) => wirePart(part, verbatim));
  const content = contentOf(withMarks(transcript, parts, entry.marks), '\n');
  const fields = verbatim && isObject(native) ? native : {};
  transcript.messages.push({ ...fields, role: wireRole(transcript, message), content });
}

function wireRole({ provider }: Transcript, { role }: Message): ChatInputMessage['role'] {
  if (role === 'user') return 'user';
  return role === 'developer' && provider.quirks.developerRole ? 'developer' : 'system';
}

function addOutput(
  transcript: Transcript,
  entry: PromptItem,
  { call_id, output }: Pick<FunctionCallOutput, 'call_id' | 'output'>,
): void {
  endRun(transcript);
  const { verbatim, native } = useOf(transcript, entry);
  const fields = verbatim && isObject(native) ? native : {};
  const id = callId(transcript, call_id);
  const content = typeof output === 'string' ? output : outputText(transcript, output, id);
  transcript.messages.push({ ...fields, role: 'tool', tool_call_id: id, content });
}

/** The text of an output in parts. Other parts go into a user message after the outputs. */
function outputText({ media }: Transcript, output: Part[], id: string): string {
  const parts = wireParts(output, false);
  const texts = parts.flatMap((part) => (part.type === 'text' ? [String(part.text)] : []));
  const rest = parts.filter((part) => part.type !== 'text');
  if (rest.length === 0) return texts.join('\n');
  media.push({ type: 'text', text: `Output of tool call ${id}:` }, ...rest);
  return texts.length > 0 ? texts.join('\n') : 'The output is in the next user message.';
}

/** Reasoning goes only to the provider that wrote it, in the form in which it was written. */
function addReasoning(transcript: Transcript, entry: PromptItem, item: Reasoning): void {
  const { own, native } = useOf(transcript, entry);
  if (own && isReasoningNative(native)) runOf(transcript).reasoning.push({ item, native });
}

function isReasoningNative(native: unknown): native is ReasoningNative {
  return isObject(native) && typeof native.form === 'string';
}

/** This wire has custom tools and generated images, but no other kinds of items. */
function addOther(transcript: Transcript, entry: PromptItem, item: Item): void {
  const other = item as OtherItem;
  const url = generatedImageUrl(item);
  if (url !== undefined) {
    const run = runOf(transcript);
    run.images.push({ type: 'image_url', image_url: { url } });
    addMessage(run, useOf(transcript, entry));
  }
  const kind: string = other.type;
  if (typeof other.call_id !== 'string') return;
  const use = useOf(transcript, entry);
  if (kind === 'custom_tool_call' && (use.own || use.verbatim)) {
    transcript.customCalls.add(other.call_id);
    addCustomCall(runOf(transcript), other, { ...use, id: callId(transcript, other.call_id) });
  }
  if (kind === 'custom_tool_call_output' && transcript.customCalls.has(other.call_id)) {
    const output = Array.isArray(other.output) ? (other.output as Part[]) : String(other.output ?? '');
    addOutput(transcript, entry, { call_id: other.call_id, output });
  }
}

/**
 * Content parts on the wire; parts that the provider cannot understand are left out. `verbatim` is set for
 * parts that the caller wrote in the chat dialect: their unknown kinds and fields are sent unchanged.
 */
function wireParts(parts: Part[], verbatim: boolean): ChatPart[] {
  return parts.flatMap((part) => wirePart(part, verbatim) ?? []);
}

/** Parts with the caller's cache marks, where the provider accepts them. */
function withMarks({ facts }: Transcript, parts: (ChatPart | undefined)[], marks?: readonly PartMark[]) {
  return marks && facts.cacheMarks ? markedParts(parts, marks) : parts.filter((part) => part !== undefined);
}

/** Fields of a canonical part that are translated, or that providers do not take back. */
const TRANSLATED = new Set([
  'type',
  'text',
  'annotations',
  'logprobs',
  'refusal',
  'image_url',
  'detail',
  'filename',
  'file_data',
  'file_url',
  'file_id',
  'input_audio',
]);

function wirePart(part: Part, verbatim: boolean): ChatPart | undefined {
  const isText = part.type === 'input_text' || part.type === 'output_text';
  const wire = isText ? translated(part, verbatim) : about(part, () => translated(part, verbatim));
  if (!wire || !verbatim) return wire;
  for (const key in part) {
    if (!TRANSLATED.has(key) && !(key in wire)) (wire as Json)[key] = (part as unknown as Json)[key];
  }
  return wire;
}

function translated(part: Part, verbatim: boolean): ChatPart | undefined {
  switch (part.type) {
    case 'input_text':
    case 'output_text':
      return { type: 'text', text: part.text };
    case 'refusal':
      return { type: 'text', text: part.refusal };
    case 'input_image':
      return imagePart(part);
    case 'input_file':
      return filePart(part);
    case 'input_audio':
      return { type: 'input_audio', input_audio: part.input_audio };
    default:
      return verbatim ? { ...(part as Json & { type: string }) } : undefined;
  }
}

/** Whether the API has a form for a part: it has none for images by id and files by URL. */
export function takes(part: Part): boolean {
  if (part.type === 'input_image') return Boolean(part.image_url);
  return part.type !== 'input_file' || Boolean(part.file_data || part.file_id);
}

function imagePart(part: InputImage): ChatPart {
  if (!part.image_url) throw unsupported('an image', 'a `file_id`; send its `image_url`');
  const image: { url: string; detail?: string } = { url: part.image_url };
  if (part.detail) image.detail = part.detail;
  return { type: 'image_url', image_url: image };
}

function filePart(part: InputFile): ChatPart {
  if (part.file_data) {
    const filename = part.filename || 'file.pdf';
    return { type: 'file', file: { filename, file_data: dataUrl(part.file_data) } };
  }
  if (part.file_id) return { type: 'file', file: { file_id: part.file_id } };
  throw unsupported('a file', 'a `file_url`; send its `file_data`');
}

/** Chat completions take only PDF files (OpenAI's guide to file inputs), so bare base64 is a PDF. */
function dataUrl(data: string): string {
  return data.startsWith('data:') ? data : `data:application/pdf;base64,${data}`;
}

function unsupported(what: string, how: string): Fault {
  return new Fault('unsupported_parameter', `Chat completions cannot take ${what} by ${how}.`);
}

/** A string when every part is text alone: it is shorter, and many servers accept nothing else. */
function contentOf(parts: ChatPart[], separator: string): string | ChatPart[] {
  let text = '';
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!;
    if (!isTextAlone(part)) return parts;
    text += i === 0 ? part.text : separator + part.text;
  }
  return text;
}

function isTextAlone(part: ChatPart): part is ChatTextPart {
  if (part.type !== 'text') return false;
  for (const key in part) if (key !== 'type' && key !== 'text') return false;
  return true;
}
