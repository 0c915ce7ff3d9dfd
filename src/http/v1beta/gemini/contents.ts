import { generatedImage } from '../../../core/generated-images.ts';
import type { FunctionCall, Item, Message, OtherType, Part, Reasoning } from '../../../core/items.ts';
import { isObject } from '../../../core/json.ts';
import { invalid } from '../../v1/fields.ts';
import { CallPairs } from './call-pairs.ts';
import { type InlineData, inlineData, mediaPart, type NamedPart, namedPart } from './media.ts';
import { requireSignature, sealsOf } from './signature.ts';
import { inCamelCase } from './spelling.ts';

type Fields = Record<string, unknown>;

/** The prefix of the type of an item or a part that has no canonical form: `gemini:executableCode`. */
export const PART_KIND = 'gemini:';

/** Where in a request the parts of an item are. */
export interface Place {
  content: number;
  /** The index of the part of the content, by the index of the part of the item. */
  parts: number[];
}

/** The conversation of a request in canonical form. */
export interface ParsedContents {
  items: Item[];
  /** By index: the fields of the item's parts that have no canonical form. */
  natives?: Record<number, unknown>;
  /** By index. */
  places: Place[];
}

const ROLES: ReadonlySet<unknown> = new Set(['user', 'model', 'function', undefined]);

/** Translates `contents` (https://ai.google.dev/api/caching#Content). */
export function parseContents(contents: unknown, param: string): ParsedContents {
  const list = isObject(contents) ? [contents] : contents;
  if (!Array.isArray(list) || list.length === 0) throw invalid(param, 'a non-empty array of contents');
  const writer = new ItemWriter();
  list.forEach((content: unknown, index) => {
    parseContent(writer, content, index, `${param}[${index}]`);
  });
  return writer.parsed();
}

function parseContent(writer: ItemWriter, content: unknown, index: number, param: string): void {
  if (!isObject(content)) throw invalid(param, 'a content object');
  const { role, parts } = content;
  if (!ROLES.has(role)) throw invalid(`${param}.role`, 'user or model');
  if (!Array.isArray(parts)) throw invalid(`${param}.parts`, 'an array of parts');
  writer.begin(role === 'model', index);
  parts.forEach((given: unknown, at) => {
    const path = `${param}.parts[${at}]`;
    if (!isObject(given)) throw invalid(path, 'a part object');
    writer.add(namedPart(inCamelCase(given), path), at, path);
  });
  writer.end();
}

/** One wire part of a text, as the Gemini claw keeps it: its length in UTF-16 units, and its fields beside the text. */
interface Segment extends Fields {
  length: number;
}

/** Makes items of parts. Texts that follow each other are one message, and thoughts one reasoning item. */
class ItemWriter {
  private readonly items: Item[] = [];
  private readonly natives: Record<number, unknown> = {};
  private readonly places: Place[] = [];
  private readonly calls = new CallPairs();
  private isModel = false;
  private content = 0;
  /** The message that the next part may belong to. */
  private message: Message | undefined;
  private place: Place | undefined;
  /** The segments of the open text or thought of the model. */
  private segments: Segment[] = [];
  /** Fields of the parts of a user's message, by the part's index. */
  private beside: Record<number, Fields> = {};
  /** A thought that is still open. A seal after it holds its text, too. */
  private thought: { text: string; at: number } | undefined;

  begin(isModel: boolean, content: number): void {
    this.isModel = isModel;
    this.content = content;
  }

  end(): void {
    this.endThought();
    this.endMessage();
  }

  parsed(): ParsedContents {
    const { items, natives, places } = this;
    return { items, places, natives: Object.keys(natives).length > 0 ? natives : undefined };
  }

