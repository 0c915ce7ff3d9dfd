import type { Item, OtherItem } from '../../core/items.ts';
import { isObject } from '../../core/json.ts';
import type { PromptItem } from '../../core/prompt.ts';
import { isServerRun } from '../../core/tool-calls.ts';

type Fields = Record<string, unknown>;

/** A call of a tool that another model can read but that its provider does not have. */
export interface HostedCall {
  name: string;
  /** JSON. */
  args: string;
  /** Absent where the call has no output that another model can read. */
  output?: unknown;
}

/** Call and output of Gemini's tools are parts (`gemini/parts.ts`). */
const GEMINI_CALLS: ReadonlyMap<string, { name: string; output: string }> = new Map([
  ['gemini:executableCode', { name: 'code_execution', output: 'gemini:codeExecutionResult' }],
  ['gemini:toolCall', { name: 'google_tool', output: 'gemini:toolResponse' }],
]);

/** Whether the item is a call of a tool that a provider has, also where the caller runs it (a shell). */
export function isHostedCall(item: Item): boolean {
  const { type } = item;
  if (type === 'function_call') return false;
  if ((type as string) === 'custom_tool_call') return isServerRun(item);
  return /_call$|^(server|mcp)_tool_use$|^program$/.test(type) || GEMINI_CALLS.has(type);
}

const textOr = (value: unknown, otherwise: string): string =>
  typeof value === 'string' && value !== '' ? value : otherwise;

/** The call of an item. Its output is in the item itself or in `result`. */
export function hostedCall(item: OtherItem, result: OtherItem | undefined): HostedCall {
  const { name, args } = nameAndArguments(item);
  const output = result ? outputIn(result) : ownOutput(item);
  return {
    name,
    args: typeof args === 'string' ? args : jsonOf(args ?? {}),
    ...(output !== undefined && { output }),
  };
}

function nameAndArguments(item: OtherItem): { name: string; args: unknown } {
  const type: string = item.type;
  const gemini = GEMINI_CALLS.get(type);
  if (gemini) {
    const part = item[type.slice(type.indexOf(':') + 1)];
    const call: Fields = isObject(part) ? part : {};
    return { name: textOr(call.toolType, gemini.name), args: call.args ?? part };
  }
  const name = textOr(item.name, type.replace(/_call$/, ''));
  return { name, args: item.arguments || item.input || item.action || item.operation || rest(item) };
}

/** Fields that say nothing about what was asked. */
const NOT_ASKED = new Set([
  'type',
  'id',
  'call_id',
  'status',
  'name',
  'execution',
  'caller',
  'container_id',
  'output',
  'outputs',
  'result',
  'image_url',
  'results',
  'error',
  'environment',
  'fingerprint',
]);

function rest(item: OtherItem): Fields {
  return Object.fromEntries(Object.entries(item).filter(([key]) => !NOT_ASKED.has(key)));
}

/** Of calls whose output is a field: MCP, code, files. An image is no text for another model. */
function ownOutput(item: OtherItem): unknown {
  if ((item.type as string) === 'image_generation_call') return undefined;
  return item.output ?? item.outputs ?? item.results ?? item.error ?? undefined;
}

function outputIn(result: OtherItem): unknown {
  const type: string = result.type;
  const part = type.includes(':') ? result[type.slice(type.indexOf(':') + 1)] : undefined;
  return part ?? result.output ?? result.content ?? result.tools ?? result.result ?? '';
}

/**
 * The items that hold the outputs of hosted calls, by the item of their call. OpenAI's have the same `call_id`.
 * Anthropic's results name the call by an id that only Anthropic can see again, so they are matched by the name
 * of the tool, which is a part of the type, and by order. Gemini's follow their calls.
 */
export function hostedOutputs(items: readonly PromptItem[]): Map<PromptItem, PromptItem> {
  const outputs = new Map<PromptItem, PromptItem>();
  let open: PromptItem[] = [];
  for (const entry of items) {
    const item = entry.item as OtherItem;
    if (isHostedCall(item)) open.push(entry);
    else if (item.type === ('message' as string) && (item as { role?: unknown }).role === 'user') open = [];
    else {
      const call = open.find((each) => isOutputOf(item, each.item as OtherItem));
      if (!call) continue;
      outputs.set(call, entry);
      open = open.filter((each) => each !== call);
    }
  }
  return outputs;
}

function isOutputOf(item: OtherItem, call: OtherItem): boolean {
  const type: string = item.type;
  const gemini = GEMINI_CALLS.get(call.type);
  if (gemini) return type === gemini.output;
  if (type.endsWith('_output'))
    return typeof item.call_id === 'string' && item.call_id !== '' && item.call_id === call.call_id;
  if (!type.endsWith('_tool_result') || !/_tool_use$/.test(call.type)) return false;
  const tool = type.slice(0, -'_tool_result'.length);
  const name = textOr(call.name, '?');
  return tool === 'mcp'
    ? (call.type as string) === 'mcp_tool_use'
    : name.startsWith(tool) || tool.startsWith(name);
}

/** Content that only its own provider can read. */
const UNREADABLE = /^encrypted_/;

export const jsonOf = (value: unknown): string =>
  JSON.stringify(value, (key, inner: unknown) => (UNREADABLE.test(key) ? undefined : inner)) ?? '';

/** In UTF-16 units. */
const LONGEST_LINE = 400;

/** A call without an output, as a line of text. */
export function lineOf({ name, args }: HostedCall): string {
  const text = args.length > LONGEST_LINE ? `${args.slice(0, LONGEST_LINE).toWellFormed()}…` : args;
  return `[The tool ${name} was run: ${text.replace(/\s+/g, ' ')}]`;
}
