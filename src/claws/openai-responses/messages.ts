import { argumentsOf } from '../../core/call-arguments.ts';
import { itemId, parseItemId } from '../../core/ids.ts';
import {
  type FunctionCall,
  type FunctionCallOutput,
  type Item,
  isCustomCall,
  type Message,
  type OtherItem,
  type Part,
  type Reasoning,
} from '../../core/items.ts';
import { isObject } from '../../core/json.ts';
import type { Prompt, PromptItem } from '../../core/prompt.ts';
import { callIdOf, isOutput } from '../../core/tool-calls.ts';
import { ApprovalRequests } from './approvals.ts';
import type { Json } from './wire.ts';

/** Who wrote an item: the provider of this request, the caller, or another provider. */
type Author = 'own' | 'caller' | 'foreign';

interface Entry {
  author: Author;
  /** The provider's own id of the item. Only for its own items. */
  id?: string;
  /** The id under which clients know it. */
  publicId?: string;
  /** Unknown fields of the item: earlier versions kept them beside the item and not in it. */
  beside: Json;
  /** The item has the form of this API, so parts and fields that the gateway does not know are sent. */
  verbatim: boolean;
}

/** The request's `input`. An item that this provider may not see is left out, together with its output. */
export function inputOf(prompt: Prompt, provider: string): Json[] {
  const unanswered = new Set<string>();
  const programs = new Set<unknown>();
  const requests = new ApprovalRequests();
  // OpenAI refuses items that it knows by their ids without the reasoning before them.
  let isReasoningLost = false;
  const input: Json[] = [];
  for (const each of prompt.items) {
    const { item } = each;
    const id = callIdOf(item);
    if (isOutput(item) && id !== undefined && unanswered.has(id)) continue;
    const entry = entryOf(each, prompt, provider);
    const written = requests.resolve(
      each,
      write(item, isReasoningLost ? { ...entry, id: undefined } : entry),
    );
    if (item.type === 'reasoning') isReasoningLost = !written;
    if (written?.type === 'program') programs.add(written.call_id);
    if (written) input.push(withKnownCaller(written, programs));
    else if (id !== undefined) unanswered.add(id);
  }
  return input;
}

/** A call or an output. Its `caller` is removed if it names a program that is not in the input. */
function withKnownCaller(item: Json, programs: ReadonlySet<unknown>): Json {
  const { caller, ...rest } = item;
  return isObject(caller) && caller.type === 'program' && !programs.has(caller.caller_id) ? rest : item;
}

function entryOf({ id: publicId, origin, native }: PromptItem, prompt: Prompt, provider: string): Entry {
  if (origin !== undefined && origin !== provider) return { author: 'foreign', beside: {}, verbatim: false };
  const author = origin === undefined ? 'caller' : 'own';
  const verbatim = author === 'own' || prompt.dialect === 'openai-responses';
  if (!isObject(native) || !verbatim) return { author, beside: {}, verbatim, publicId };
  const { id, ...beside } = native;
  const own = author === 'own' && typeof id === 'string' ? id : undefined;
  return { author, beside, verbatim, publicId, id: own };
}

/**
 * Fields that the gateway does not know. They are sent if this provider wrote them, or if the caller wrote them
 * for this API.
 */
const furtherFields = (further: Json, { author, beside }: Entry): Json =>
  author === 'foreign' ? {} : { ...beside, ...further };

function write(item: Item, entry: Entry): Json | undefined {
  switch (item.type) {
    case 'message':
      return writeMessage(item, entry);
    case 'reasoning':
      return writeReasoning(item, entry);
    case 'function_call':
      return writeCall(item, entry);
    case 'function_call_output':
      return writeOutput(item, entry);
    default:
      return writeOther(item, entry);
  }
}

/** Ids of messages and calls are left out: with `store: false` the provider cannot find them. */
function writeMessage(message: Message, entry: Entry): Json | undefined {
  const { type, role, content, id: _id, status: _status, ...rest } = message;
  const further = furtherFields(rest, entry);
  if (role !== 'assistant') return { ...further, type, role, content: inputParts(content, entry) };
  const parts = content.flatMap((part) => outputPart(part, entry));
  // A message of another model that holds only images. This API has no images from the assistant.
  if (parts.length === 0 && content.length > 0) return undefined;
  return { ...further, type, role, content: parts };
}

/** Parts that a model reads: of users, instructions and tools. */
function inputParts(content: Part[], { author, verbatim }: Entry): Json[] {
  return content.flatMap((part): Json[] => {
    switch (part.type) {
      case 'output_text':
        return [{ type: 'input_text', text: part.text }];
      case 'refusal':
        return [{ type: 'input_text', text: part.refusal }];
      case 'input_text':
      case 'input_image':
      case 'input_file':
      case 'input_audio':
        return [part as unknown as Json];
      default:
        if (author === 'foreign') return [];
        return [verbatim ? part : { type: 'input_text', text: unreadText(part) }];
    }
  });
}

