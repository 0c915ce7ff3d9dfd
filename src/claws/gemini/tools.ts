import { isObject } from '../../core/json.ts';
import type { Prompt } from '../../core/prompt.ts';
import type { FunctionTool, Settings, Tool, ToolChoice } from '../../core/settings.ts';
import { present } from './wire.ts';

function isFunction(tool: Tool): tool is FunctionTool {
  return tool.type === 'function';
}

export function functionsOf(tools: Tool[] | undefined): FunctionTool[] {
  return tools?.filter(isFunction) ?? [];
}

/** The API has no field for the type of a hosted tool: `{type: 'googleSearch'}` is sent as `{googleSearch: {}}`. */
export function toolsOf({ settings, dialect }: Prompt): Record<string, unknown>[] | undefined {
  const tools: Record<string, unknown>[] = [];
  const functions = functionsOf(settings.tools);
  if (functions.length > 0) {
    const isOwn = dialect === 'gemini';
    tools.push({ functionDeclarations: functions.map((tool) => declarationOf(tool, isOwn)) });
  }
  for (const tool of settings.tools ?? []) {
    if (isFunction(tool)) continue;
    const { type, list, ...options } = tool;
    tools.push({ [type]: list ?? options });
  }
  return tools.length > 0 ? tools : undefined;
}

/** A caller that speaks this API may have further fields in `function`. */
function declarationOf(tool: FunctionTool, isOwn: boolean): Record<string, unknown> {
  const { function: further } = tool as { function?: unknown };
  return present({
    ...(isOwn && isObject(further) ? further : undefined),
    name: tool.name,
    description: tool.description ?? undefined,
    parametersJsonSchema: tool.parameters ?? undefined,
  });
}

export function toolConfig(settings: Settings): Record<string, unknown> | undefined {
  const choice = settings.tool_choice;
  const mode = modeOf(choice);
  if (!mode || functionsOf(settings.tools).length === 0) return undefined;
  return { functionCallingConfig: present({ mode, allowedFunctionNames: allowedNames(choice) }) };
}

/** VALIDATED is AUTO with a list of allowed functions. AUTO itself refuses such a list. */
export function modeOf(choice: ToolChoice | undefined): 'AUTO' | 'ANY' | 'NONE' | 'VALIDATED' | undefined {
  if (choice === undefined) return undefined;
  if (choice === 'auto') return 'AUTO';
  if (choice === 'none') return 'NONE';
  if (choice === 'required' || choice.type === 'function') return 'ANY';
  if (allowedNames(choice) === undefined) return undefined;
  return choice.mode === 'required' ? 'ANY' : 'VALIDATED';
}

/**
 * The names in `{type: 'function', name}` or `{type: 'allowed_tools', mode, tools: [{type: 'function',
 * name}]}`.
 */
function allowedNames(choice: ToolChoice | undefined): string[] | undefined {
  if (typeof choice !== 'object') return undefined;
  if (choice.type === 'function') return [String(choice.name)];
  if ((choice.type as string) !== 'allowed_tools' || !Array.isArray(choice.tools)) return undefined;
  const names = choice.tools.filter(isObject).flatMap(({ name }) => (typeof name === 'string' ? [name] : []));
  return names.length > 0 ? names : undefined;
}
