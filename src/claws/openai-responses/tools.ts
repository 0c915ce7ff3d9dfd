import type { Prompt } from '../../core/prompt.ts';
import type { FunctionTool, Tool } from '../../core/settings.ts';
import type { Json } from './wire.ts';

/**
 * A caller of this dialect writes tools as the provider's API defines them. From other dialects only
 * functions are sent.
 */
export function toolsOf({ settings, dialect }: Prompt): unknown[] | undefined {
  if (dialect === 'openai-responses') return settings.tools;
  const tools = settings.tools?.filter(isFunction).map(functionTool);
  return tools?.length ? tools : undefined;
}

const isFunction = (tool: Tool): tool is FunctionTool => tool.type === 'function';

/**
 * Only in this API are functions strict by default, so `strict: false`, the default of the others, is sent.
 */
function functionTool({ type, name, description, parameters, strict }: FunctionTool): Json {
  const tool: Json = { type, name };
  if (description != null) tool.description = description;
  tool.parameters = parameters ?? { type: 'object', properties: {} };
  tool.strict = strict ?? false;
  return tool;
}

export function toolChoiceOf({ settings, dialect }: Prompt, tools: unknown[] | undefined): unknown {
  const choice = settings.tool_choice;
  if (choice === undefined || dialect === 'openai-responses') return choice;
  if (settings.tools?.length && !tools) return undefined;
  return typeof choice === 'string' || choice.type === 'function' ? choice : undefined;
}
