import type { Trouble } from './protocol.ts';
import { asJson, asList, asText, isJson, type Json } from './shape.ts';

/** What the real APIs refuse about tools, in their own words. */

const NAMES = /^[a-zA-Z0-9_-]+$/;

const COMBINERS = ['oneOf', 'anyOf', 'allOf'];

/** Types of `Tool` in OpenAI's API description. */
const RESPONSES_TYPES =
  'function file_search computer computer_use_preview web_search web_search_2025_08_26 mcp code_interpreter programmatic_tool_calling image_generation local_shell shell custom namespace tool_search web_search_preview web_search_preview_2025_03_11 apply_patch'.split(
    ' ',
  );

/** The discriminator of input items in OpenAI's API description, `InputItem`. */
const RESPONSES_ITEMS =
  'message file_search_call computer_call computer_call_output web_search_call function_call function_call_output tool_search_call tool_search_output additional_tools reasoning compaction image_generation_call code_interpreter_call local_shell_call local_shell_call_output shell_call shell_call_output apply_patch_call apply_patch_call_output mcp_list_tools mcp_approval_request mcp_approval_response mcp_call custom_tool_call custom_tool_call_output compaction_trigger item_reference program program_output'.split(
    ' ',
  );

/** The discriminators of content in OpenAI's API description (`InputContent`, `OutputMessageContent`), and audio. */
const RESPONSES_PARTS = 'input_text input_image input_file input_audio output_text refusal'.split(' ');

/** Types of chat tools: `ChatCompletionTool` and `CustomToolChatCompletions` in OpenAI's API description. */
export function checkChatTools(body: Json): Trouble | undefined {
  for (const [at, tool] of asList(body.tools).entries()) {
    const type = asText(tool.type);
    if (type !== 'function' && type !== 'custom') {
      return openai(
        `Invalid value: '${type}'. Supported values are: 'function' and 'custom'.`,
        `tools[${at}].type`,
        'invalid_value',
      );
    }
    const param = `tools[${at}].${type}`;
    if (!isJson(tool[type])) {
      return openai(`Missing required parameter: '${param}'.`, param, 'missing_required_parameter');
    }
    const inner = asJson(tool[type]);
    const trouble = openaiName(inner.name, `${param}.name`, 64) ?? openaiSchema(inner, `${param}.parameters`);
    if (trouble) return trouble;
  }
  for (const [at, message] of asList(body.messages).entries()) {
    for (const [call, { function: called }] of asList(message.tool_calls).entries()) {
      const param = `messages[${at}].tool_calls[${call}].function.name`;
      const trouble = isJson(called) ? openaiName(called.name, param, 64) : undefined;
      if (trouble) return trouble;
    }
  }
  return undefined;
}

export function checkResponsesTools(body: Json): Trouble | undefined {
  for (const [at, tool] of asList(body.tools).entries()) {
    const trouble = checkResponsesTool(tool, `tools[${at}]`);
    if (trouble) return trouble;
  }
  for (const [at, item] of asList(body.input).entries()) {
    const type = asText(item.type) || 'message';
    const param = `input[${at}]`;
    if (!RESPONSES_ITEMS.includes(type)) return openaiValue(type, RESPONSES_ITEMS, `${param}.type`);
    // `ImageGenToolCall` of OpenAI's API description requires both.
    const missing =
      type === 'image_generation_call' && ['id', 'result'].find((key) => item[key] === undefined);
    if (missing) {
      const path = `${param}.${missing}`;
      return openai(`Missing required parameter: '${path}'.`, path, 'missing_required_parameter');
    }
    const trouble = type === 'function_call' ? openaiName(item.name, `${param}.name`, 128) : undefined;
    if (trouble) return trouble;
    const unknown = unknownPart(item, param);
    if (unknown) return unknown;
  }
  return undefined;
}

/** A provider may write parts of further kinds, and takes them back. */
function unknownPart(item: Json, param: string): Trouble | undefined {
  const list = item.content === undefined ? 'output' : 'content';
  if (
    item.role === 'assistant' ||
    !/^(message|(function|custom_tool)_call_output)$/.test(asText(item.type) || 'message')
  )
    return undefined;
  for (const [index, part] of (Array.isArray(item[list]) ? asList(item[list]) : []).entries()) {
    const kind = asText(part.type);
    if (!RESPONSES_PARTS.includes(kind))
      return openaiValue(kind, RESPONSES_PARTS, `${param}.${list}[${index}].type`);
  }
  return undefined;
}

