import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';
import { GOOGLE_PATH } from './google-request.ts';
import { completionText, responseText } from './journey.ts';

/** The same request in each dialect, and what its reply says. A further dialect is a further row. */

export const DIALECTS = ['chat', 'responses', 'messages', 'gemini', 'interactions'] as const;
export type Dialect = (typeof DIALECTS)[number];
export const PATHS: Record<Dialect, string> = {
  responses: '/v1/responses',
  chat: '/v1/chat/completions',
  messages: '/v1/messages',
  gemini: GOOGLE_PATH,
  interactions: '/v1beta/interactions',
};

/** Instructions of a coding agent, and those of its requests for a title. */
export const MAIN = 'You are a coding agent. Work in the repository and keep your answers short and precise.';
export const TITLE = 'Write a title of at most fifty characters for the conversation of the user.';

export interface Said {
  role: string;
  content: string;
}
export const user = (content: string): Said => ({ role: 'user', content });
export const assistant = (content: string): Said => ({ role: 'assistant', content });

/** A function that a caller has. */
export interface TestTool {
  name: string;
  parameters?: Json;
}

interface Form {
  /** Requests have the settings of OpenAI's APIs, such as `presence_penalty` and `metadata`. */
  hasOpenaiSettings?: true;
  /** The fields of a body that has these instructions and messages. */
  conversation(system: string | undefined, messages: readonly object[]): Json;
  /** Makes a turn without a session one that is stored, where it is not by default. */
  stored: Json;
  tool(tool: TestTool): Json;
  /** An image in the content of a message. */
  image(url: string): Json;
  /** A text in the content of a message that has several parts. */
  part(text: string): Json;
  /** An image or a document with this content, in the content of a message. */
  media(type: string, base64: string): Json;
  /** The answer of a whole reply, as entries of the conversation. */
  said(body: Json): Json[];
  /** The output of a call, as an entry of the conversation. */
  output(callId: string, text: string): Json;
  /** Limits the tokens of the answer. */
  limit(tokens: number): Json;
  temperature(value: number): Json;
  /** A stream shows a call only when the call is whole. */
  hasWholeCalls?: true;
  /** Names the caller's own user. */
  user(id: string): Json;
  /** Asks for an answer that fits a schema. */
  format(name: string, schema: Json): Json;
  /** The same for any JSON object. */
  anyObject: Json;
  /** What is only in the last events of an answer that its caller cancelled. */
  cancelled: string;
  /** The text of a whole reply. */
  text(body: Json): string;
  /** The error of a reply, or of an event of a stream, in the fields of OpenAI's envelope. */
  error(body: Json): Json | undefined;
  /** The beginning of the dialect's ids of turns. */
  idPrefix: string;
  /** What is only in the last events of a whole answer. */
  end: string;
  /** The tokens of prompt and answer. */
  tokens(body: Json): number;
  /** The header with a part of what is left of the caller's limits, and the form of the time of its reset. */
  quotaHeader(kind: string, part: string): string;
  reset: RegExp;
  /** What follows all numbered events of a stream. */
  tail: string;
  /** The reply for a turn that waits: its status when it is fetched, and its kind. */
  accepted: { status: number; kind: Json; names: { id: string; model: string } };
}

const OWN_NAMES = { id: 'id', model: 'model' };

const openai = {
  hasOpenaiSettings: true as const,
  temperature: (temperature: number): Json => ({ temperature }),
  user: (safety_identifier: string): Json => ({ safety_identifier }),
  quotaHeader: (kind: string, part: string) => `x-ratelimit-${part}-${kind}`,
  reset: /^(\d+(\.\d+)?s|1m\d(\.\d+)?s)$/,
  tokens: (body: Json) => Number(asJson(body.usage).total_tokens),
};

const chatError = (body: Json): Json | undefined => (body.error ? asJson(body.error) : undefined);

