import { argumentsOf } from '../../../core/call-arguments.ts';
import { generatedImageUrl } from '../../../core/generated-images.ts';
import {
  type FunctionCall,
  type Item,
  type Message,
  messageText,
  type OtherItem,
  type Reasoning,
  reasoningText,
} from '../../../core/items.ts';
import { isObject } from '../../../core/json.ts';
import type { Tenant } from '../../../core/request.ts';
import { type Seal, thoughtOf } from '../../../core/seal.ts';
import { isHalfCall, isServerRun } from '../../../core/tool-calls.ts';
import { PART_KIND } from './contents.ts';
import { signatureOf } from './signature.ts';

type Fields = Record<string, unknown>;

/** A part as a reply has it (https://ai.google.dev/api/caching#Part). */
export type WirePart = Fields;

/** The provider that made an answer. */
export interface MadeBy {
  provider: string;
  protocol: string;
}

/** Whether natives of the provider are part fields of this API. */
export const isOwn = (by: MadeBy | undefined): boolean => by?.protocol === 'gemini';

/**
 * The seals of reasoning for which no part has been written yet. As Google's signatures, they are on the part that
 * follows the thought: clients send that part back even where they drop thoughts.
 */
export class PendingSeals {
  private seals: string[] = [];

  constructor(
    private readonly seal: Seal,
    private readonly tenant: Tenant,
  ) {}

  add(item: Reasoning, native: unknown, by: MadeBy): void {
    this.seals.push(this.seal(thoughtOf(item, native, by), this.tenant));
  }

  forget(): void {
    this.seals = [];
  }

  /** The field of the next part. */
  take(): { thoughtSignature?: string } {
    if (this.seals.length === 0) return NOTHING;
    const thoughtSignature = signatureOf(this.seals);
    this.seals = [];
    return { thoughtSignature };
  }
}

const NOTHING = {};

/** What the parts of an answer depend on beside its items. */
export interface AnswerFacts {
  by?: MadeBy;
  natives?: Record<number, unknown>;
  /** The answer broke off: calls that were cut are left out. */
  isCut: boolean;
  /** Absent for further choices: their reasoning is not sealed. */
  pending?: PendingSeals;
}

/** The parts of one choice of a whole answer. */
export function partsOf(items: readonly Item[], { by, natives, isCut, pending }: AnswerFacts): WirePart[] {
  const parts: WirePart[] = [];
  const own = isOwn(by);
  items.forEach((item, index) => {
    const native = natives?.[index];
    if (item.type === 'reasoning') {
      parts.push(...thoughtParts(item, own ? native : undefined));
      if (by && !own && item.status !== 'incomplete') pending?.add(item, native, by);
    } else if (item.type === 'message') {
      parts.push(...textParts(item, own ? native : undefined, pending));
    } else if (!(isCut && isHalfCall(item))) {
      const part = partOf(item, own ? native : undefined);
      if (part) parts.push({ ...part, ...pending?.take() });
    }
  });
  const left = pending?.take();
  if (left?.thoughtSignature !== undefined) parts.push({ text: '', ...left });
  return parts;
}

/** Of a reasoning item that only carries the signature of another item, nothing is shown: that item has it, too. */
function thoughtParts(item: Reasoning, native: unknown): WirePart[] {
  const { carries: _, ...fields } = isObject(native) ? native : {};
  return segmentsOf(reasoningText(item), fields, { thought: true });
}

/** Refusals are shown as the reason of the finish. */
function textParts(message: Message, native: unknown, pending: PendingSeals | undefined): WirePart[] {
  const text = messageText(message);
  if (native !== undefined) return segmentsOf(text, native, {});
  return text === '' ? [] : [{ text, ...pending?.take() }];
}

/** The parts of a text by the claw's native (`claws/gemini/native.ts`): each with its length and its fields. */
function segmentsOf(text: string, native: unknown, base: WirePart): WirePart[] {
  const { parts, ...fields } = isObject(native) ? native : {};
  if (!Array.isArray(parts))
    return text === '' && Object.keys(fields).length === 0 ? [] : [{ text, ...base, ...fields }];
  let at = 0;
  return parts.filter(isObject).map(({ length, ...beside }) => {
    const end = at + Number(length);
    const part = { text: text.slice(at, end), ...base, ...beside };
    at = end;
    return part;
  });
}

/** The fields that the native of a text adds after its last character, for a stream that has sent the text. */
export function closingFields(native: unknown): Fields | undefined {
  if (!isObject(native)) return undefined;
  const { parts, carries: _, ...fields } = native;
  const all: Fields = Array.isArray(parts)
    ? Object.assign({}, ...parts.filter(isObject).map(({ length: __, ...beside }) => beside))
    : fields;
  return Object.keys(all).length > 0 ? all : undefined;
}

/** The part of an item that is neither text nor reasoning; `undefined` for what this API cannot show. */
export function partOf(item: Item, native: unknown): WirePart | undefined {
  if (item.type === 'function_call') return callPart(item, native);
  const url = generatedImageUrl(item);
  if (url !== undefined) return { ...imagePart(url), ...(isObject(native) ? native : undefined) };
  const { type, id: _id, status: _status, ...part } = item as OtherItem;
  if ((type as string) === 'custom_tool_call' && !isServerRun(item))
    return { functionCall: { id: part.call_id, name: part.name, args: { input: part.input ?? '' } } };
  if (!type.startsWith(PART_KIND)) return undefined;
  return { ...part, ...(isObject(native) ? native : undefined) };
}

/** Every call has its id: a client that sends it back is understood in every session and at every provider. */
function callPart(call: FunctionCall, native: unknown): WirePart {
  const { givenId: _, call: beside, ...fields } = isObject(native) ? native : {};
  const args: unknown = JSON.parse(argumentsOf(call));
  const functionCall = {
    id: call.call_id,
    name: call.name,
    args,
    ...(isObject(beside) ? beside : undefined),
  };
  return { functionCall, ...fields };
}

function imagePart(url: string): WirePart {
  const comma = url.startsWith('data:') ? url.indexOf(',') : -1;
  if (comma === -1) return { fileData: { fileUri: url } };
  const [mimeType = ''] = url.slice('data:'.length, comma).split(';');
  return { inlineData: { mimeType, data: url.slice(comma + 1) } };
}