function checkResponsesTool(tool: Json, param: string): Trouble | undefined {
  const type = asText(tool.type);
  if (!RESPONSES_TYPES.includes(type)) return openaiValue(type, RESPONSES_TYPES, `${param}.type`);
  if (type === 'namespace') {
    for (const [at, inner] of asList(tool.tools).entries()) {
      const trouble = checkResponsesTool(inner, `${param}.tools[${at}]`);
      if (trouble) return trouble;
    }
  }
  if (type !== 'function') return undefined;
  return openaiName(tool.name, `${param}.name`, 128) ?? openaiSchema(tool, `${param}.parameters`);
}

/**
 * The pattern is that of `FunctionToolParam` in OpenAI's API description; the length is that of
 * `FunctionObject` in chat.
 */
function openaiName(name: unknown, param: string, most: number): Trouble | undefined {
  const text = asText(name);
  if (text === '')
    return openai(`Missing required parameter: '${param}'.`, param, 'missing_required_parameter');
  if (text.length > most) {
    const message = `Invalid '${param}': string too long. Expected a string with maximum length ${most}, but got a string with length ${text.length} instead.`;
    return openai(message, param, 'string_above_max_length');
  }
  if (NAMES.test(text)) return undefined;
  const message = `Invalid '${param}': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.`;
  return openai(message, param, 'invalid_value');
}

/** The texts are those that OpenAI's API answers to such a schema. */
function openaiSchema({ name, parameters }: Json, param: string): Trouble | undefined {
  if (!isJson(parameters)) return undefined;
  const wrong = (text: string) =>
    openai(`Invalid schema for function '${asText(name)}': ${text}`, param, 'invalid_function_parameters');
  if ([...COMBINERS, 'enum', 'not'].some((key) => key in parameters)) {
    return wrong(
      "schema must have type 'object' and not have 'oneOf'/'anyOf'/'allOf'/'enum'/'not' at the top level.",
    );
  }
  if (parameters.type === 'object') return undefined;
  return wrong(
    `schema must be a JSON Schema of 'type: "object"', got 'type: "${parameters.type ?? 'None'}"'.`,
  );
}

function openaiValue(value: string, supported: string[], param: string): Trouble {
  const list = supported.map((one) => `'${one}'`);
  const message = `Invalid value: '${value}'. Supported values are: ${list.slice(0, -1).join(', ')}, and ${list.at(-1)}.`;
  return openai(message, param, 'invalid_value');
}

function openai(message: string, param: string, code: string): Trouble {
  return { kind: 'invalid', message, param, code };
}

/** https://platform.claude.com/docs/en/api/messages/create, `tools`, without their dates. */
const ANTHROPIC_TYPE =
  /^(custom|mcp_toolset|(bash|text_editor|computer|memory|web_search|web_fetch|code_execution|advisor|tool_search_tool_(regex|bm25))_\d{8})$/;

/** The kinds of content blocks of the same page, without the results of single hosted tools. */
const ANTHROPIC_BLOCK =
  /^(text|image|document|search_result|thinking|redacted_thinking|tool_use|tool_result|server_tool_use|mcp_tool_use|compaction|fallback|container_upload|tool_reference|\w+_tool_result)$/;

export function checkAnthropicTools(body: Json): Trouble | undefined {
  const names = new Set<string>();
  for (const [at, tool] of asList(body.tools).entries()) {
    const type = asText(tool.type) || 'custom';
    if (!ANTHROPIC_TYPE.test(type)) return anthropicTag(`tools.${at}`, type);
    const trouble = type === 'custom' ? checkAnthropicTool(tool, `tools.${at}.custom`) : undefined;
    if (trouble) return trouble;
    const name = asText(tool.name);
    if (name !== '' && names.has(name)) return invalid('tools: Tool names must be unique.');
    names.add(name);
  }
  const choice = asJson(body.tool_choice);
  if (choice.type === 'tool' && !names.has(asText(choice.name))) {
    return invalid(`tool_choice: Tool '${asText(choice.name)}' not found in provided tools`);
  }
  return checkAnthropicBlocks(body);
}

