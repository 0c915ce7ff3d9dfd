import { argumentsOf } from '../../../core/call-arguments.ts';
import { generatedImageUrl } from '../../../core/generated-images.ts';
import type { FunctionCall, Item, Message, Reasoning } from '../../../core/items.ts';
import { isObject } from '../../../core/json.ts';
import type { Tenant } from '../../../core/request.ts';
import { type Seal, thoughtOf } from '../../../core/seal.ts';
import { isHalfCall, isServerRun } from '../../../core/tool-calls.ts';

/** Output items as content blocks. */

export type Fields = Record<string, unknown>;
export type Block = Fields & { type: string };

/** The provider of an answer. */
export interface AnsweredBy {
  provider: string;
  protocol: string;
}

/** What the blocks of an answer depend on, beside its items. */
export interface Answering {
  by: AnsweredBy | undefined;
  tenant: Tenant;
  seal: Seal;
}

/** Whether the provider speaks this dialect: its items have the form of blocks already. */
export const isOwn = (by: AnsweredBy | undefined): boolean => by?.protocol === 'anthropic';

/** The blocks of an item of a whole answer: none for what this API has no form for. */
export function blocksOf(item: Item, native: unknown, answering: Answering): Block[] {
  const fields = isOwn(answering.by) && isObject(native) ? native : {};
  switch (item.type) {
    case 'message':
      return messageBlocks(item, fields);
    case 'reasoning':
      return [thoughtBlock(item, native, answering)];
    case 'function_call':
      return isShownCall(item) ? [{ ...toolUse(item, fields), input: inputOf(item) }] : [];
    default:
      return isOwn(answering.by) ? [ownBlock(item as Item & Block, fields)] : imageBlocks(item);
  }
}

/**
 * Each text is a block. A refusal is in the message's `stop_details`, as Anthropic shows its own refusals: clients
 * would send a text back as a part of the answer.
 */
function messageBlocks({ content }: Message, { parts }: Fields): Block[] {
  return content.flatMap((part, index): Block[] => {
    if (part.type !== 'output_text') return [];
    const further = isObject(parts) && isObject(parts[index]) ? parts[index] : undefined;
    const citations = part.annotations.flatMap(citationOf);
    const block: Block = { type: 'text', text: part.text, ...further };
    return [citations.length > 0 ? { ...block, citations } : block];
  });
}

/** A citation as this API shows it. Citations of web pages by other providers have no index of their own. */
export function citationOf(annotation: unknown): Fields[] {
  if (!isObject(annotation)) return [];
  if (isObject(annotation.citation)) return [annotation.citation];
  const { type, url, title } = annotation;
  if (typeof type === 'string' && type.endsWith('_location')) return [annotation];
  if (type !== 'url_citation' || typeof url !== 'string') return [];
  const found = { type: 'web_search_result_location', cited_text: '', url };
  return [{ ...found, title: typeof title === 'string' ? title : null, encrypted_index: '' }];
}

/**
 * A thought. That of a provider of this API has its own signature or data; any other has a seal as its signature,
 * and its text is what the provider shows of it.
 */
function thoughtBlock(item: Reasoning, native: unknown, answering: Answering): Block {
  const fields = isOwn(answering.by) && isObject(native) ? native : {};
  const { encrypted_content: data } = item;
  if (isRedacted(item, answering.by)) return { type: 'redacted_thinking', data, ...fields };
  const signature = signatureOf(item, native, answering);
  return { type: 'thinking', thinking: textOf(item), signature, ...fields };
}

/** Whether a thought of this API's providers can only be read by them. */
export const isRedacted = ({ encrypted_content }: Reasoning, by: AnsweredBy | undefined): boolean =>
  isOwn(by) && typeof encrypted_content === 'string';

export function signatureOf(item: Reasoning, native: unknown, { by, tenant, seal }: Answering): string {
  if (isOwn(by)) return isObject(native) && typeof native.signature === 'string' ? native.signature : '';
  return by && item.status !== 'incomplete' ? seal(thoughtOf(item, native, by), tenant) : '';
}

/** What is between two parts of a thought. */
export const PART_END = '\n\n';

const textOf = ({ content, summary }: Reasoning): string =>
  (content?.length ? content : summary).map(({ text }) => text).join(PART_END);

/** Calls for the client. A call that was cut is left out: the client would run it. */
export const isShownCall = (call: FunctionCall): boolean => !isServerRun(call) && !isHalfCall(call);

export const toolUse = ({ call_id, name }: FunctionCall, native: Fields): Block => ({
  ...{ type: 'tool_use', id: call_id, name },
  ...native,
});

const inputOf = (call: FunctionCall): unknown => JSON.parse(argumentsOf(call));

/** A block that has no canonical form, with the id that its provider gave to it. */
export function ownBlock({ id: _, ...block }: Item & Block, { id, status: __ }: Fields): Block {
  return id === undefined ? block : { ...block, id };
}

/** This API has no images of models. An image has the form of one that a user sends. */
export function imageBlocks(item: Item): Block[] {
  const url = generatedImageUrl(item);
  if (url === undefined) return [];
  const inline = /^data:([^;,]+);base64,/.exec(url);
  const source = inline
    ? { type: 'base64', media_type: inline[1], data: url.slice(inline[0].length) }
    : { type: 'url', url };
  return [{ type: 'image', source }];
}
