import type { Delta } from '../../core/delta.ts';
import type { Item, OtherItem, OtherType } from '../../core/items.ts';
import type { Prompt } from '../../core/prompt.ts';
import type { CustomTool, FunctionTool, Settings, Tool, ToolChoice } from '../../core/settings.ts';
import { CustomInput, functionOf, inputOf } from './custom-input.ts';
import { type Destination, readableItems } from './history.ts';
import { type NamedTool, ToolNames } from './names.ts';
import { namedSchema, Renaming, renamed } from './property-names.ts';
import { topObject } from './schema.ts';
import { fateOf, isCustom } from './table.ts';

/** A prompt whose tools and calls the provider has, and the way back for its answer. */
export interface Translated {
  prompt: Prompt;
  /** The deltas of the answer, in order, with the caller's own tools in them. */
  restore(deltas: readonly Delta[]): readonly Delta[];
}

/**
 * Translates tools, the choice of a tool and the calls of the history for one provider. What becomes of a tool is
 * in `table.ts`; tools that the provider lacks are left out.
 */
export function translateTools(prompt: Prompt, api: ProviderApi): Translated {
  const target: Destination = { ...api, names: new ToolNames(api.table) };
  const settings = translatedSettings(prompt, target);
  const items = readableItems(prompt, target);
  const isSame = settings === prompt.settings && items === prompt.items;
  return { prompt: isSame ? prompt : { ...prompt, settings, items }, restore: restorer(target.names) };
}

/** The API of a provider: its id, protocol and tools. */
export type ProviderApi = Omit<Destination, 'names'>;

/** A tool that is sent, with the tool of the caller that it stands for. */
interface SentTool {
  tool: Tool;
  /** Absent for hosted tools that are sent unchanged. */
  of?: NamedTool | { kind: 'mapped'; type: string };
}

function translatedSettings(prompt: Prompt, target: Destination): Settings {
  const { settings } = prompt;
  const { tools = [], tool_choice } = settings;
  if (tools.length === 0) return settings;
  reserveNames(tools, target);
  const sent = tools.flatMap((tool) => sentTools(tool, prompt, target));
  const isSame = sent.length === tools.length && sent.every(({ tool }, index) => tool === tools[index]);
  if (isSame) return settings;
  const { tools: _tools, tool_choice: _choice, ...rest } = settings;
  if (sent.length === 0) return rest;
  const choice = tool_choice && translatedChoice(tool_choice, sent, target);
  return { ...rest, tools: sent.map(({ tool }) => tool), ...(choice && { tool_choice: choice }) };
}

/** A function whose own name is valid keeps it. */
function reserveNames(tools: readonly Tool[], { names }: Destination): void {
  for (const { type, name } of tools as { type: string; name: string }[]) {
    const tool: NamedTool = { kind: 'function', name };
    if (type === 'function' && names.isValid(tool)) names.sentFor(tool);
  }
}

function sentTools(tool: Tool, { dialect, settings }: Prompt, target: Destination): SentTool[] {
  const ownVocabulary = dialect === target.protocol;
  const decided = fateOf(tool, target.table, ownVocabulary, settings.tools ?? []);
  switch (decided.fate) {
    case 'unchanged':
      return [tool.type === 'function' ? sentFunction(tool as FunctionTool, undefined, target) : { tool }];
    case 'mapped':
      return [{ tool: decided.tool, of: { kind: 'mapped', type: tool.type } }];
    case 'function':
      return [sentFunction(decided.tool, undefined, target)];
    case 'flattened': {
      const { name, description, tools } = decided.tool;
      return tools.map((inner) => sentFunction(described(inner, description), name, target));
    }
    case 'lacking':
      return [];
  }
}

function described<Inner extends FunctionTool | CustomTool>(
  tool: Inner,
  namespace: string | null | undefined,
): Inner {
  const description = [namespace, tool.description].filter(Boolean).join('\n');
  return description === '' ? tool : { ...tool, description };
}

function sentFunction(
  tool: FunctionTool | CustomTool,
  namespace: string | undefined,
  { names, table }: Destination,
): SentTool {
  const of: NamedTool = { kind: isCustom(tool) ? 'custom' : 'function', name: tool.name, namespace };
  const name = names.sentFor(of);
  const fn = isCustom(tool) ? functionOf(tool) : tool;
  const parameters = fn.parameters && sentSchema(fn.parameters, name, { names, table });
  if (name === fn.name && parameters === fn.parameters) return { tool: fn, of };
  return { tool: { ...fn, name, ...(parameters && { parameters }) }, of };
}

