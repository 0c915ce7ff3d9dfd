import { z } from 'zod';
import type { OtherType } from '../../../core/items.ts';
import { isObject } from '../../../core/json.ts';
import type { FunctionTool, Tool, ToolChoice } from '../../../core/settings.ts';
import { requireTool, requireUniqueNames } from '../../v1/canonical-tools.ts';
import { invalid, validate } from '../../v1/fields.ts';
import { jsonSchemaOf } from './json-schema.ts';
import { allInCamelCase, inCamelCase } from './spelling.ts';

type Fields = Record<string, unknown>;

const TOOL_NAME = 'expected a name of 1 to 128 characters';
const declaration = z.looseObject({
  name: z.string({ error: TOOL_NAME }).min(1, { error: TOOL_NAME }).max(128, { error: TOOL_NAME }),
  description: z.string().nullish(),
  parameters: z.record(z.string(), z.unknown()).nullish(),
  parametersJsonSchema: z.record(z.string(), z.unknown()).nullish(),
});

/**
 * The tools of a request (https://ai.google.dev/api/caching#Tool). One object may hold several kinds. A tool of
 * Google is of the type of its field: `{googleSearch: {}}` is `{type: 'googleSearch'}`.
 */
export function toTools(tools: unknown): Tool[] | undefined {
  if (tools === undefined || tools === null) return undefined;
  const list = Array.isArray(tools) ? tools : [tools];
  const all = list.flatMap((tool: unknown, index) => {
    if (!isObject(tool)) throw invalid(`tools[${index}]`, 'a tool object');
    return Object.entries(inCamelCase(tool)).flatMap(([kind, value]) =>
      kind === 'functionDeclarations' ? toFunctions(value, index) : hosted(kind, value, `tools[${index}]`),
    );
  });
  // "Duplicate function declaration found"
  const functions = all.filter(({ type }) => type === 'function');
  requireUniqueNames(
    functions.map(({ name }) => name),
    () => 'tools',
  );
  return all.length > 0 ? all : undefined;
}

function toFunctions(declarations: unknown, index: number): FunctionTool[] {
  const param = `tools[${index}].functionDeclarations`;
  if (declarations === undefined || declarations === null) return [];
  if (!Array.isArray(declarations)) throw invalid(param, 'an array of functions');
  return declarations.map((given: unknown, at) => {
    const fields = isObject(given) ? inCamelCase(given) : given;
    const { name, description, parameters, parametersJsonSchema, ...further } = validate(
      declaration,
      fields,
      ['tools', index, 'functionDeclarations', at],
    );
    const schema = parametersJsonSchema ?? (parameters ? jsonSchemaOf(parameters) : undefined);
    return {
      type: 'function',
      name,
      ...(description && { description }),
      ...(schema !== undefined && { parameters: schema as Fields }),
      // As chat keeps the fields of a function that have no canonical form.
      ...(Object.keys(further).length > 0 && { function: further }),
    };
  });
}

/** Empty tools come from SDKs that write absent fields as `null`. */
function hosted(kind: string, value: unknown, param: string): Tool[] {
  if (value === undefined || value === null) return [];
  const type = kind as OtherType;
  if (Array.isArray(value)) return [{ type, list: value }];
  const tool = { ...(isObject(value) ? value : { value }), type };
  requireTool(tool, `${param}.${kind}`);
  return [tool];
}

/** What `toolConfig` says in canonical form, and what is left of it for a provider of this protocol. */
export interface ToolConfig {
  choice?: ToolChoice;
  rest?: Fields;
}

const MODES = ['MODE_UNSPECIFIED', 'AUTO', 'ANY', 'NONE', 'VALIDATED'];

/** https://ai.google.dev/api/caching#ToolConfig */
export function toToolConfig(config: unknown): ToolConfig {
  if (config === undefined || config === null) return {};
  if (!isObject(config)) throw invalid('toolConfig', 'an object');
  const { functionCallingConfig, ...rest } = allInCamelCase(config) as Fields;
  const others = Object.keys(rest).length > 0 ? { rest } : {};
  if (functionCallingConfig === undefined || functionCallingConfig === null) return others;
  const path = 'toolConfig.functionCallingConfig';
  if (!isObject(functionCallingConfig)) throw invalid(path, 'an object');
  const { mode = 'AUTO', allowedFunctionNames: names = [] } = functionCallingConfig;
  if (typeof mode !== 'string' || !MODES.includes(mode.toUpperCase()))
    throw invalid(`${path}.mode`, MODES.slice(1).join(', '));
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string'))
    throw invalid(`${path}.allowedFunctionNames`, 'an array of names');
  return { choice: choiceOf(mode.toUpperCase(), names), ...others };
}

/** `VALIDATED` is `AUTO` that keeps to the schemas of the functions. */
function choiceOf(mode: string, names: readonly string[]): ToolChoice {
  if (mode === 'NONE') return 'none';
  const isForced = mode === 'ANY';
  if (names.length === 0) return isForced ? 'required' : 'auto';
  if (isForced && names.length === 1) return { type: 'function', name: names[0]! };
  const tools = names.map((name) => ({ type: 'function', name }));
  return { type: 'allowed_tools' as OtherType, mode: isForced ? 'required' : 'auto', tools };
}
