import { isObject } from '../../core/json.ts';
import type { Prompt } from '../../core/prompt.ts';
import type { FunctionTool, Settings, Tool } from '../../core/settings.ts';
import { freeName } from '../tools/name-rule.ts';
import { namedSchema, type PropertyNames } from '../tools/property-names.ts';
import { ANTHROPIC_NAMES, ANTHROPIC_PROPERTIES } from '../tools/table.ts';
import { traitsOf } from './model.ts';
import type { Wire } from './wire.ts';

/** The tool through which models without structured output give an answer that fits a schema. */
export interface FormatTool {
  name: string;
  description: string;
  schema: Wire;
  /** The names of properties that the provider refuses, and the caller's own names for them. */
  properties?: PropertyNames;
}

/**
 * Present where the schema of the answer is sent as a tool; the answer then comes as a call of this tool. The
 * name is not the name of a tool of the caller or of a call of the history.
 */
export function formatToolOf({ model, settings, items }: Prompt): FormatTool | undefined {
  const { format, tools = [] } = settings;
  if (format?.type !== 'json_schema' || traitsOf(model).jsonSchema) return undefined;
  const taken = new Set<unknown>(tools.map(({ name }) => name));
  for (const { item } of items) if (item.type === 'function_call') taken.add(item.name);
  const { schema, names } = namedSchema(objectSchema(format.schema), ANTHROPIC_PROPERTIES);
  return {
    name: freeName('structured_answer', ANTHROPIC_NAMES, (name) => taken.has(name)),
    description: format.description || 'Gives the answer. Call it once, with the whole answer.',
    schema,
    ...(names && { properties: names }),
  };
}

/** The fields of a request about tools. Both are absent where it has none. */
export interface ToolFields {
  tools?: Wire[];
  tool_choice?: Wire;
}

export function toolFields(prompt: Prompt): ToolFields {
  const { settings } = prompt;
  const { jsonSchema } = traitsOf(prompt.model);
  const own = prompt.dialect === 'anthropic';
  const tools = allowedTools(settings).map((tool) => toolOf(tool, { jsonSchema, own }));
  const format = formatToolOf(prompt);
  if (format) return formatToolFields(format, tools);
  if (tools.length === 0) return {};
  const tool_choice = toolChoice(settings);
  return tool_choice ? { tools, tool_choice } : { tools };
}

/** Whether the request forces the model to call a tool. */
export function isForced({ tool_choice }: ToolFields): boolean {
  return tool_choice?.type === 'any' || tool_choice?.type === 'tool';
}

/** With other tools beside it, the model may call those first, but it must call one tool. */
function formatToolFields({ name, description, schema }: FormatTool, tools: Wire[]): ToolFields {
  const wanted = tools.length === 0 ? { type: 'tool', name } : { type: 'any' };
  return {
    tools: [...tools, { name, description, input_schema: schema }],
    tool_choice: { ...wanted, disable_parallel_tool_use: true },
  };
}

interface ToolCase {
  /** The model accepts strict tools. */
  jsonSchema: boolean;
  /** The caller wrote in the dialect of this protocol, so unknown fields are sent to the provider. */
  own: boolean;
}

function toolOf(tool: Tool, { jsonSchema, own }: ToolCase): Wire {
  if (tool.type !== 'function') return tool;
  const { type: _, name, description, parameters, strict, ...other } = tool as FunctionTool & Wire;
  const schema = objectSchema(parameters);
  const described = { name, ...(description && { description }) };
  if (own) return { ...described, input_schema: schema, ...(strict !== undefined && { strict }), ...other };
  const limited = strict === true && jsonSchema;
  return {
    ...described,
    input_schema: limited ? decoderSchema(schema) : schema,
    ...(limited && { strict: true }),
    ...(isObject(other.cache_control) && { cache_control: other.cache_control }),
  };
}

/** The provider requires an object at the top of a schema. */
function objectSchema(schema: Wire | null | undefined): Wire {
  if (!schema) return { type: 'object', properties: {} };
  return schema.type === undefined ? { type: 'object', ...schema } : schema;
}

