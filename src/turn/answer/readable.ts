import type { Capabilities } from '../../claws/claw.ts';
import type { Candidate } from '../../core/candidate.ts';
import { interpreted, isOutputInParts } from '../../core/interpreted.ts';
import type { Item, Part } from '../../core/items.ts';
import { isObject } from '../../core/json.ts';
import type { PromptItem, ProtocolName } from '../../core/prompt.ts';
import { isReadable } from '../../routing/filters.ts';

/**
 * History as this candidate can read it, because refusing it would end the session. In new input, the claw or the
 * provider refuses what it cannot read.
 *
 * - A file that the candidate cannot be given (an id of another provider, a URL where only content is accepted, an
 *   image for a model that reads none) becomes a line of text that says so.
 * - What the gateway does not interpret goes to the provider that has answered its turn, and to no other one.
 *   `undefined` for an item that is left out.
 */
export function readable(
  candidate: Candidate,
  able: Capabilities,
  vocabulary: ProtocolName,
  entry: PromptItem,
): PromptItem | undefined {
  const { answeredBy, origin } = entry;
  if (answeredBy === undefined) return entry;
  const isForeign = answeredBy !== candidate.provider;
  const item = withFiles(entry.item, candidate, able, isForeign);
  if (!isForeign || origin !== undefined) return item === entry.item ? entry : { ...entry, item };
  // No provider has answered: it is not known whose the reasoning and the further fields are.
  const isAppended = answeredBy === '';
  const read = isAppended && item.type === 'reasoning' ? item : interpreted(item, PARTS[vocabulary]);
  if (!read) return undefined;
  const native = isAppended ? entry.native : nativeFor(vocabulary, entry.native);
  return read === entry.item && native === entry.native ? entry : { ...entry, item: read, native };
}

/** The kinds of parts that an API has beside those with a canonical form, as its dialect keeps them. */
const PARTS: Partial<Record<ProtocolName, RegExp>> = {
  anthropic: /^(search_result|tool_reference|container_upload)$/,
  gemini: /^gemini:(executableCode|codeExecutionResult|toolCall|toolResponse)$/,
};

/** What another provider of the same API takes of the fields that have no canonical form. */
function nativeFor(vocabulary: ProtocolName, native: unknown): unknown {
  if (vocabulary === 'gemini') return withoutSignatures(native);
  if (vocabulary !== 'openai-chat') return native;
  // Of the further fields of a message, OpenAI takes a name, of these characters alone.
  const { name } = isObject(native) ? native : {};
  return typeof name === 'string' && /^[\w-]{1,64}$/.test(name) ? { name } : undefined;
}

/** Google checks a signature against what it signed. */
function withoutSignatures(native: unknown): unknown {
  if (Array.isArray(native)) return native.map(withoutSignatures);
  if (!isObject(native)) return native;
  const kept = Object.entries(native).filter(([field]) => field !== 'thoughtSignature');
  return Object.fromEntries(kept.map(([field, value]) => [field, withoutSignatures(value)]));
}

function withFiles(item: Item, candidate: Candidate, able: Capabilities, isForeign: boolean): Item {
  const parts = partsOf(item);
  if (!parts || parts.every(isText)) return item;
  const { inputs } = candidate;
  const isLost = (part: Part) =>
    (isForeign && isPrivate(part, candidate)) ||
    !able.takes(part) ||
    (inputs !== undefined && !isReadable(part, inputs));
  if (!parts.some(isLost)) return item;
  const read = parts.map((part) => (isLost(part) ? standIn(part) : part));
  return { ...item, [item.type === 'message' ? 'content' : 'output']: read } as Item;
}

const isText = ({ type }: Part): boolean => type === 'input_text';

/** The parts of an item that a model is to read. */
function partsOf(item: Item): readonly Part[] | undefined {
  if (item.type === 'message') return item.role === 'assistant' ? undefined : item.content;
  return isOutputInParts(item) ? item.output : undefined;
}

/**
 * Only the provider that stores a file knows its id. An address that is not of the web is one of the provider's own, or
 * of its machine; Google's API reads addresses of several stores.
 */
function isPrivate(part: Part, { protocol }: Candidate): boolean {
  if (part.type !== 'input_image' && (part.type !== 'input_file' || part.file_data)) return false;
  const url = part.type === 'input_image' ? part.image_url : part.file_url;
  return !url || (protocol !== 'gemini' && !/^(https?:|data:)/i.test(url));
}

const NAMES = { input_image: 'an image', input_audio: 'a recording' };

function standIn(part: Part): Part {
  const { filename, file_url } = part as { filename?: string | null; file_url?: string | null };
  const name = filename ?? file_url ?? NAMES[part.type as keyof typeof NAMES] ?? 'a file';
  return { type: 'input_text', text: `[Attached earlier, not readable by this model: ${name}]` };
}
