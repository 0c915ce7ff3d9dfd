import { isObject } from '../../core/json.ts';
import type { Tool } from '../../core/settings.ts';
import { invalid } from './fields.ts';
import { requireShape, type Shape } from './shapes.ts';

/** Tools that the gateway may translate. The provider checks a tool of any other kind. */
const NAMED: ReadonlySet<unknown> = new Set(['function', 'custom', 'namespace']);
const NAMED_TOOL: Shape = { texts: ['name'], optional: ['description'] };
const GRAMMAR: Shape = { texts: ['syntax', 'definition'] };

/** A tool of a request (Open Responses, `ToolParam`; OpenAI, `CustomToolParam` and `NamespaceToolParam`). */
export function toTool(tool: { type: string }, index: number): Tool {
  requireTool(tool, `tools[${index}]`);
  return tool as unknown as Tool;
}

/** Checks a tool that has a canonical form. All other kinds pass, in every dialect. */
export function requireTool(tool: unknown, param: string): void {
  if (!isObject(tool) || typeof tool.type !== 'string') throw invalid(param, 'a tool with a type');
  const { type, name, tools, format } = tool;
  if (!NAMED.has(type)) return;
  if (typeof name !== 'string' || name === '') throw invalid(`${param}.name`, `the name of a ${type}`);
  requireShape(tool, NAMED_TOOL, param);
  if (type === 'namespace') {
    if (!Array.isArray(tools)) throw invalid(`${param}.tools`, 'an array of tools');
    tools.forEach((inner: unknown, index) => {
      requireTool(inner, `${param}.tools[${index}]`);
    });
  }
  if (type === 'custom' && isObject(format) && format.type === 'grammar')
    requireShape(format, GRAMMAR, `${param}.format`);
}

/** Refuses a second tool of a name, in an API that refuses it. OpenAI's APIs take it. */
export function requireUniqueNames(names: readonly unknown[], paramOf: (index: number) => string): void {
  const known = new Set<unknown>();
  names.forEach((name, index) => {
    if (typeof name !== 'string') return;
    if (known.has(name))
      throw invalid(paramOf(index), `another name than that of an earlier tool: "${name}"`);
    known.add(name);
  });
}
