import { asJson, asList, asText, type Json } from './provider/shape.ts';

export const KEYS = { authorization: 'Bearer key', 'x-api-key': 'key', 'x-goog-api-key': 'key' };
export const PARAMETERS = {
  type: 'object',
  properties: { city: { type: 'string' }, days: { type: 'integer' } },
};
export const NAMES = ['weather', 'population'];

/** A protocol as its clients speak it, as far as the tests have to. */
export type Dialect = {
  path(model: string, stream: boolean): string;
  /** A request with one user text and, where asked, two functions. */
  body(model: string, stream: boolean, text: string, tools: boolean): Json;
  text(answer: Json): string;
  /** The same request with the beginning of an answer, and with what the user says to it. */
  continued(body: Json, beginning: string, told?: string): Json;
  /** The text in a stream's events. */
  streamed(events: Json[]): string;
  /** How many calls an answer holds. */
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
    continued: (body, content, told) => ({
      ...body,
      messages: [
        ...asList(body.messages),
        { role: 'assistant', content, ...(told === undefined && { prefix: true }) },
        ...(told === undefined ? [] : [{ role: 'user', content: told }]),
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
    continued: (body, text, told) => ({
      ...body,
      input: [
        { role: 'user', content: body.input },
        { type: 'message', role: 'assistant', content: [{ type: 'output_text', text, annotations: [] }] },
        ...(told === undefined ? [] : [{ role: 'user', content: told }]),
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
    continued: (body, content, told) => ({
      ...body,
      messages: [
        ...asList(body.messages),
        { role: 'assistant', content },
        ...(told === undefined ? [] : [{ role: 'user', content: told }]),
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
    continued: (body, text, told) => ({
      ...body,
      contents: [
        ...asList(body.contents),
        { role: 'model', parts: [{ text }] },
        ...(told === undefined ? [] : [{ role: 'user', parts: [{ text: told }] }]),
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

/** The events of a stream, but for those that are no JSON. */
export function eventsOf(text: string): Json[] {
  return [...text.matchAll(/^data: (\{.*\})\r?$/gm)].map(([, data]) => asJson(JSON.parse(data!)));
}

/** What came of a stream, to its end or to where it broke. */
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