  add({ kind, value, fields }: NamedPart, at: number, param: string): void {
    const { thoughtSignature, ...rest } = fields;
    requireSignature(thoughtSignature, `${param}.thoughtSignature`);
    const seals = sealsOf(thoughtSignature);
    const beside = seals ? rest : fields;
    if (seals) this.addSeals(seals, at);
    if (kind === 'functionResponse') this.addOutput(value, at, param);
    else if (!this.isModel) this.addToUser(kind, value, beside, at, param);
    else if (kind === 'text') this.addText(value as string, beside, at);
    else if (kind === 'functionCall') this.addCall(value, beside, at, param);
    else this.addOther(kind, value, beside, at, param);
  }

  private push(item: Item, at: number, native?: Fields): void {
    if (native && Object.keys(native).length > 0) this.natives[this.items.length] = native;
    this.items.push(item);
    this.places.push({ content: this.content, parts: [at] });
  }

  private addSeals(seals: readonly string[], at: number): void {
    this.thought = undefined;
    this.segments = [];
    for (const encrypted_content of seals)
      this.push({ type: 'reasoning', summary: [], encrypted_content }, at);
  }

  private addText(text: string, { thought, ...fields }: Fields, at: number): void {
    if (thought === true) {
      this.endMessage();
      this.thought ??= { text: '', at };
      this.thought.text += text;
      this.addSegment(text.length, fields);
      return;
    }
    // A signature alone may belong to the thought, the text or the call before it.
    if (text === '' && Object.keys(fields).length === 0) return;
    this.endThought();
    const message = this.openMessage(at);
    const part = message.content.at(-1);
    if (part?.type === 'output_text') part.text += text;
    else message.content.push({ type: 'output_text', text, annotations: [] });
    this.addSegment(text.length, fields);
  }

  /** As the claw reads an answer: neighbours without fields are one. */
  private addSegment(length: number, fields: Fields): void {
    const last = this.segments.at(-1);
    const isBare = Object.keys(fields).length === 0;
    if (last && isBare && Object.keys(last).length === 1) last.length += length;
    else this.segments.push({ ...fields, length });
  }

  private openMessage(at: number): Message {
    if (this.message) {
      this.place!.parts.push(at);
      return this.message;
    }
    const message: Message = { type: 'message', role: this.isModel ? 'assistant' : 'user', content: [] };
    this.push(message, at);
    this.message = message;
    this.place = this.places.at(-1);
    return message;
  }

  private endMessage(): void {
    if (!this.message) return;
    const index = this.items.indexOf(this.message);
    const native = this.isModel ? nativeOfText(this.segments) : nativeOfUser(this.beside);
    if (native) this.natives[index] = native;
    this.message = undefined;
    this.segments = [];
    this.beside = {};
  }

  /** A thought that no seal follows: text of Google's own, which only a provider of this protocol is given. */
  private endThought(): void {
    if (!this.thought) return;
    const { text, at } = this.thought;
    const item: Reasoning = { type: 'reasoning', summary: [], content: [{ type: 'reasoning_text', text }] };
    this.push(item, at, nativeOfText(this.segments) ?? { thought: true });
    this.thought = undefined;
    this.segments = [];
  }

  private addCall(value: unknown, fields: Fields, at: number, param: string): void {
    this.end();
    if (!isObject(value)) throw invalid(`${param}.functionCall`, 'an object with a name');
    const { id, name, args, ...further } = inCamelCase(value);
    if (typeof name !== 'string' || name === '') throw invalid(`${param}.functionCall.name`, 'a name');
    if (args !== undefined && args !== null && !isObject(args))
      throw invalid(`${param}.functionCall.args`, 'an object');
    const given = typeof id === 'string' && id !== '' ? id : undefined;
    const call: FunctionCall = {
      type: 'function_call',
      call_id: this.calls.call(name, given),
      name,
      arguments: JSON.stringify(args ?? {}),
    };
    this.push(call, at, {
      ...(given !== undefined && { givenId: true }),
      ...fields,
      ...(Object.keys(further).length > 0 && { call: further }),
    });
  }