function sentSchema(
  parameters: Record<string, unknown>,
  name: string,
  { names, table }: Pick<Destination, 'names' | 'table'>,
): Record<string, unknown> {
  const top = topObject(parameters);
  if (!table.properties) return top;
  const { schema, names: properties } = namedSchema(top, table.properties);
  if (properties) names.noteProperties(name, properties);
  return schema;
}

/** The choice among the tools that are sent. Undefined where the chosen tool is left out. */
function translatedChoice(choice: ToolChoice, sent: SentTool[], target: Destination): ToolChoice | undefined {
  if (typeof choice === 'string') return choice;
  const fields = choice as Record<string, unknown>;
  if (fields.type === 'allowed_tools' && Array.isArray(fields.tools)) {
    const tools = fields.tools.flatMap((one: unknown) => chosen(one, sent, target));
    return { ...fields, type: 'allowed_tools' as OtherType, tools };
  }
  return chosen(choice, sent, target)[0] as ToolChoice | undefined;
}

/** The sent tools that a choice names, in the words of a choice. */
function chosen(choice: unknown, sent: SentTool[], { protocol }: Destination): Record<string, unknown>[] {
  const { type, name, namespace } = (choice ?? {}) as Record<string, unknown>;
  if (type === 'function' || type === 'custom' || type === 'namespace') {
    const matches = sent.filter(({ of }) => {
      if (of === undefined || of.kind === 'mapped') return false;
      if (type === 'namespace') return of.namespace === name;
      return of.kind === type && of.name === name && (namespace === undefined || of.namespace === namespace);
    });
    if (matches.length > 0) return matches.map(({ tool }) => ({ type: 'function', name: tool.name }));
  }
  if (sent.some(({ tool, of }) => of === undefined && tool.type === type))
    return [choice as Record<string, unknown>];
  const mapped = sent.find(({ of }) => of?.kind === 'mapped' && of.type === type)?.tool;
  if (!mapped) return [];
  // Anthropic chooses hosted tools by name, Gemini cannot choose them.
  if (protocol === 'anthropic') return [{ type: 'tool', name: mapped.name }];
  return protocol === 'gemini' ? [] : [{ type: mapped.type }];
}

/** Restores the names, kinds and arguments of the caller's tools in the calls of an answer. */
function restorer(names: ToolNames): Translated['restore'] {
  const inputs: Restoring['inputs'] = new Map();
  return (deltas) => {
    const restored: Delta[] = [];
    for (const delta of deltas) restore(delta, { names, inputs, restored });
    return restored;
  };
}

interface Restoring {
  names: ToolNames;
  /** The open calls whose arguments change, by index. */
  inputs: Map<number, CustomInput | Renaming>;
  restored: Delta[];
}

function restore(delta: Delta, { names, inputs, restored }: Restoring): void {
  switch (delta.type) {
    case 'item-start': {
      const item = restoredItem(delta.item, names);
      const properties = propertiesOf(delta.item, names);
      if (properties) inputs.set(delta.index, new Renaming(properties.own));
      if (item !== delta.item && (item.type as string) === 'custom_tool_call') {
        inputs.set(delta.index, new CustomInput());
        restored.push({ ...delta, item: { ...(item as OtherItem), input: '' } });
      } else restored.push(item === delta.item ? delta : { ...delta, item });
      return;
    }
    case 'arguments-delta': {
      const input = inputs.get(delta.index);
      const text = input ? input.push(delta.text) : delta.text;
      if (text !== '') restored.push(input ? { ...delta, text } : delta);
      return;
    }
    case 'item-end': {
      const text = inputs.get(delta.index)?.end() ?? '';
      inputs.delete(delta.index);
      if (text !== '') restored.push({ type: 'arguments-delta', index: delta.index, text });
      restored.push(delta.item ? { ...delta, item: restoredItem(delta.item, names) } : delta);
      return;
    }
    default:
      restored.push(delta);
  }
}

const propertiesOf = (item: Item, names: ToolNames) =>
  item.type === 'function_call' ? names.propertiesOf(item.name) : undefined;

function restoredItem(received: Item, names: ToolNames): Item {
  const properties = propertiesOf(received, names);
  const item =
    received.type === 'function_call' && properties
      ? { ...received, arguments: renamed(received.arguments, properties.own) }
      : received;
  if (item.type !== 'function_call') return item;
  const tool = names.toolOf(item.name);
  if (!tool) return item;
  const { kind, name, namespace } = tool;
  const beside = namespace === undefined ? {} : { namespace };
  if (kind === 'function') {
    return name === item.name && namespace === undefined ? item : { ...item, name, ...beside };
  }
  const { type: _type, arguments: args, ...rest } = item;
  return {
    ...rest,
    type: 'custom_tool_call' as OtherType,
    name,
    ...beside,
    input: inputOf(args),
  } as OtherItem;
}