function checkAnthropicTool(tool: Json, path: string): Trouble | undefined {
  const badName = anthropicName(tool.name, `${path}.name`);
  if (badName) return badName;
  if (!isJson(tool.input_schema)) return invalid(`${path}.input_schema: Field required`);
  const schema = tool.input_schema;
  if (schema.type === undefined) return invalid(`${path}.input_schema.type: Field required`);
  if (schema.type !== 'object') return invalid(`${path}.input_schema.type: Input should be 'object'`);
  if (COMBINERS.some((key) => key in schema)) {
    return invalid(
      `${path}.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level`,
    );
  }
  // Only the names at the top are checked.
  const names = Object.keys(asJson(schema.properties));
  if (names.every((name) => /^[a-zA-Z0-9_.-]{1,64}$/.test(name))) return undefined;
  return invalid(
    `${path}.input_schema.properties: Property keys should match pattern '^[a-zA-Z0-9_.-]{1,64}$'`,
  );
}

function anthropicName(name: unknown, path: string): Trouble | undefined {
  if (/^[a-zA-Z0-9_-]{1,128}$/.test(asText(name))) return undefined;
  return invalid(`${path}: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'`);
}

function checkAnthropicBlocks(body: Json): Trouble | undefined {
  for (const [at, message] of asList(body.messages).entries()) {
    if (typeof message.content === 'string') continue;
    for (const [index, block] of asList(message.content).entries()) {
      const type = asText(block.type);
      const path = `messages.${at}.content.${index}`;
      if (!ANTHROPIC_BLOCK.test(type)) return anthropicTag(path, type);
      const trouble = type === 'tool_use' ? anthropicName(block.name, `${path}.tool_use.name`) : undefined;
      if (trouble) return trouble;
    }
  }
  return undefined;
}

function anthropicTag(path: string, type: string): Trouble {
  return invalid(`${path}: Input tag '${type}' found using 'type' does not match any of the expected tags`);
}

/** https://ai.google.dev/api/caching#Tool, in both spellings that the API takes. */
const GEMINI_TOOLS =
  /^(functionDeclarations|function_declarations|googleSearch|google_search|googleSearchRetrieval|google_search_retrieval|googleMaps|google_maps|codeExecution|code_execution|urlContext|url_context|fileSearch|file_search|computerUse|computer_use|mcpServers|mcp_servers)$/;

export function checkGeminiTools(body: Json): Trouble | undefined {
  const names = new Set<string>();
  const fields = asList(body.tools).flatMap(Object.keys);
  for (const [at, tool] of asList(body.tools).entries()) {
    const unknown = Object.keys(tool).find((key) => !GEMINI_TOOLS.test(key));
    if (unknown !== undefined) {
      return invalid(
        `Invalid JSON payload received. Unknown name "${unknown}" at 'tools[${at}]': Cannot find field.`,
      );
    }
    const declared = asList(tool.functionDeclarations ?? tool.function_declarations);
    for (const [index, { name, parametersJsonSchema }] of declared.entries()) {
      const path = `* GenerateContentRequest.tools[${at}].function_declarations[${index}]`;
      const trouble = geminiFunction(asText(name), parametersJsonSchema, path);
      if (trouble) return trouble;
      if (names.has(asText(name))) return invalid(`Duplicate function declaration found: ${asText(name)}`);
      names.add(asText(name));
    }
  }
  const builtIn = fields.find((key) => !/^function_?declarations$/i.test(key));
  if (builtIn === undefined || names.size === 0) return undefined;
  return invalid(
    `Built-in tools ({${builtIn}}) and Function Calling cannot be combined in the same request. Please choose one.`,
  );
}

/** `FunctionDeclaration` on the page above. */
function geminiFunction(name: string, schema: unknown, path: string): Trouble | undefined {
  if (!/^[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}$/.test(name)) {
    return invalid(
      `${path}.name: [FIELD_INVALID] Invalid function name. Must start with a letter or an underscore. Must be alphameric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 64.\n`,
    );
  }
  if (schema === undefined) return undefined;
  const { type, properties } = asJson(schema);
  if (type !== 'object') return invalid(`${path}.parameters_json_schema: schema should be of type OBJECT\n`);
  // `FunctionDeclaration.parameters` in Google's aiplatform API has the rule, and no text of the error.
  const wrong = Object.keys(asJson(properties)).find((key) => !/^[a-zA-Z_][a-zA-Z0-9_]{0,63}$/.test(key));
  return wrong === undefined ? undefined : invalid(`${path}.parameters: Invalid parameter name: ${wrong}\n`);
}

function invalid(message: string): Trouble {
  return { kind: 'invalid', message };
}