export const FORMS: Record<Dialect, Form> = {
  chat: {
    conversation: (system, messages) => ({
      messages: [...(system === undefined ? [] : [{ role: 'system', content: system }]), ...messages],
    }),
    stored: { store: true },
    tool: (tool) => ({ type: 'function', function: tool }),
    image: (url) => ({ type: 'image_url', image_url: { url } }),
    part: (text) => ({ type: 'text', text }),
    media: (type, base64) =>
      type.startsWith('image/')
        ? { type: 'image_url', image_url: { url: `data:${type};base64,${base64}` } }
        : { type: 'file', file: { filename: 'a.pdf', file_data: `data:${type};base64,${base64}` } },
    said: (body) => [asJson(asList(body.choices)[0]?.message)],
    output: (tool_call_id, content) => ({ role: 'tool', tool_call_id, content }),
    limit: (max_completion_tokens) => ({ max_completion_tokens }),
    format: (name, schema) => ({
      response_format: { type: 'json_schema', json_schema: { name, schema, strict: true } },
    }),
    anyObject: { response_format: { type: 'json_object' } },
    cancelled: 'data: [DONE]',
    text: completionText,
    error: chatError,
    ...openai,
    idPrefix: 'chatcmpl-',
    end: '[DONE]',
    tail: 'data: [DONE]\n\n',
    accepted: { status: 202, kind: { object: 'chat.completion.accepted' }, names: OWN_NAMES },
  },
  responses: {
    conversation: (instructions, input) => ({ input, instructions }),
    stored: {},
    tool: (tool) => ({ type: 'function', parameters: {}, ...tool }),
    image: (image_url) => ({ type: 'input_image', image_url }),
    part: (text) => ({ type: 'input_text', text }),
    media: (type, base64) =>
      type.startsWith('image/')
        ? { type: 'input_image', image_url: `data:${type};base64,${base64}` }
        : { type: 'input_file', filename: 'a.pdf', file_data: `data:${type};base64,${base64}` },
    said: (body) => asList(body.output),
    output: (call_id, output) => ({ type: 'function_call_output', call_id, output }),
    limit: (max_output_tokens) => ({ max_output_tokens }),
    format: (name, schema) => ({ text: { format: { type: 'json_schema', name, schema, strict: true } } }),
    anyObject: { text: { format: { type: 'json_object' } } },
    cancelled: 'event: response.incomplete',
    text: responseText,
    error: chatError,
    ...openai,
    idPrefix: 'resp_',
    end: 'response.completed',
    tail: '',
    accepted: { status: 200, kind: { object: 'response' }, names: OWN_NAMES },
  },
  messages: {
    conversation: (system, messages) => ({ messages, system }),
    stored: { store: true },
    tool: ({ name, parameters = { type: 'object' } }) => ({ name, input_schema: parameters }),
    image: (url) => ({ type: 'image', source: { type: 'url', url } }),
    part: (text) => ({ type: 'text', text }),
    media: (media_type, data) => ({
      type: media_type.startsWith('image/') ? 'image' : 'document',
      source: { type: 'base64', media_type, data },
    }),
    said: ({ content }) => [{ role: 'assistant', content }],
    output: (tool_use_id, content) => ({
      role: 'user',
      content: [{ type: 'tool_result', tool_use_id, content }],
    }),
    limit: (max_tokens) => ({ max_tokens }),
    format: (_, schema) => ({ output_config: { format: { type: 'json_schema', schema } } }),
    anyObject: { output_config: { format: { type: 'json_schema', schema: { type: 'object' } } } },
    cancelled: 'event: message_stop',
    text: (body) =>
      asList(body.content)
        .map((block) => asText(block.text))
        .join(''),
    error(body) {
      if (!body.error) return undefined;
      const { details, ...error } = asJson(body.error);
      const { error_code: code, param = null, ...further } = asJson(details);
      return { ...error, code, param, ...further };
    },
    temperature: openai.temperature,
    user: (user_id) => ({ metadata: { user_id } }),
    tokens: ({ usage }) => Number(asJson(usage).input_tokens) + Number(asJson(usage).output_tokens),
    quotaHeader: (kind, part) => `anthropic-ratelimit-${kind}-${part}`,
    reset: /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
    idPrefix: 'msg_',
    end: 'message_stop',
    tail: '',
    accepted: { status: 202, kind: { type: 'message_accepted' }, names: OWN_NAMES },
  },
  gemini: {
    conversation: (system, messages) => ({
      contents: messages.map((message) => ('parts' in message ? message : contentOf(message as Said))),
      ...(system !== undefined && { systemInstruction: { parts: [{ text: system }] } }),
    }),
    stored: { store: true },
    tool: ({ name, parameters: parametersJsonSchema }) => ({
      functionDeclarations: [{ name, parametersJsonSchema }],
    }),
    output: (id, text) => ({
      role: 'user',
      parts: [{ functionResponse: { id, name: 'f', response: { output: text } } }],
    }),
    limit: (maxOutputTokens) => ({ generationConfig: { maxOutputTokens } }),
    format: (_, responseJsonSchema) => ({
      generationConfig: { responseMimeType: 'application/json', responseJsonSchema },
    }),
    anyObject: { generationConfig: { responseMimeType: 'application/json' } },
    cancelled: '"finishReason":"OTHER"',
    text: (body) =>
      asList(asJson(asList(body.candidates)[0]?.content).parts)
        .filter(({ thought }) => thought !== true)
        .map((part) => asText(part.text))
        .join(''),
    error: googleError,
    ...openai,
    temperature: (temperature) => ({ generationConfig: { temperature } }),
    hasWholeCalls: true,
    hasOpenaiSettings: undefined,
    image: (fileUri) => ({ fileData: { fileUri, mimeType: 'image/png' } }),
    part: (text) => ({ text }),
    media: (mimeType, data) => ({ inlineData: { mimeType, data } }),
    said: ({ candidates }) => [asJson(asList(candidates)[0]?.content)],
    user: (safetyIdentifier) => ({ safetyIdentifier }),
    tokens: ({ usageMetadata }) => Number(asJson(usageMetadata).totalTokenCount),
    idPrefix: 'resp_',
    end: 'finishReason',
    tail: '',
    accepted: { status: 202, kind: {}, names: { id: 'responseId', model: 'modelVersion' } },
  },
  interactions: {
    conversation: (system_instruction, messages) => ({
      input: messages.map((message) => ('type' in message ? message : stepOf(message as Said))),
      system_instruction,
    }),
    stored: {},
    tool: (tool) => ({ type: 'function', ...tool }),
    image: (uri) => ({ type: 'image', uri }),
    part: (text) => ({ type: 'text', text }),
    media: (mime_type, data) => ({
      type: mime_type.startsWith('image/') ? 'image' : 'document',
      data,
      mime_type,
    }),
    said: ({ steps }) => asList(steps),
    output: (call_id, result) => ({ type: 'function_result', call_id, name: 'f', result }),
    limit: (max_output_tokens) => ({ generation_config: { max_output_tokens } }),
    format: (_, schema) => ({ response_format: { type: 'text', mime_type: 'application/json', schema } }),
    anyObject: { response_format: { type: 'text', mime_type: 'application/json' } },
    cancelled: '"status":"cancelled"',
    text: (body) =>
      asList(body.steps)
        .filter(({ type }) => type === 'model_output')
        .flatMap(({ content }) => asList(content))
        .map(({ text }) => asText(text))
        .join(''),
    error(body) {
      const [failure] = asList(body.errors);
      return googleError(failure ? { error: { ...failure, status: failure.code } } : body);
    },
    ...openai,
    temperature: (temperature) => ({ generation_config: { temperature } }),
    hasOpenaiSettings: undefined,
    user: (safety_identifier) => ({ safety_identifier }),
    tokens: ({ usage }) => Number(asJson(usage).total_tokens),
    idPrefix: 'int_',
    end: 'interaction.completed',
    tail: 'event: done\ndata: [DONE]\n\n',
    accepted: { status: 200, kind: { object: 'interaction' }, names: OWN_NAMES },
  },
};

