import type { ProtocolName } from '../../core/prompt.ts';
import type { CustomTool, FunctionTool, HostedTool, NamespaceTool, Tool } from '../../core/settings.ts';
import type { Provider, Quirks } from '../claw.ts';
import type { NameRule } from './name-rule.ts';

type Fields = Record<string, unknown>;

/** A tool in the form of another API; undefined where that API cannot do what the tool is asked to do. */
type Mapping = (tool: HostedTool) => HostedTool | undefined;

/** The tools of one API, and the names that it takes for functions. */
export interface ToolTable extends NameRule {
  /** The types that the API defines. Such tools are sent unchanged. */
  own: RegExp;
  /** Tools of other APIs that this one has in a form of its own. */
  mapped: { web_search?: Mapping; code_execution?: Mapping };
  /** The API refuses a request that has functions beside its hosted tools. */
  hostedAlone?: true;
  /** A message of the model may hold images, even images of other models. */
  takesImages?: true;
  /** The names that the API takes for the properties at the top of a function's schema. Absent: all. */
  properties?: NameRule;
}

const NAMES = /^[a-zA-Z0-9_-]+$/;

export const ANTHROPIC_NAMES: NameRule = { names: NAMES, nameLength: 128 };

export const ANTHROPIC_PROPERTIES: NameRule = { names: /^[a-zA-Z0-9_.-]+$/, nameLength: 64 };

/**
 * What each API has. This is the only place that knows it.
 *
 * - `openai-responses`: `Tool` and `FunctionToolParam` in OpenAI's API description.
 * - `openai-chat`: `ChatCompletionTool` and `FunctionObject` there. OpenAI alone has custom tools.
 * - `anthropic`: https://platform.claude.com/docs/en/api/messages/create, `tools`.
 * - `gemini`: https://ai.google.dev/api/caching#Tool and `FunctionDeclaration` there. "Built-in tools and
 *   Function Calling cannot be combined in the same request."
 *
 * Names of properties: Anthropic answers 400 with "tools.0.custom.input_schema.properties: Property keys should match
 * pattern '^[a-zA-Z0-9_.-]{1,64}$'" and does not check inner objects (measured on Bedrock, which has the same check:
 * https://github.com/aws-solutions-library-samples/accelerated-intelligent-document-processing-on-aws/issues/709).
 * Google says in `FunctionDeclaration.parameters` of its aiplatform API: "Parameter names must start with a letter or
 * an underscore and must only contain chars a-z, A-Z, 0-9, or underscores with a maximum length of 64." OpenAI's API
 * description has no rule; strict schemas have only a limit to the length of all names together.
 */
const TABLES: Record<ProtocolName, ToolTable> = {
  'openai-responses': {
    own: /^(function|custom|namespace|file_search|computer|computer_use_preview|web_search(_preview)?(_\d{4}_\d\d_\d\d)?|mcp|code_interpreter|programmatic_tool_calling|image_generation|local_shell|shell|tool_search|apply_patch)$/,
    mapped: { web_search: toOpenaiSearch },
    names: NAMES,
    nameLength: 128,
  },
  'openai-chat': { own: /^function$/, mapped: {}, names: NAMES, nameLength: 64 },
  anthropic: {
    own: /^(function|mcp_toolset|(web_search|web_fetch|code_execution|bash|text_editor|computer|memory|advisor|tool_search_tool_(regex|bm25))_\d{8})$/,
    mapped: { web_search: toAnthropicSearch },
    ...ANTHROPIC_NAMES,
    properties: ANTHROPIC_PROPERTIES,
  },
  gemini: {
    takesImages: true,
    own: /^(function|googleSearch|googleSearchRetrieval|googleMaps|codeExecution|urlContext|fileSearch|computerUse|mcpServers)$/,
    mapped: { web_search: toGeminiSearch, code_execution: toGeminiCode },
    hostedAlone: true,
    names: /^[a-zA-Z_][a-zA-Z0-9_.-]*$/,
    nameLength: 64,
    properties: { names: /^[a-zA-Z_][a-zA-Z0-9_]*$/, nameLength: 64 },
  },
  // The built-in claw reads no tools.
  local: { own: /^/, mapped: {}, names: /^/, nameLength: Number.POSITIVE_INFINITY },
};

/**
 * Types that single providers add to the API that they speak: https://console.groq.com/docs/tool-use/built-in-tools,
 * https://docs.x.ai/docs/guides/tools/overview.
 */
const PROVIDER_TYPES: Readonly<Record<string, RegExp>> = {
  groq: /^(browser_search|code_interpreter)$/,
  xai: /^(x_search|code_execution|collections_search)$/,
};

/** https://openrouter.ai/docs/features/multimodal/image-generation: `images` of a message. */
const IMAGE_PROVIDERS = new Set(['openrouter']);

/** OpenAI's chat completions have custom tools, those of other providers do not. */
const isOpenaiChat = (protocol: ProtocolName, { developerRole, maxTokensField }: Quirks): boolean =>
  protocol === 'openai-chat' && developerRole === true && maxTokensField === 'max_completion_tokens';

