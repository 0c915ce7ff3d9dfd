import type { OtherType } from '../../../core/items.ts';
import { isObject } from '../../../core/json.ts';
import type { Tool, ToolChoice } from '../../../core/settings.ts';
import { requireTool, requireUniqueNames } from '../canonical-tools.ts';
import { invalid } from '../fields.ts';

type Fields = Record<string, unknown>;

/**
 * A tool of a request in canonical form. A tool of the caller has a schema of its input, and the type `custom` or
 * none; all other types are Anthropic's own. Fields that the canonical form does not have stay on the tool.
 */
function toTool(tool: Fields, index: number): Tool {
  const { type, ...fields } = tool;
  const isFunction = type === undefined || type === null || type === 'custom';
  if (!isFunction) {
    requireTool(tool, `tools[${index}]`);
    return tool as Tool & { type: OtherType };
  }
  const { name, description, input_schema, strict, ...further } = fields;
  const param = `tools[${index}]`;
  if (typeof name !== 'string' || name === '' || name.length > 128)
    throw invalid(`${param}.name`, 'a name of 1 to 128 characters');
  if (!isObject(input_schema)) throw invalid(`${param}.input_schema`, 'a JSON Schema of an object');
  if (description !== undefined && description !== null && typeof description !== 'string')
    throw invalid(`${param}.description`, 'a string');
  return {
    ...further,
    type: 'function',
    name,
    ...(typeof description === 'string' && { description }),
    parameters: input_schema,
    ...(typeof strict === 'boolean' && { strict }),
  };
}

/** "Tool names must be unique." */
export function toTools(list: readonly Fields[]): Tool[] {
  const tools = list.map(toTool);
  requireUniqueNames(
    tools.map(({ name }) => name),
    (index) => `tools[${index}].name`,
  );
  return tools;
}

const WORDS: ReadonlyMap<string, ToolChoice> = new Map([
  ['auto', 'auto'],
  ['any', 'required'],
  ['none', 'none'],
]);

export function toToolChoice({ type, name }: { type: string; name?: string | null }): ToolChoice {
  if (type === 'tool') {
    if (!name) throw invalid('tool_choice.name', 'the name of a tool');
    return { type: 'function', name };
  }
  const word = WORDS.get(type);
  if (word === undefined) throw invalid('tool_choice.type', 'auto, any, tool or none');
  return word;
}
