import { argumentsOf } from '../../core/call-arguments.ts';
import { parseItemId } from '../../core/ids.ts';
import type {
  FunctionCall,
  FunctionCallOutput,
  Item,
  Message,
  OtherItem,
  Part,
  Reasoning,
} from '../../core/items.ts';
import type { Prompt, PromptItem } from '../../core/prompt.ts';
import { callIdOf, isOutput } from '../../core/tool-calls.ts';
import { isObject, type Json } from './wire.ts';

/** Who wrote an item: the provider of this request, the caller, or another provider. */
type Author = 'own' | 'caller' | 'foreign';

interface Entry {
  author: Author;
  /** The provider's own id of the item. Only for its own items. */
  id?: string;
  /** Fields of the item that have no canonical place and that this provider may see. */
  beside: Json;
}

/** The request's `input`. An item that this provider may not see is left out, together with its output. */
export function inputOf(prompt: Prompt, provider: string): Json[] {
  const unanswered = new Set<string>();
  const input: Json[] = [];
  for (const each of prompt.items) {
    const { item } = each;
    const id = callIdOf(item);
    if (isOutput(item) && id !== undefined && unanswered.has(id)) continue;
    const written = write(item, entryOf(each, prompt, provider));
    if (written) input.push(written);
    else if (id !== undefined) unanswered.add(id);
  }
  return input;
}

function entryOf({ origin, native }: PromptItem, prompt: Prompt, provider: string): Entry {
  if (origin !== undefined && origin !== provider) return { author: 'foreign', beside: {} };
  const author = origin === undefined ? 'caller' : 'own';
  if (!isObject(native)) return { author, beside: {} };
  if (author === 'caller' && prompt.dialect !== 'openai-responses') return { author, beside: {} };
  const { id, ...beside } = native;
  return { author, beside, id: author === 'own' && typeof id === 'string' ? id : undefined };
}

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
function writeMessage({ type, role, content }: Message, { author, beside }: Entry): Json | undefined {
  if (role !== 'assistant') return { ...beside, type, role, content: inputParts(content, author) };
  const parts = content.flatMap((part) => outputPart(part, author));
  // A message of another model that holds only images. This API has no images from the assistant.
  if (parts.length === 0 && content.length > 0) return undefined;
  return { ...beside, type, role, content: parts };
}

/** Parts that a model reads: of users, instructions and tools. */
function inputParts(content: Part[], author: Author): Json[] {
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
        return author === 'foreign' ? [] : [part];
    }
  });
}

/** A part that a model wrote. The API takes back only text and refusals. */
function outputPart(part: Part, author: Author): Json[] {
  switch (part.type) {
    case 'input_text':
      return [{ type: 'output_text', text: part.text, annotations: [] }];
    case 'output_text': {
      const annotations = author === 'foreign' ? [] : (part.annotations ?? []);
      return [{ type: 'output_text', text: part.text, annotations }];
    }
    case 'refusal':
      return [{ type: 'refusal', refusal: part.refusal }];
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
function writeReasoning(item: Reasoning, { author, id, beside }: Entry): Json | undefined {
  if (author !== 'own') return undefined;
  const { type, summary, content, encrypted_content } = item;
  if (!encrypted_content && !content?.length) return undefined;
  const written: Json = { ...beside, type, summary };
  if (id !== undefined) written.id = id;
  if (content?.length) written.content = content;
  if (encrypted_content) written.encrypted_content = encrypted_content;
  return written;
}

function writeCall(item: FunctionCall, { beside }: Entry): Json {
  const { type, name, namespace } = item;
  const call = { ...beside, type, call_id: callId(item.call_id), name, arguments: argumentsOf(item) };
  return namespace === undefined ? call : { ...call, namespace };
}

function writeOutput({ type, call_id, output }: FunctionCallOutput, { author, beside }: Entry): Json {
  const shown = typeof output === 'string' ? output : inputParts(output, author);
  return { ...beside, type, call_id: callId(call_id), output: shown };
}

/** Items of hosted tools and unknown kinds. Those of this provider and of the caller are sent unchanged. */
function writeOther(item: OtherItem, entry: Entry): Json | undefined {
  const { id, ...rest } = withoutMark(item);
  if (typeof rest.call_id === 'string') rest.call_id = callId(rest.call_id);
  if (entry.author === 'foreign') {
    // The caller runs custom tools, so any model can read their calls. No other kind is readable for another
    // model.
    return (item.type as string) === 'custom_tool_call' ? rest : undefined;
  }
  const kept = entry.author === 'own' ? entry.id : callersId(id);
  return kept === undefined ? { ...entry.beside, ...rest } : { ...entry.beside, ...rest, id: kept };
}

/** The mark of a call that the provider ran itself (`ServerCalls`). The API has none for custom calls. */
function withoutMark(item: OtherItem): OtherItem {
  if ((item.type as string) !== 'custom_tool_call') return item;
  const { execution: _, ...rest } = item;
  return rest as OtherItem;
}

/** The gateway's own ids are unknown to a provider. */
function callersId(id: string | undefined): string | undefined {
  return id === undefined || parseItemId(id) ? undefined : id;
}

/** OpenAI's limit, in characters. Ids of other providers may be longer. */
const MAX_CALL_ID = 64;

function callId(id: string): string {
  if (id.length <= MAX_CALL_ID) return id;
  return `call_${new Bun.CryptoHasher('sha256').update(id).digest('hex').slice(0, 40)}`;
}