/** The table of a provider's API. */
export function toolTable(protocol: ProtocolName, { id, quirks }: Provider): ToolTable {
  const table: ToolTable = IMAGE_PROVIDERS.has(id)
    ? { ...TABLES[protocol], takesImages: true }
    : TABLES[protocol];
  const further = isOpenaiChat(protocol, quirks)
    ? /^custom$/
    : Object.hasOwn(PROVIDER_TYPES, id)
      ? PROVIDER_TYPES[id]
      : undefined;
  return further ? { ...table, own: new RegExp(`${table.own.source}|${further.source}`) } : table;
}

/** What becomes of a tool at a provider. */
export type ToolFate =
  | { fate: 'unchanged' }
  | { fate: 'mapped'; tool: HostedTool }
  /** Becomes a function with one string. */
  | { fate: 'function'; tool: CustomTool }
  /** Its tools stand alone, with longer names. */
  | { fate: 'flattened'; tool: NamespaceTool }
  | { fate: 'lacking' };

/**
 * A type that no table has can only be of the provider itself: it goes to a provider that speaks the caller's
 * vocabulary.
 */
export function fateOf(
  tool: Tool,
  table: ToolTable,
  ownVocabulary: boolean,
  beside: readonly Tool[],
): ToolFate {
  if (isFunction(tool)) return { fate: 'unchanged' };
  if (isCustom(tool)) return table.own.test('custom') ? { fate: 'unchanged' } : { fate: 'function', tool };
  if (isNamespace(tool)) {
    return table.own.test('namespace') ? { fate: 'unchanged' } : { fate: 'flattened', tool };
  }
  if (table.hostedAlone && !ownVocabulary && beside.some(isCalledByCaller)) return { fate: 'lacking' };
  if (table.own.test(tool.type)) return { fate: 'unchanged' };
  const kind = kindOf(tool.type);
  const mapped = kind && table.mapped[kind]?.(tool);
  if (mapped) return { fate: 'mapped', tool: mapped };
  return ownVocabulary && !isKnown(tool.type) ? { fate: 'unchanged' } : { fate: 'lacking' };
}

/** The indexes of the tools that a provider lacks. */
export function lackedTools(tools: readonly Tool[], table: ToolTable, ownVocabulary: boolean): number[] {
  if (tools.every(isFunction)) return [];
  return tools.flatMap((tool, index) =>
    fateOf(tool, table, ownVocabulary, tools).fate === 'lacking' ? [index] : [],
  );
}

const isFunction = (tool: Tool): tool is FunctionTool => tool.type === 'function';

export const isCustom = (tool: object): tool is CustomTool =>
  (tool as Fields).type === 'custom' && typeof (tool as Fields).name === 'string';

const isNamespace = (tool: object): tool is NamespaceTool =>
  (tool as Fields).type === 'namespace' &&
  typeof (tool as Fields).name === 'string' &&
  Array.isArray((tool as Fields).tools);

const isCalledByCaller = (tool: Tool): boolean => isFunction(tool) || isCustom(tool) || isNamespace(tool);

const isKnown = (type: string): boolean =>
  Object.entries(TABLES).some(([protocol, { own }]) => protocol !== 'local' && own.test(type));

function kindOf(type: string): keyof ToolTable['mapped'] | undefined {
  if (/^(web_search(_preview)?(_[\d_]+)?|googleSearch)$/.test(type)) return 'web_search';
  if (/^(code_interpreter|code_execution_\d{8}|codeExecution)$/.test(type)) return 'code_execution';
  return undefined;
}

/** What a web search is asked to do, in any API's words. */
function searchOf(tool: Fields): { allowed?: unknown; blocked?: unknown; location?: unknown } {
  const filters = (tool.filters ?? {}) as Fields;
  return {
    allowed: tool.allowed_domains ?? filters.allowed_domains ?? undefined,
    blocked: tool.blocked_domains ?? filters.blocked_domains ?? undefined,
    location: tool.user_location ?? undefined,
  };
}

function toOpenaiSearch(tool: HostedTool): HostedTool {
  const { allowed, blocked, location } = searchOf(tool);
  const filters = { ...(allowed !== undefined && { allowed_domains: allowed }) };
  const all = blocked === undefined ? filters : { ...filters, blocked_domains: blocked };
  return hosted('web_search', {
    ...(Object.keys(all).length > 0 && { filters: all }),
    ...(location !== undefined && { user_location: location }),
  });
}

function toAnthropicSearch(tool: HostedTool): HostedTool {
  const { allowed, blocked, location } = searchOf(tool);
  return hosted('web_search_20250305', {
    name: 'web_search',
    ...(allowed !== undefined && { allowed_domains: allowed }),
    ...(blocked !== undefined && { blocked_domains: blocked }),
    ...(location !== undefined && { user_location: location }),
  });
}

/** Google's search cannot be limited to domains. A place only ranks the results, so it is left out. */
function toGeminiSearch(tool: HostedTool): HostedTool | undefined {
  const { allowed, blocked } = searchOf(tool);
  return allowed === undefined && blocked === undefined ? hosted('googleSearch', {}) : undefined;
}

/** Google's interpreter takes no files. */
function toGeminiCode({ container }: HostedTool): HostedTool | undefined {
  const { type = 'auto', file_ids = [] } = (
    typeof container === 'object' ? container : { type: container }
  ) as Fields;
  const isPlain = type === 'auto' && Array.isArray(file_ids) && file_ids.length === 0;
  return isPlain ? hosted('codeExecution', {}) : undefined;
}

const hosted = (type: string, fields: Fields): HostedTool => ({ ...fields, type }) as HostedTool;
