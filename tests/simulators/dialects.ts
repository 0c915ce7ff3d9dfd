import { asJson, asList, asText, type Json } from './provider/shape.ts';

export const KEYS = { authorization: 'Bearer key', 'x-api-key': 'key', 'x-goog-api-key': 'key' };
export const PARAMETERS = {
  type: 'object',
  properties: { city: { type: 'string' }, days: { type: 'integer' } },
};
export const NAMES = ['weather', 'population'];

/** How to write requests and read answers of a protocol. */
export type Dialect = {
  path(model: string, stream: boolean): string;
  /** A request with one user text and, with `tools`, two functions. */
  body(model: string, stream: boolean, text: string, tools: boolean): Json;
  text(answer: Json): string;
  /** The same request, followed by the beginning of an answer and, with `followUp`, a user message. */
  continued(body: Json, beginning: string, followUp?: string): Json;
  /** The text in a stream's events. */
  streamed(events: Json[]): string;
  /** The number of calls in an answer. */
  calls(answer: Json): number;
  lastEvent: RegExp;
};

export const DIALECTS: Record<string, Dialect> = {
  chat: {
    path: () => '/v1/chat/completions',
    body: (model, stream, content, tools) => ({
      model,
      stream,
      messages: [{ role: 'user', content }],
      ...(tools && {
        tools: NAMES.map((name) => ({ type: 'function', function: { name, parameters: PARAMETERS } })),
      }),
    }),
    continued: (body, content, followUp) => ({
      ...body,
      messages: [
        ...asList(body.messages),
        { role: 'assistant', content, ...(followUp === undefined && { prefix: true }) },
        ...(followUp === undefined ? [] : [{ role: 'user', content: followUp }]),
      ],
    }),
    text: (answer) => asText(asJson(asList(answer.choices)[0]?.message).content),
    streamed: (events) =>
      events.map((event) => asText(asJson(asList(event.choices)[0]?.delta).content)).join(''),
    calls: (answer) => asList(asJson(asList(answer.choices)[0]?.message).tool_calls).length,
    lastEvent: /data: \[DONE\]\n\n$/,
  },
  responses: {
    path: () => '/v1/responses',
    body: (model, stream, input, tools) => ({
      model,
      stream,
      input,
      ...(tools && { tools: NAMES.map((name) => ({ type: 'function', name, parameters: PARAMETERS })) }),
    }),
    continued: (body, text, followUp) => ({
      ...body,
      input: [
        { role: 'user', content: body.input },
        { type: 'message', role: 'assistant', content: [{ type: 'output_text', text, annotations: [] }] },
        ...(followUp === undefined ? [] : [{ role: 'user', content: followUp }]),
      ],
    }),
    text: (answer) =>
      asList(answer.output)
        .flatMap((item) => asList(item.content))
        .map((part) => asText(part.text))
        .join(''),
    streamed: (events) =>
      events
        .filter((event) => event.type === 'response.output_text.delta')
        .map((event) => asText(event.delta))
        .join(''),
    calls: (answer) => asList(answer.output).filter((item) => item.type === 'function_call').length,
    lastEvent: /event: response.completed\n[^\n]+\n\n$/,
  },
  messages: {
    path: () => '/v1/messages',
    body: (model, stream, content, tools) => ({
      model,
      stream,
      max_tokens: 100,
      messages: [{ role: 'user', content }],
      ...(tools && { tools: NAMES.map((name) => ({ name, input_schema: PARAMETERS })) }),
    }),
    continued: (body, content, followUp) => ({
      ...body,
      messages: [
        ...asList(body.messages),
        { role: 'assistant', content },
        ...(followUp === undefined ? [] : [{ role: 'user', content: followUp }]),
      ],
    }),
    text: (answer) =>
      asList(answer.content)
        .map((block) => asText(block.text))
        .join(''),
    streamed: (events) => events.map((event) => asText(asJson(event.delta).text)).join(''),
    calls: (answer) => asList(answer.content).filter((block) => block.type === 'tool_use').length,
    lastEvent: /event: message_stop\n[^\n]+\n\n$/,
  },
  gemini: {
    path: (model, stream) =>
      `/v1beta/models/${model}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
    body: (_model, _stream, text, tools) => ({
      contents: [{ role: 'user', parts: [{ text }] }],
      ...(tools && {
        tools: [{ functionDeclarations: NAMES.map((name) => ({ name, parameters: PARAMETERS })) }],
      }),
    }),
    continued: (body, text, followUp) => ({
      ...body,
      contents: [
        ...asList(body.contents),
        { role: 'model', parts: [{ text }] },
        ...(followUp === undefined ? [] : [{ role: 'user', parts: [{ text: followUp }] }]),
      ],
    }),
    text: (answer) =>
      geminiParts(answer)
        .map((part) => (part.thought ? '' : asText(part.text)))
        .join(''),
    streamed: (events) =>
      events
        .flatMap(geminiParts)
        .map((part) => (part.thought ? '' : asText(part.text)))
        .join(''),
    calls: (answer) => geminiParts(answer).filter((part) => part.functionCall).length,
    lastEvent: /"finishReason":"STOP"[^\n]+\r\n\r\n$/,
  },
};

function geminiParts(answer: Json): Json[] {
  return asList(asJson(asList(answer.candidates)[0]?.content).parts);
}

/** The events of a stream. Events that are not JSON are left out. */
export function eventsOf(text: string): Json[] {
  return [...text.matchAll(/^data: (\{.*\})\r?$/gm)].map(([, data]) => asJson(JSON.parse(data!)));
}

/** The text of a stream, up to its end or up to where it broke. */
export async function drain(response: Response): Promise<{ text: string; broken: boolean }> {
  const decoder = new TextDecoder();
  let text = '';
  try {
    for await (const bytes of response.body!) text += decoder.decode(bytes, { stream: true });
    return { text, broken: false };
  } catch {
    return { text, broken: true };
  }
}
