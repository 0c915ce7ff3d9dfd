import type { FunctionCall, Item, Message, OtherItem, Reasoning } from '../../core/items.ts';
import { messageText } from '../../core/items.ts';
import type { Prompt, PromptItem } from '../claw.ts';
import { writeCallOutput } from './call-output.ts';
import { append, contentFor, contentParts, type Draft, emptyDraft, nativeFor, type Place } from './draft.ts';
import { generationOf } from './generation.ts';
import { partsOf } from './native.ts';
import { isObject, PART_ITEM } from './wire.ts';

/** The prompt's instructions and items in Gemini's shape. */
export function draftOf(prompt: Prompt, place: Place): Draft {
  const draft = emptyDraft(place, generationOf(prompt.model));
  if (prompt.instructions) draft.system.push({ text: prompt.instructions });
  for (const entry of prompt.items) {
    const write = WRITERS.get(entry.item.type) ?? writeOther;
    write(draft, entry);
  }
  beginWithUser(draft);
  return draft;
}

/** A call is taken only after somebody has spoken; a history may begin with one, or be cut to where it does. */
function beginWithUser({ contents }: Draft): void {
  const [first] = contents;
  if (first?.role === 'model' && first.parts.some((part) => part.functionCall !== undefined))
    contents.unshift({ role: 'user', parts: [{ text: 'Begin.' }] });
}

type Write = (draft: Draft, entry: PromptItem) => void;

const WRITERS: ReadonlyMap<string, Write> = new Map<Item['type'], Write>([
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
    return;
  }
  append(draft, message.role === 'assistant' ? 'model' : 'user', contentParts(draft, message.content));
}

/** Gemini takes instructions before the conversation, in text; later ones become marked text of the user. */
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
  if (entry.origin !== draft.provider) return;
  const { content } = entry.item as Reasoning;
  const text = content?.map((part) => part.text).join('') ?? '';
  append(draft, 'model', partsOf(text, entry.native, { thought: true }));
}

/**
 * Documented for calls that Gemini did not make itself. From its third generation on it refuses a step
 * whose first call has no signature (https://ai.google.dev/gemini-api/docs/thought-signatures).
 */
const FOREIGN_SIGNATURE = 'skip_thought_signature_validator';

function writeCall(draft: Draft, entry: PromptItem): void {
  const call = entry.item as FunctionCall;
  const native = nativeFor(draft, entry);
  const { givenId, call: beside, ...marks } = isObject(native) ? native : {};
  const content = contentFor(draft, 'model');
  const first = !content.parts.some((part) => part.functionCall !== undefined);
  if (first && draft.generation >= 3) marks.thoughtSignature ??= FOREIGN_SIGNATURE;
  const args = argumentsOf(call.arguments);
  const id = givenId === true ? { id: call.call_id } : undefined;
  const fields = isObject(beside) ? beside : undefined;
  content.parts.push({ functionCall: { ...id, name: call.name, args, ...fields }, ...marks });
  draft.calls.set(call.call_id, {
    name: call.name,
    content,
    at: content.parts.length,
    givenId: id !== undefined,
  });
}

/** Gemini takes nothing but an object; a model may have written something else. */
function argumentsOf(text: string): Record<string, unknown> {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : { input: value };
  } catch {
    return { input: text };
  }
}

/** A kept part goes back to where it came from, and to Gemini when the caller itself hands it in. */
function writeOther(draft: Draft, entry: PromptItem): void {
  const { type, id: _id, status: _status, ...part } = entry.item as OtherItem;
  const known = entry.origin === undefined || entry.origin === draft.provider;
  if (!known || !type.startsWith(PART_ITEM)) return;
  const native = nativeFor(draft, entry);
  append(draft, 'model', [{ ...part, ...(isObject(native) ? native : undefined) }]);
}
