import { z } from 'zod';
import type { OtherType } from '../../../core/items.ts';
import { isObject } from '../../../core/json.ts';
import type { Tool, ToolChoice } from '../../../core/settings.ts';
import { validate } from '../fields.ts';

type Fields = Record<string, unknown>;

const TOOL_NAME = 'expected a name of 1 to 64 characters';
const toolName = z.string({ error: TOOL_NAME }).min(1, { error: TOOL_NAME }).max(64, { error: TOOL_NAME });

const functionTool = z.looseObject({
  name: toolName,
  description: z.string().nullish(),
  parameters: z.record(z.string(), z.unknown()).nullish(),
  strict: z.boolean().nullish(),
});
const FUNCTION_FIELDS = new Set(Object.keys(functionTool.shape));

const customTool = z.looseObject({
  name: toolName,
  description: z.string().nullish(),
  format: z
    .looseObject({
      type: z.string(),
      grammar: z.looseObject({ syntax: z.string(), definition: z.string() }).nullish(),
    })
    .nullish(),
});

/**
 * A tool of a chat request in canonical form, which is flat. Fields of `function` that the canonical form does not
 * have stay under `function`; fields beside it (`cache_control`…) stay beside the name. The provider checks a tool
 * of a kind that we do not know.
 */
export function toTool(tool: { type: string; [field: string]: unknown }, index: number): Tool {
  if (tool.type === 'function') return toFunction(tool, index);
  if (tool.type === 'custom' && isObject(tool.custom)) return toCustom(tool, index);
  return tool as Tool & { type: OtherType };
}

function toFunction({ type: _, function: given, ...beside }: Fields, index: number): Tool {
  const parsed = validate(functionTool, given, ['tools', index, 'function']);
  const known: Fields = {};
  const further: Fields = {};
  for (const [key, value] of Object.entries(parsed)) {
    (FUNCTION_FIELDS.has(key) ? known : further)[key] = value;
  }
  const inside = Object.keys(further).length > 0 ? { function: further } : {};
  return { ...beside, type: 'function', ...known, ...inside } as Tool;
}

/** Chat holds a grammar one level deeper than the Responses API does. */
function toCustom({ type: _, custom, ...beside }: Fields, index: number): Tool {
  const { format, ...rest } = validate(customTool, custom, ['tools', index, 'custom']);
  const flat = format && isObject(format.grammar) ? { type: format.type, ...format.grammar } : format;
  return { ...beside, type: 'custom' as OtherType, ...rest, ...(flat && { format: flat }) };
}

/** A choice of a chat request in canonical form: `{type, name}`, and `{type: 'allowed_tools', mode, tools}`. */
export function toToolChoice(choice: string | { type: string; [field: string]: unknown }): ToolChoice {
  if (typeof choice === 'string') return choice as ToolChoice;
  if (choice.type !== 'allowed_tools' || !isObject(choice.allowed_tools)) return named(choice) as ToolChoice;
  const { mode, tools } = choice.allowed_tools;
  const flat = Array.isArray(tools) ? tools.map(named) : [];
  return { type: 'allowed_tools' as OtherType, mode, tools: flat };
}

/** `{type: 'function', function: {name}}` without its inner object. */
function named(choice: unknown): unknown {
  if (!isObject(choice) || typeof choice.type !== 'string') return choice;
  const inner = choice[choice.type];
  return isObject(inner) && typeof inner.name === 'string' ? { type: choice.type, name: inner.name } : choice;
}
