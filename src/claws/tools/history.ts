import { isGeneratedImage } from '../../core/generated-images.ts';
import { parseItemId } from '../../core/ids.ts';
import type { FunctionCall, FunctionCallOutput, Item, OtherItem, OtherType, Part } from '../../core/items.ts';
import { isObject } from '../../core/json.ts';
import type { Prompt, PromptItem, ProtocolName } from '../../core/prompt.ts';
import { isOutput, isServerRun } from '../../core/tool-calls.ts';
import { argumentsOf } from './custom-input.ts';
import { hostedCall, hostedOutputs, isHostedCall, jsonOf, lineOf } from './hosted-calls.ts';
import type { ToolNames } from './names.ts';
import { renamed } from './property-names.ts';
import type { ToolTable } from './table.ts';

/** Where the calls of a history are sent. */
export interface Destination {
  /** The provider's id. */
  provider: string;
  protocol: ProtocolName;
  table: ToolTable;
  names: ToolNames;
}

/**
 * The items of a prompt with calls that the provider can read:
 * - calls of custom tools and of namespaces are calls of the functions that stand for those tools.
 * - arguments have the names that the provider knows.
 * - calls that a tool of another provider made, and those of tools that this one lacks, are function calls with
 *   their outputs. Without an output they are one line of text.
 * Returns `prompt.items` itself where nothing changes.
 */
export function readableItems(prompt: Prompt, destination: Destination): PromptItem[] {
  const { items } = prompt;
  if (items.every(({ item }) => isPlain(item, destination))) return items;
  return new Writer(prompt, destination).all();
}

function isPlain(item: Item, { table, names }: Destination): boolean {
  if (item.type === 'message' || item.type === 'reasoning' || item.type === 'function_call_output')
    return true;
  if (item.type !== 'function_call') return false;
  if (item.namespace !== undefined && table.own.test('namespace')) return true;
  const { name, namespace } = item;
  return (
    names.sentFor({ kind: 'function', name, namespace }) === name &&
    namespace === undefined &&
    names.propertiesOf(name) === undefined
  );
}

class Writer {
  private readonly out: PromptItem[] = [];
  private readonly outputs: ReadonlyMap<PromptItem, PromptItem>;
  private readonly isOutput: ReadonlySet<PromptItem>;
  /** Calls of the caller's tools that have no output yet, and the index in `out` of the first of them. */
  private readonly open = new Set<string>();
  private firstOpen = 0;
  /** By call id: the type that the output of a call must have. */
  private readonly outputTypes = new Map<string, string>();
  private hosted = 0;

  constructor(
    private readonly prompt: Prompt,
    private readonly to: Destination,
  ) {
    // An output that the caller wrote belongs to its call, even if the provider does not know the call.
    const isForeign = (entry: PromptItem) => isOutput(entry.item) || !this.isUnderstood(entry);
    this.outputs = hostedOutputs(prompt.items.filter(isForeign));
    this.isOutput = new Set(this.outputs.values());
  }

  all(): PromptItem[] {
    for (const entry of this.prompt.items) this.add(entry);
    return this.out;
  }

  private add(entry: PromptItem): void {
    const { item } = entry;
    const type: string = item.type;
    if (item.type === 'function_call') this.addCall(entry, this.named(item), 'function_call_output');
    else if (type === 'custom_tool_call' && !isServerRun(item)) this.addCustom(entry, item as OtherItem);
    else if (this.isOutput.has(entry)) return;
    else if (type.endsWith('_output')) this.addOutput(entry, item as OtherItem);
    else if (isHostedCall(item) && !this.isUnderstood(entry)) this.addHosted(entry, item as OtherItem);
    // A client may send back what the provider of an earlier answer wrote in its own words.
    else if (entry.origin !== undefined || !isOtherKind(item, this.to)) this.out.push(entry);
  }

  /** Whether the provider reads the item as it is: its own, or the caller's in this protocol's form. */
  private isUnderstood({ item, origin, protocol }: PromptItem): boolean {
    if (this.to.table.takesImages && isGeneratedImage(item)) return true;
    if (origin !== undefined) return origin === this.to.provider && protocol === this.to.protocol;
    // An image that the caller sends is not an image that OpenAI has stored, unless it has an id of OpenAI.
    if (isGeneratedImage(item) && !hasOwnId(item)) return false;
    if (isOtherKind(item, this.to)) return false;
    // In both of OpenAI's dialects, callers' other items have the form of the Responses API.
    if (this.to.protocol === 'openai-responses') return true;
    const isOwn = this.prompt.dialect === this.to.protocol;
    return this.to.protocol === 'openai-chat' ? isOwn && (item.type as string) === 'custom_tool_call' : isOwn;
  }