  private addOutput(value: unknown, at: number, param: string): void {
    this.end();
    const path = `${param}.functionResponse`;
    if (!isObject(value)) throw invalid(path, 'an object with a name and a response');
    const { id, name, response, parts, ...further } = inCamelCase(value);
    if (typeof name !== 'string' || name === '') throw invalid(`${path}.name`, 'the name of a function');
    if (response !== undefined && response !== null && !isObject(response))
      throw invalid(`${path}.response`, 'an object');
    const given = typeof id === 'string' && id !== '' ? id : undefined;
    const call_id = this.calls.output(name, given);
    if (call_id === undefined) throw invalid(path, `a call of \`${name}\` before its response`);
    const { text, key } = outputText(response ?? {});
    const media = parts === undefined || parts === null ? [] : mediaOf(parts, `${path}.parts`);
    const output: string | Part[] = media.length > 0 ? [{ type: 'input_text', text }, ...media] : text;
    const native = { ...(key !== undefined && { key }), ...further };
    this.push({ type: 'function_call_output', call_id, output }, at, native);
  }

  private addToUser(kind: string, value: unknown, fields: Fields, at: number, param: string): void {
    const message = this.openMessage(at);
    const media = kind === 'text' ? undefined : mediaPart(kind, value, param);
    const part: Part =
      kind === 'text'
        ? { type: 'input_text', text: value as string }
        : (media?.part ?? { ...{ [kind]: value }, type: `${PART_KIND}${kind}` as OtherType });
    const beside = { ...fields, ...media?.beside };
    if (Object.keys(beside).length > 0) this.beside[message.content.length] = beside;
    message.content.push(part);
  }

  /** Images, and what has no canonical form: an item each, as the claw reads an answer. */
  private addOther(kind: string, value: unknown, fields: Fields, at: number, param: string): void {
    this.end();
    const content = kind === 'inlineData' ? inlineData(value, `${param}.inlineData`) : value;
    const image = kind === 'inlineData' ? imageOf(content as InlineData) : undefined;
    if (image) {
      this.push(image, at, fields);
      return;
    }
    const { thoughtSignature, ...rest } = fields;
    const signed = thoughtSignature === undefined ? undefined : { thoughtSignature };
    this.push({ ...rest, [kind]: content, type: `${PART_KIND}${kind}` as OtherType }, at, signed);
  }
}

const imageOf = ({ mimeType, data }: InlineData): Item | undefined =>
  mimeType.startsWith('image/') ? generatedImage(mimeType.slice('image/'.length), data) : undefined;

/**
 * What a function returned, as other APIs have it. "Use "output" key to specify function output"
 * (https://ai.google.dev/api/caching#FunctionResponse); SDKs also write `result`. Any other response is JSON as a whole.
 */
function outputText(response: Fields): { text: string; key?: string } {
  const [key, ...others] = Object.keys(response);
  const value = key === undefined ? undefined : response[key];
  const isWrapped = others.length === 0 && (key === 'output' || key === 'result');
  return isWrapped && typeof value === 'string' ? { text: value, key } : { text: JSON.stringify(response) };
}

function mediaOf(parts: unknown, param: string): Part[] {
  if (!Array.isArray(parts)) throw invalid(param, 'an array of parts');
  return parts.map((given: unknown, index) => {
    const path = `${param}[${index}]`;
    if (!isObject(given)) throw invalid(path, 'a part object');
    const { kind, value } = namedPart(inCamelCase(given), path);
    const media = mediaPart(kind, value, path);
    if (!media) throw invalid(path, 'a part with inlineData or fileData');
    return media.part;
  });
}

/** As the claw writes it (`claws/gemini/native.ts`): the fields alone where the text is one part. */
function nativeOfText(segments: readonly Segment[]): Fields | undefined {
  if (segments.every((segment) => Object.keys(segment).length === 1)) return undefined;
  if (segments.length > 1) return { parts: segments };
  const { length: _, ...fields } = segments[0]!;
  return fields;
}

const nativeOfUser = (beside: Record<number, Fields>): Fields | undefined =>
  Object.keys(beside).length > 0 ? { beside } : undefined;
