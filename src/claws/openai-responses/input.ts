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
import { isObject, type Json } from './shape.ts';

/** Whose item it is, seen from the provider that is asked now. */
type Standing = 'own' | 'caller' | 'foreign';

interface Entry {
  standing: Standing;
  /** The provider's own id of the item; only for its own items. */
  id?: string;
  /** Fields beside our form of the item that this provider may see. */
  beside: Json;
}

/** The request's `input`. An item that this provider may not see is left out, and what answers it too. */
export function inputOf(prompt: Prompt, provider: string): Json[] {
  const unanswered = new Set<unknown>();
  const input: Json[] = [];
  for (const each of prompt.items) {
    const { item } = each;
    const { type, call_id } = item as { type: string; call_id?: unknown };
    if (type.endsWith('_output') && unanswered.has(call_id)) continue;
    const written = write(item, entryOf(each, prompt, provider));
    if (written) input.push(written);
    else if (call_id !== undefined) unanswered.add(call_id);
  }
  return input;
}

function entryOf({ origin, native }: PromptItem, prompt: Prompt, provider: string): Entry {
  if (origin !== undefined && origin !== provider) return { standing: 'foreign', beside: {} };
  const standing = origin === undefined ? 'caller' : 'own';
  if (!isObject(native)) return { standing, beside: {} };
  if (standing === 'caller' && prompt.dialect !== 'openai-responses') return { standing, beside: {} };
  const { id, ...beside } = native;
  return { standing, beside, id: standing === 'own' && typeof id === 'string' ? id : undefined };
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

/** Ids of messages and calls are left out: with `store: false` the provider would look them up in vain. */
function writeMessage({ type, role, content }: Message, { standing, beside }: Entry): Json | undefined {
  if (role !== 'assistant') return { ...beside, type, role, content: shownParts(content, standing) };
  const parts = content.flatMap((part) => saidPart(part, standing));
  // A foreign model's message of images alone: this API knows no images from the assistant.
  if (parts.length === 0 && content.length > 0) return undefined;
  return { ...beside, type, role, content: parts };
}

/** Parts that a model is shown: of users, instructions and tools. */
function shownParts(content: Part[], standing: Standing): Json[] {
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
        return standing === 'foreign' ? [] : [part];
    }
  });
}

/** Parts that a model said: the API takes text and refusals back, nothing else. */
function saidPart(part: Part, standing: Standing): Json[] {
  switch (part.type) {
    case 'input_text':
      return [{ type: 'output_text', text: part.text, annotations: [] }];
    case 'output_text': {
      const annotations = standing === 'foreign' ? [] : (part.annotations ?? []);
      return [{ type: 'output_text', text: part.text, annotations }];
    }
    case 'refusal':
      return [{ type: 'refusal', refusal: part.refusal }];
    case 'input_image':
    case 'input_file':
    case 'input_audio':
      return [];
    default:
      return standing === 'foreign' ? [] : [part];
  }
}

/**
 * Only the provider's own thoughts go back, and only where they can be read without its store: encrypted,
 * or in the open. The id must be the one under which they were encrypted, or none.
 */
function writeReasoning(item: Reasoning, { standing, id, beside }: Entry): Json | undefined {
  if (standing !== 'own') return undefined;
  const { type, summary, content, encrypted_content } = item;
  if (!encrypted_content && !content?.length) return undefined;
  const written: Json = { ...beside, type, summary };
  if (id !== undefined) written.id = id;
  if (content?.length) written.content = content;
  if (encrypted_content) written.encrypted_content = encrypted_content;
  return written;
}

function writeCall(item: FunctionCall, { beside }: Entry): Json {
  const { type, name } = item;
  return { ...beside, type, call_id: callId(item.call_id), name, arguments: item.arguments };
}

function writeOutput({ type, call_id, output }: FunctionCallOutput, { standing, beside }: Entry): Json {
  const shown = typeof output === 'string' ? output : shownParts(output, standing);
  return { ...beside, type, call_id: callId(call_id), output: shown };
}

/** Hosted tools' items, and kinds that we do not know: the provider's own and the caller's travel as they are. */
function writeOther(item: OtherItem, entry: Entry): Json | undefined {
  const { id, ...rest } = item;
  if (typeof rest.call_id === 'string') rest.call_id = callId(rest.call_id);
  if (entry.standing === 'foreign') {
    // Run by the caller, whoever asked for it; the only other kind that any model can read.
    return (item.type as string) === 'custom_tool_call' ? rest : undefined;
  }
  const kept = entry.standing === 'own' ? entry.id : callersId(id);
  return kept === undefined ? { ...entry.beside, ...rest } : { ...entry.beside, ...rest, id: kept };
}

/** The gateway's own ids mean nothing to a provider. */
function callersId(id: string | undefined): string | undefined {
  return id === undefined || parseItemId(id) ? undefined : id;
}

/** What OpenAI accepts; ids of other providers may be longer. */
const MAX_CALL_ID = 64;

function callId(id: string): string {
  if (id.length <= MAX_CALL_ID) return id;
  return `call_${new Bun.CryptoHasher('sha256').update(id).digest('hex').slice(0, 40)}`;
}