const stepOf = ({ role, content }: { role: string; content: unknown }): Json => ({
  type: role === 'assistant' ? 'model_output' : 'user_input',
  content: Array.isArray(content) ? content : [{ type: 'text', text: content }],
});

const contentOf = ({ role, content }: { role: string; content: unknown }): Json => ({
  role: role === 'assistant' ? 'model' : 'user',
  parts: Array.isArray(content) ? content : [{ text: content }],
});

/** The details of the error of a Google API: `ErrorInfo`, `BadRequest`, and the failed calls. */
function googleError(body: Json): Json | undefined {
  if (!body.error) return undefined;
  const { message, status: type, details } = asJson(body.error);
  const of = (kind: string) => asList(details).find((detail) => asText(detail['@type']).endsWith(kind)) ?? {};
  const { code, ...metadata } = asJson(of('ErrorInfo').metadata);
  const { attempts } = asJson(of('Struct').value);
  const reported = Object.entries(metadata).map(([name, value]) => [
    name.replace('provider_', ''),
    name === 'provider_status' ? Number(value) : value,
  ]);
  return {
    ...{ type, message, code },
    param: asList(of('BadRequest').fieldViolations)[0]?.field ?? null,
    ...(reported.length > 0 && { provider_error: Object.fromEntries(reported) }),
    ...(attempts !== undefined && { attempts }),
  };
}