  private named(call: FunctionCall): FunctionCall {
    const { table, names } = this.to;
    const { namespace, ...rest } = call;
    if (namespace !== undefined && table.own.test('namespace')) return call;
    const name = names.sentFor({ kind: 'function', name: call.name, namespace });
    const properties = names.propertiesOf(name);
    if (!properties) return { ...rest, name };
    return { ...rest, name, arguments: renamed(call.arguments, properties.sent) };
  }

  private addCall(entry: PromptItem, item: Item, outputType: string): void {
    const { call_id } = item as { call_id: string };
    if (this.open.size === 0) this.firstOpen = this.beforeReasoning();
    this.open.add(call_id);
    this.outputTypes.set(call_id, outputType);
    this.out.push(entry.item === item ? entry : { ...entry, item });
  }

  private addCustom(entry: PromptItem, item: OtherItem): void {
    if (
      this.to.table.own.test('custom') &&
      (this.to.protocol === 'openai-responses' || this.isUnderstood(entry))
    ) {
      this.addCall(entry, item, 'custom_tool_call_output');
      return;
    }
    const name = this.to.names.sentFor({
      kind: 'custom',
      name: String(item.name),
      namespace: typeof item.namespace === 'string' ? item.namespace : undefined,
    });
    const { call_id, status } = item as OtherItem & { call_id: string; status?: FunctionCall['status'] };
    const call: FunctionCall = {
      type: 'function_call',
      call_id,
      name,
      arguments: argumentsOf(String(item.input ?? '')),
      ...(status && { status }),
    };
    this.addCall(entry, call, 'function_call_output');
  }

  /** An output takes the form of its call. */
  private addOutput(entry: PromptItem, item: OtherItem): void {
    const callId = String(item.call_id);
    this.open.delete(callId);
    const wanted = this.outputTypes.get(callId);
    if (wanted === undefined || wanted === item.type) this.out.push(entry);
    else if (wanted === 'function_call_output') {
      this.out.push({ ...entry, item: outputOf(callId, item.output) });
    } else this.out.push({ ...entry, item: { ...item, type: wanted as OtherType } });
  }

  private addHosted(entry: PromptItem, item: OtherItem): void {
    const result = this.outputs.get(entry);
    const call = hostedCall(item, result?.item as OtherItem | undefined);
    const { origin } = entry;
    if (call.output === undefined) {
      const text = lineOf(call);
      this.out.push({
        origin,
        item: {
          type: 'message',
          role: 'assistant',
          content: [{ type: 'output_text', text, annotations: [] }],
        },
      });
      return;
    }
    const call_id = `hosted_${++this.hosted}`;
    const name = this.to.names.sentFor({ kind: 'function', name: call.name });
    const pair: PromptItem[] = [
      { origin, item: { type: 'function_call', call_id, name, arguments: objectText(call.args) } },
      { origin, item: outputOf(call_id, call.output) },
    ];
    // Nothing may come between the caller's calls and their outputs.
    if (this.open.size === 0) this.out.push(...pair);
    else {
      this.out.splice(this.firstOpen, 0, ...pair);
      this.firstOpen += pair.length;
    }
  }

  /** The index at which reasoning begins that ends with the items so far. It belongs to what follows it. */
  private beforeReasoning(): number {
    return this.out.findLastIndex(({ item }) => item.type !== 'reasoning') + 1;
  }
}

/** Kinds of items that answers of one protocol alone have, in its own words. */
const OWN_KINDS: readonly [ProtocolName, RegExp][] = [
  ['gemini', /^gemini:/],
  ['anthropic', /_tool_(use|result)$|^container_upload$/],
];

/** Whether the item is of a kind that only another protocol has. */
const isOtherKind = ({ type }: Item, { protocol }: Destination): boolean =>
  OWN_KINDS.some(([own, kinds]) => own !== protocol && kinds.test(type));

/** Whether a provider gave the item its id. */
const hasOwnId = ({ id }: Item): boolean => id !== undefined && !parseItemId(id);

/** Providers take only objects as arguments. */
function objectText(args: string): string {
  try {
    const value: unknown = JSON.parse(args);
    if (isObject(value)) return args;
  } catch {
    // Text that is not JSON is wrapped below.
  }
  return JSON.stringify({ input: args });
}

function outputOf(call_id: string, output: unknown): FunctionCallOutput {
  return { type: 'function_call_output', call_id, output: contentOf(output) };
}

function contentOf(output: unknown): FunctionCallOutput['output'] {
  if (typeof output === 'string') return output;
  if (Array.isArray(output) && output.length > 0 && output.every(isPart)) return output;
  const { type, image_url } = (output ?? {}) as { type?: unknown; image_url?: unknown };
  if (type === 'computer_screenshot' && typeof image_url === 'string')
    return [{ type: 'input_image', image_url }];
  return jsonOf(output);
}

function isPart(value: unknown): value is Part {
  const { type, text } = (value ?? {}) as { type?: unknown; text?: unknown };
  return type === 'input_text' ? typeof text === 'string' : type === 'input_image' || type === 'input_file';
}