/** The caller wrote the part for another API. It is not dropped, so that the model knows that there was more. */
const unreadText = ({ type }: Part): string => `[content of type "${type}", which cannot be read here]`;

/** A part that a model wrote. The API takes back only text and refusals. */
function outputPart(part: Part, { author, verbatim }: Entry): Json[] {
  switch (part.type) {
    case 'input_text':
      return [{ type: 'output_text', text: part.text, annotations: [] }];
    case 'output_text': {
      const { type, text, annotations = [], logprobs: _logprobs, ...further } = part;
      if (author === 'foreign') return [{ type, text, annotations: [] }];
      return [{ ...(verbatim && further), type, text, annotations }];
    }
    case 'refusal': {
      const { type, refusal, ...further } = part;
      return [{ ...(verbatim && further), type, refusal }];
    }
    case 'input_image':
    case 'input_file':
    case 'input_audio':
      return [];
    default:
      return author === 'foreign' ? [] : [part];
  }
}

/**
 * Reasoning is sent back only to the provider that wrote it, and only if it can be read without a stored
 * response: encrypted, or as plain text. The id must be the one of the encrypted item, or absent.
 */
function writeReasoning(item: Reasoning, entry: Entry): Json | undefined {
  const { author, id } = entry;
  if (author !== 'own') return undefined;
  const { type, id: _id, status: _status, summary, content, encrypted_content, ...further } = item;
  if (!encrypted_content && !content?.length) return undefined;
  const written: Json = { ...furtherFields(further, entry), type, summary };
  if (id !== undefined) written.id = id;
  if (content?.length) written.content = content;
  if (encrypted_content) written.encrypted_content = encrypted_content;
  return written;
}

function writeCall(item: FunctionCall, entry: Entry): Json {
  const { type, id: _id, status: _status, call_id, name, namespace, arguments: _text, ...rest } = item;
  const further = furtherFields(rest, entry);
  const call = { ...further, type, call_id: callId(call_id), name, arguments: argumentsOf(item) };
  return namespace === undefined ? call : { ...call, namespace };
}

function writeOutput(item: FunctionCallOutput, entry: Entry): Json {
  const { type, id: _id, status: _status, call_id, output, ...rest } = item;
  const shown = typeof output === 'string' ? output : inputParts(output, entry);
  return { ...furtherFields(rest, entry), type, call_id: callId(call_id), output: shown };
}

/** Items of hosted tools and unknown kinds. Those of this provider and of the caller are sent unchanged. */
function writeOther(item: OtherItem, entry: Entry): Json | undefined {
  const { id, ...rest } = withoutMark(item);
  if (typeof rest.call_id === 'string') rest.call_id = callId(rest.call_id);
  if (entry.author === 'foreign') {
    // The caller runs custom tools, so any model can read their calls. No other kind is readable for another
    // model.
    if (!isCustomCall(item)) return undefined;
    const { type, call_id, name, namespace, input } = rest;
    return { type, call_id, name, ...(namespace !== undefined && { namespace }), input };
  }
  const kept = entry.id ?? idFor(item.type, entry.author === 'own' ? entry.publicId : id);
  return kept === undefined ? { ...entry.beside, ...rest } : { ...entry.beside, ...rest, id: kept };
}

/** The mark of a call that the provider ran itself (`ServerCalls`). The API has none for custom calls. */
function withoutMark(item: OtherItem): OtherItem {
  if (!isCustomCall(item)) return item;
  const { execution: _, ...rest } = item;
  return rest as OtherItem;
}

/**
 * Kinds that the API takes only with an id (`required` in OpenAI's API description). The API takes an unknown
 * id too.
 */
const WITH_ID =
  /^((web_search|file_search|computer|image_generation|code_interpreter|local_shell|mcp)_call|local_shell_call_output|mcp_(list_tools|approval_request)|program|program_output)$/;

/** The id that is sent for an item without an id of the provider. */
function idFor(type: string, id: string | undefined): string | undefined {
  const position = id === undefined ? undefined : parseItemId(id);
  if (!position) return id;
  return WITH_ID.test(type) ? itemId(type, position) : undefined;
}

/** OpenAI's limit, in characters. Ids of other providers may be longer. */
const MAX_CALL_ID = 64;

function callId(id: string): string {
  if (id.length <= MAX_CALL_ID) return id;
  return `call_${new Bun.CryptoHasher('sha256').update(id).digest('hex').slice(0, 40)}`;
}