/** The fields of a body that has these instructions and messages. */
export const conversationIn = (
  dialect: Dialect,
  system: string | undefined,
  messages: readonly object[],
): Json => FORMS[dialect].conversation(system, messages);

/** The fields of a body that asks one question. */
export const question = (dialect: Dialect, content: unknown): Json =>
  FORMS[dialect].conversation(undefined, [{ role: 'user', content }]);

/** The text of a whole reply. */
export const textIn = (dialect: Dialect, body: Json): string => FORMS[dialect].text(body);

/** The path of a stored turn, by its id in `x-clawhold-response-id`. */
export const pathOf = (dialect: Dialect, responseId: string): string =>
  `${dialect === 'gemini' ? '/v1beta/responses' : PATHS[dialect]}/${idIn(dialect, responseId)}`;

/** The id of a turn in a dialect, by its id in `x-clawhold-response-id`. */
export const idIn = (dialect: Dialect, responseId: string): string =>
  responseId.replace(/^resp_/, FORMS[dialect].idPrefix);

/** The error of a reply in any dialect, in the fields of OpenAI's envelope. */
export const errorIn = (body: Json): Json =>
  (body.type === 'error'
    ? FORMS.messages.error(body)
    : asJson(body.error).details
      ? googleError(body)
      : chatError(body)) ?? {};

/** The calls of a function in a reply or an event, with their ids, in their order. */
export function callsIn(value: unknown, name: string, id?: unknown): string[] {
  if (value === null || typeof value !== 'object') return [];
  const fields = value as Json;
  const own = fields.call_id ?? fields.id ?? id;
  // Responses repeat the tools of their request.
  const isCall = fields.name === name && !('parameters' in fields);
  const found = isCall && typeof own === 'string' ? [own] : [];
  return [...found, ...Object.values(fields).flatMap((inner) => callsIn(inner, name, own))];
}

/** The tokens of a reply in any dialect. */
export function countsIn({ usage, usageMetadata }: Json): { input: unknown; output: unknown } {
  const counts = asJson(usage);
  const google = asJson(usageMetadata);
  return {
    input:
      counts.prompt_tokens ?? counts.input_tokens ?? counts.total_input_tokens ?? google.promptTokenCount,
    output:
      counts.completion_tokens ??
      counts.output_tokens ??
      counts.total_output_tokens ??
      google.candidatesTokenCount,
  };
}
