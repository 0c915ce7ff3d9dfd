import { isObject } from '../../core/json.ts';
import type { Prompt } from '../../core/prompt.ts';
import type { FunctionTool, Settings, Tool, ToolChoice } from '../../core/settings.ts';
import type { ChatTool, Facts, Json } from './wire.ts';

/** The tool fields of a request. Empty without tools, because OpenAI refuses a `tool_choice` alone. */
export interface ToolFields {
  tools?: ChatTool[];
  tool_choice?: string | Json;
}

export function toolFields({ settings, dialect }: Prompt, { openai, cacheMarks }: Facts): ToolFields {
  const allowed = openai ? undefined : allowedNames(settings.tool_choice);
  const verbatim = dialect === 'openai-chat';
  const tools = (settings.tools ?? [])
    .filter((tool) => !allowed || (isFunction(tool) && allowed.has(tool.name)))
    .map((tool) => wireTool(cacheMarks ? tool : withoutMark(tool), verbatim));
  if (tools.length === 0) return {};
  const choice = wireChoice(settings.tool_choice, openai);
  return choice === undefined ? { tools } : { tools, tool_choice: choice };
}

function isFunction(tool: Tool): tool is FunctionTool {
  return tool.type === 'function';
}

function withoutMark(tool: Tool): Tool {
  const { cache_control: _, ...rest } = tool as Tool & { cache_control?: unknown };
  return rest as Tool;
}

/** `verbatim` is set for tools that the caller wrote in the chat dialect: their unknown fields are sent. */
function wireTool(tool: Tool, verbatim: boolean): ChatTool {
  if (isFunction(tool)) return functionTool(tool, verbatim);
  return (tool.type as string) === 'custom' ? customTool(tool) : { ...tool };
}

function functionTool(tool: FunctionTool, verbatim: boolean): ChatTool {
  const { type, name, description, parameters, strict, ...further } = tool as FunctionTool & Json;
  const { function: inside, ...beside } = further;
  const fn: { name: string; description?: string; parameters: Json; strict?: boolean } = {
    ...(verbatim && isObject(inside) ? inside : {}),
    name,
    ...(description && { description }),
    // Optional at OpenAI, required by several servers.
    parameters: parameters ?? { type: 'object', properties: {} },
  };
  // False is the default, and some servers do not know the field.
  if (strict) fn.strict = true;
  return { ...(verbatim ? beside : {}), type, function: fn };
}

/** Chat holds a grammar one level deeper than the Responses API does. */
function customTool({ name, description, format }: Json): ChatTool {
  const isGrammar = isObject(format) && format.type === 'grammar';
  const { type, ...grammar } = isGrammar ? format : {};
  const wire = isGrammar ? { type, grammar } : format;
  return {
    type: 'custom',
    custom: { name, ...(description != null && { description }), ...(wire != null && { format: wire }) },
  };
}

/** The names in an `allowed_tools` choice. A server that does not know the choice gets only these tools. */
function allowedNames(choice: ToolChoice | undefined): Set<unknown> | undefined {
  const tools = isObject(choice) ? allowedOf(choice)?.tools : undefined;
  if (!Array.isArray(tools)) return undefined;
  return new Set(
    tools.flatMap((tool) => (isObject(tool) ? (tool.name ?? fieldOf(tool.function, 'name')) : [])),
  );
}

function fieldOf(value: unknown, key: string): unknown {
  return isObject(value) ? value[key] : undefined;
}

/** `{mode, tools}` of an `allowed_tools` choice. It is flat in the Responses API, nested in chat. */
function allowedOf(choice: Json): Json | undefined {
  if (choice.type !== 'allowed_tools') return undefined;
  return isObject(choice.allowed_tools) ? choice.allowed_tools : choice;
}

function wireChoice(choice: Settings['tool_choice'], openai: boolean): string | Json | undefined {
  if (!isObject(choice)) return choice;
  const allowed = allowedOf(choice);
  if (!allowed) return nestedTool(choice) as Json;
  return openai ? allowedChoice(allowed) : String(allowed.mode ?? 'auto');
}

function allowedChoice({ mode, tools }: Json): Json {
  const nested = Array.isArray(tools) ? tools.map(nestedTool) : [];
  return { type: 'allowed_tools', allowed_tools: { mode: mode ?? 'auto', tools: nested } };
}

function nestedTool(tool: unknown): unknown {
  if (!isObject(tool) || typeof tool.type !== 'string' || typeof tool.name !== 'string') return tool;
  return { type: tool.type, [tool.type]: { name: tool.name } };
}
