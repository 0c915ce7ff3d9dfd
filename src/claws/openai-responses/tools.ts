import type { Prompt } from '../../core/prompt.ts';
import type { FunctionTool, Tool } from '../../core/settings.ts';
import type { Json } from './wire.ts';

/** A caller of this dialect writes functions as the provider's API defines them. */
export function toolsOf({ settings, dialect }: Prompt): unknown[] | undefined {
  if (dialect === 'openai-responses') return settings.tools;
  return settings.tools?.map((tool) => (isFunction(tool) ? functionTool(tool) : tool));
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
