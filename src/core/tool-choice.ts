import { isObject } from './json.ts';
import type { Settings, Tool } from './settings.ts';

/**
 * What is wrong with a choice of tools, in a sentence that names the setting as `tool_choice`. The providers refuse a
 * choice that asks for a call where there are no tools, and one that names a tool that is not there (OpenAI: "Tool choice
 * 'required' must be specified with 'tools' parameter.", Anthropic: "Tool 'x' not found in provided tools", Google:
 * "allowed_function_names should be a subset of the provided function_declarations"). `undefined` for any other choice:
 * `auto` and `none` ask for nothing.
 */
export function wrongChoice({ tools = [], tool_choice: choice }: Settings): string | undefined {
  if (choice === undefined || choice === 'auto' || choice === 'none') return undefined;
  const unknown = chosenNames(choice).find((name) => !tools.some((tool) => isNamed(tool, name)));
  if (unknown !== undefined)
    return `\`tool_choice\`: expected a tool of the request, got the name ${JSON.stringify(unknown)}.`;
  if (tools.length > 0 || !asksForCall(choice)) return undefined;
  return '`tool_choice`: expected "auto" or "none", because the request has no tools.';
}

type Choice = NonNullable<Settings['tool_choice']>;

const asksForCall = (choice: Choice): boolean => {
  const { type, mode } = fieldsOf(choice);
  return type !== 'allowed_tools' || mode === 'required';
};

const fieldsOf = (choice: Choice): Record<string, unknown> => (isObject(choice) ? choice : {});

/** The names of functions and custom tools that a choice has. Tools of providers are chosen by their types. */
function chosenNames(choice: Choice): string[] {
  const { type, tools } = fieldsOf(choice);
  const chosen: unknown[] = type === 'allowed_tools' && Array.isArray(tools) ? tools : [choice];
  return chosen.flatMap((one) =>
    isObject(one) && (one.type === 'function' || one.type === 'custom') && typeof one.name === 'string'
      ? [one.name]
      : [],
  );
}

/** Whether a tool has a name, or holds tools that have it. The tools of an MCP server and of a search are not known. */
function isNamed(tool: Tool, name: string): boolean {
  const { type, name: own, tools } = tool as { type: string; name?: unknown; tools?: unknown };
  if (own === name || /^(mcp|tool_search)/.test(type)) return true;
  return type === 'namespace' && Array.isArray(tools) && tools.some((inner: Tool) => isNamed(inner, name));
}
