import type { FunctionCallOutput, Item, Message, OtherItem, Part, Reasoning } from '../../core/items.ts';
import type { Prompt, PromptItem, Provider } from '../claw.ts';
import {
  type AssistantRun,
  addCall,
  addCustomCall,
  addMessage,
  emptyRun,
  giveReasoning,
  runMessage,
} from './assistant-run.ts';
import { callIds } from './call-ids.ts';
import { type Facts, factsOf } from './facts.ts';
import { textPart, wireContent, wirePart } from './parts.ts';
import {
  type ChatAssistantMessage,
  type ChatInputMessage,
  type ChatMessage,
  type ChatPart,
  isObject,
  type ReasoningNative,
} from './wire.ts';

/** The messages in the making. */
interface Transcript {
  messages: ChatMessage[];
  prompt: Prompt;
  provider: Provider;
  facts: Facts;
  idOf: (id: string) => string;
  /** The assistant message that is being put together. */
  run?: AssistantRun;
  /** Assistant messages since the last user message. */
  exchange: { message: ChatAssistantMessage; run: AssistantRun }[];
  /** Images and files of tool outputs, for which tool messages have no place. */
  media: ChatPart[];
  customCalls: Set<string>;
}

/** The items of a prompt as messages. `instructions` stand first. */
export function messagesOf(
  prompt: Prompt,
  provider: Provider,
  instructions: string | undefined,
): ChatMessage[] {
  const facts = factsOf(provider);
  const transcript: Transcript = {
    messages: [],
    prompt,
    provider,
    facts,
    idOf: callIds(facts),
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
      if (item.role === 'assistant') addSpoken(transcript, entry, item);
      else addInput(transcript, entry, item);
      return;
    case 'function_call':
      addCall(runOf(transcript), item, { ...useOf(transcript, entry), id: transcript.idOf(item.call_id) });
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
  return { native, verbatim, own: origin === provider.id, facts };
}

function runOf(transcript: Transcript): AssistantRun {
  endOutputs(transcript);
  transcript.run ??= emptyRun();
  return transcript.run;
}

/** Ends the assistant message in the making, because something else follows. */
function endRun(transcript: Transcript): void {
  const { run } = transcript;
  if (!run) return;
  transcript.run = undefined;
  const message = runMessage(run);
  if (!message) return;
  transcript.messages.push(message);
  transcript.exchange.push({ message, run });
}

/** Tool messages must follow their calls without anything between, so media waits for the last of them. */
function endOutputs(transcript: Transcript): void {
  if (transcript.media.length === 0) return;
  transcript.messages.push({ role: 'user', content: transcript.media });
  transcript.media = [];
}

/**
 * Reasoning goes back only within exchanges that used tools: DeepSeek and Moonshot refuse those without
 * it, in all later requests, and ignore it elsewhere (https://api-docs.deepseek.com/guides/thinking_mode).
 */
function endExchange(transcript: Transcript): void {
  const { exchange, facts } = transcript;
  transcript.exchange = [];
  if (!exchange.some(({ run }) => run.calls.length > 0)) return;
  for (const { message, run } of exchange) {
    giveReasoning(message, run);
    if (facts.reasoningWithCalls && run.calls.length > 0) message.reasoning_content ??= '';
  }
}

function addSpoken(transcript: Transcript, entry: PromptItem, message: Message): void {
  // After calls it is part of their message: only tool messages may follow calls.
  if (transcript.run && transcript.run.parts.length > 0 && transcript.run.calls.length === 0) {
    endRun(transcript);
  }
  addMessage(runOf(transcript), message, useOf(transcript, entry));
}

function addInput(transcript: Transcript, entry: PromptItem, message: Message): void {
  endRun(transcript);
  endOutputs(transcript);
  if (message.role === 'user') endExchange(transcript);
  const { verbatim, native } = useOf(transcript, entry);
  const content = wireContent(wireParts(message.content, verbatim), '\n');
  const fields = verbatim && isObject(native) ? native : {};
  transcript.messages.push({ ...fields, role: wireRole(transcript, message), content });
}

function wireRole({ provider }: Transcript, { role }: Message): ChatInputMessage['role'] {
  if (role === 'user') return 'user';
  return role === 'developer' && provider.quirks.developerRole ? 'developer' : 'system';
}

function wireParts(parts: Part[], verbatim: boolean): ChatPart[] {
  return parts.flatMap((part) => wirePart(part, verbatim) ?? []);
}

function addOutput(
  transcript: Transcript,
  entry: PromptItem,
  { call_id, output }: Pick<FunctionCallOutput, 'call_id' | 'output'>,
): void {
  endRun(transcript);
  const { verbatim, native } = useOf(transcript, entry);
  const fields = verbatim && isObject(native) ? native : {};
  const id = transcript.idOf(call_id);
  const content = typeof output === 'string' ? output : outputText(transcript, output, id);
  transcript.messages.push({ ...fields, role: 'tool', tool_call_id: id, content });
}

/** The text of an output in parts; what is not text goes into a user message after the outputs. */
function outputText({ media }: Transcript, output: Part[], id: string): string {
  const parts = wireParts(output, false);
  const texts = parts.flatMap((part) => (part.type === 'text' ? [String(part.text)] : []));
  const rest = parts.filter((part) => part.type !== 'text');
  if (rest.length === 0) return texts.join('\n');
  media.push(textPart(`Output of tool call ${id}:`), ...rest);
  return texts.length > 0 ? texts.join('\n') : 'The output is in the next user message.';
}

/** A model's thoughts are shown to no one but the provider they came from, in the form it gave them. */
function addReasoning(transcript: Transcript, entry: PromptItem, item: Reasoning): void {
  const { own, native } = useOf(transcript, entry);
  if (own && isReasoningNative(native)) runOf(transcript).reasoning.push({ item, native });
}

function isReasoningNative(native: unknown): native is ReasoningNative {
  return isObject(native) && typeof native.form === 'string';
}

/** Custom tools exist on this wire; further kinds of items do not. */
function addOther(transcript: Transcript, entry: PromptItem, item: Item): void {
  const other = item as OtherItem;
  const kind: string = other.type;
  if (typeof other.call_id !== 'string') return;
  const use = useOf(transcript, entry);
  if (kind === 'custom_tool_call' && (use.own || use.verbatim)) {
    transcript.customCalls.add(other.call_id);
    addCustomCall(runOf(transcript), other, { ...use, id: transcript.idOf(other.call_id) });
  }
  if (kind === 'custom_tool_call_output' && transcript.customCalls.has(other.call_id)) {
    const output = Array.isArray(other.output) ? (other.output as Part[]) : String(other.output ?? '');
    addOutput(transcript, entry, { call_id: other.call_id, output });
  }
}
