import type { FunctionTool, Settings, Tool, ToolChoice } from '../../core/settings.ts';
import type { Prompt } from '../claw.ts';
import { type ChatTool, isObject, type Json } from './wire.ts';

/** The tool fields of a request. Empty without tools, because OpenAI refuses a `tool_choice` alone. */
export interface ToolFields {
  tools?: ChatTool[];
  tool_choice?: string | Json;
}

/** `openai` is set for OpenAI's own API, which knows `allowed_tools`. */
export function toolFields({ settings, dialect }: Prompt, openai: boolean): ToolFields {
  const allowed = openai ? undefined : allowedNames(settings.tool_choice);
  const verbatim = dialect === 'openai-chat';
  const tools = (settings.tools ?? [])
    .filter((tool) => !allowed || (isFunction(tool) && allowed.has(tool.name)))
    .flatMap((tool) => wireTool(tool, verbatim) ?? []);
  if (tools.length === 0) return {};
  const choice = wireChoice(settings.tool_choice, { verbatim, openai });
  return choice === undefined ? { tools } : { tools, tool_choice: choice };
}

function isFunction(tool: Tool): tool is FunctionTool {
  return tool.type === 'function';
}

/**
 * Hosted tools are sent only if the caller wrote them in the chat dialect. Other providers name them
 * differently.
 */
function wireTool(tool: Tool, verbatim: boolean): ChatTool | undefined {
  if (isFunction(tool)) return functionTool(tool);
  return verbatim ? { ...(tool as Json & { type: string }) } : undefined;
}

function functionTool({ name, description, parameters, strict }: FunctionTool): ChatTool {
  const fn: { name: string; description?: string; parameters: Json; strict?: boolean } = {
    name,
    ...(description && { description }),
    // Optional at OpenAI, required by several servers.
    parameters: parameters ?? { type: 'object', properties: {} },
  };
  // False is the default, and some servers do not know the field.
  if (strict) fn.strict = true;
  return { type: 'function', function: fn };
}

/** The names in an `allowed_tools` choice. A server that does not know the choice gets only these tools. */
function allowedNames(choice: ToolChoice | undefined): Set<string> | undefined {
  const tools = isObject(choice) ? allowedOf(choice)?.tools : undefined;
  if (!Array.isArray(tools)) return undefined;
  return new Set(
    tools.flatMap((tool) => (isObject(tool) ? String(tool.name ?? fieldOf(tool.function, 'name')) : [])),
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

function wireChoice(
  choice: Settings['tool_choice'],
  { verbatim, openai }: { verbatim: boolean; openai: boolean },
): string | Json | undefined {
  if (!isObject(choice)) return choice;
  if (choice.type === 'function') return { type: 'function', function: { name: choice.name } };
  const allowed = allowedOf(choice);
  if (allowed) return openai ? allowedChoice(allowed) : String(allowed.mode ?? 'auto');
  return verbatim ? choice : undefined;
}

function allowedChoice({ mode, tools }: Json): Json {
  const nested = Array.isArray(tools) ? tools.map(nestedTool) : [];
  return { type: 'allowed_tools', allowed_tools: { mode: mode ?? 'auto', tools: nested } };
}

function nestedTool(tool: unknown): unknown {
  if (!isObject(tool) || typeof tool.type !== 'string' || typeof tool.name !== 'string') return tool;
  return { type: tool.type, [tool.type]: { name: tool.name } };
}