function allowedTools({ tools = [], tool_choice }: Settings): Tool[] {
  const choice: Wire = isObject(tool_choice) ? tool_choice : {};
  if (choice.type !== 'allowed_tools' || !Array.isArray(choice.tools)) return tools;
  const allowed: unknown[] = choice.tools;
  const names = new Set(allowed.map((tool) => (isObject(tool) ? (tool.name ?? tool.type) : undefined)));
  return tools.filter((tool) => names.has(tool.type === 'function' ? tool.name : (tool.name ?? tool.type)));
}

function toolChoice({ tool_choice, parallel_tool_calls }: Settings): Wire | undefined {
  const choice = choiceOf(tool_choice);
  if (parallel_tool_calls !== false) return choice;
  if (choice?.type === 'none') return choice;
  return { ...(choice ?? { type: 'auto' }), disable_parallel_tool_use: true };
}

const WORDS = new Map<unknown, string>([
  ['auto', 'auto'],
  ['none', 'none'],
  ['required', 'any'],
]);

function choiceOf(choice: Settings['tool_choice']): Wire | undefined {
  if (choice === undefined) return undefined;
  if (typeof choice === 'string') return { type: WORDS.get(choice) ?? choice };
  const { type, name, mode } = choice as Wire;
  if (type === 'function') return { type: 'tool', name };
  if (type === 'allowed_tools') return { type: WORDS.get(mode) ?? 'auto' };
  return choice as Wire;
}

/**
 * The schema of a structured answer or a strict tool. The provider's decoder accepts a part of JSON Schema
 * and refuses the rest (platform.claude.com, "JSON Schema limitations"). Other keywords are written into the
 * description, where the model reads them. Objects must have `additionalProperties: false`.
 */
export function decoderSchema(schema: unknown): unknown {
  if (!isObject(schema)) return schema;
  if (typeof schema.$ref === 'string') return { $ref: schema.$ref };
  const out: Wire = {};
  const limits: string[] = [];
  for (const [key, value] of Object.entries(schema)) {
    const take = key === 'format' && !FORMATS.has(value) ? undefined : KEYWORDS.get(key);
    if (take) take(out, key, value);
    else if (isLimit(key, value)) limits.push(`${key}: ${JSON.stringify(value)}`);
  }
  if (out.type === 'object' || isObject(out.properties)) out.additionalProperties = false;
  if (limits.length > 0) out.description = [out.description, limits.join('; ')].filter(Boolean).join('\n');
  return out;
}

type Take = (out: Wire, key: string, value: unknown) => void;

const asIs: Take = (out, key, value) => {
  out[key] = value;
};
const nested: Take = (out, key, value) => {
  out[key] = Array.isArray(value) ? value.map(decoderSchema) : decoderSchema(value);
};
const named: Take = (out, key, value) => {
  if (!isObject(value)) return;
  out[key] = Object.fromEntries(Object.entries(value).map(([name, schema]) => [name, decoderSchema(schema)]));
};

const KEYWORDS = new Map<string, Take>([
  ['type', asIs],
  ['title', asIs],
  ['description', asIs],
  ['default', asIs],
  ['const', asIs],
  ['enum', asIs],
  ['required', asIs],
  ['items', nested],
  ['anyOf', nested],
  ['allOf', nested],
  ['oneOf', (out, _key, value) => nested(out, 'anyOf', value)],
  ['properties', named],
  ['$defs', named],
  ['definitions', named],
  ['format', asIs],
]);

const FORMATS = new Set<unknown>([
  'date-time',
  'time',
  'date',
  'duration',
  'email',
  'hostname',
  'uri',
  'ipv4',
  'ipv6',
  'uuid',
]);

/** Keywords without meaning for a model. */
const NO_LIMITS = new Set(['$schema', '$id', '$comment', 'additionalProperties', 'strict', 'examples']);

function isLimit(key: string, value: unknown): boolean {
  return !NO_LIMITS.has(key) && value !== null && value !== undefined && value !== false;
}
