import type { ProtocolName } from '../../simulators/provider/protocol.ts';
import { asJson, asList, asText, type Json } from '../../simulators/provider/shape.ts';
import { chatCall, geminiCall, joined, messageCall, responseCall, type ToldCall } from './told.ts';

/** The conversation that a provider received, in the same form for all protocols. */
export interface Received {
  /** The text of assistant messages. */
  said: string;
  /** The texts of user messages. */
  asked: string[];
  calls: ToldCall[];
  /** The outputs of client tools, by the id of the call, or by its name at Gemini. */
  outputs: { call: string; text: string }[];
}

const READERS: Record<ProtocolName, (body: Json) => Received> = {
  chat: chatReceived,
  responses: responsesReceived,
  messages: messagesReceived,
  gemini: geminiReceived,
};

export const receivedBy = (protocol: ProtocolName, body: unknown): Received =>
  READERS[protocol](asJson(body));

function chatReceived(body: Json): Received {
  const messages = asList(body.messages);
  const of = (role: string) => messages.filter((message) => message.role === role);
  return {
    said: of('assistant')
      .map(({ content }) => joined(content))
      .join(''),
    asked: of('user').map(({ content }) => joined(content)),
    calls: of('assistant').flatMap(({ tool_calls }) => asList(tool_calls).map(chatCall)),
    outputs: of('tool').map(({ tool_call_id, content }) => ({
      call: asText(tool_call_id),
      text: joined(content),
    })),
  };
}

function responsesReceived(body: Json): Received {
  const items = typeof body.input === 'string' ? [{ role: 'user', content: body.input }] : asList(body.input);
  const of = (role: string) => items.filter((item) => item.role === role);
  const outputs = items.filter(({ type }) => /^(function|custom_tool)_call_output$/.test(asText(type)));
  const answered = new Set(outputs.map(({ call_id }) => asText(call_id)));
  // Custom calls without an output are those that the provider ran.
  const names = items.filter((item) => answered.has(asText(item.call_id))).map(({ name }) => asText(name));
  return {
    said: of('assistant')
      .map(({ content }) => joined(content))
      .join(''),
    asked: of('user').map(({ content }) => joined(content)),
    calls: items.flatMap((item) => responseCall(item, new Set(names))),
    outputs: outputs.map(({ call_id, output }) => ({ call: asText(call_id), text: joined(output) })),
  };
}

function messagesReceived(body: Json): Received {
  const messages = asList(body.messages);
  const blocks = (role: string) =>
    messages
      .filter((message) => message.role === role)
      .flatMap(({ content }) =>
        typeof content === 'string' ? [{ type: 'text', text: content }] : asList(content),
      );
  return {
    said: blocks('assistant')
      .map(({ text }) => asText(text))
      .join(''),
    asked: blocks('user').flatMap(({ type, text }) => (type === 'text' ? [asText(text)] : [])),
    calls: blocks('assistant').flatMap(messageCall),
    outputs: blocks('user').flatMap(({ type, tool_use_id, content }) =>
      type === 'tool_result' ? [{ call: asText(tool_use_id), text: joined(content) }] : [],
    ),
  };
}

function geminiReceived(body: Json): Received {
  const contents = asList(body.contents);
  const parts = (role: string) =>
    contents.filter((content) => content.role === role).flatMap((content) => asList(content.parts));
  return {
    said: parts('model')
      .map(({ text, thought }) => (thought ? '' : asText(text)))
      .join(''),
    asked: parts('user').flatMap(({ text }) => (typeof text === 'string' ? [text] : [])),
    calls: parts('model').flatMap(geminiCall),
    outputs: parts('user').flatMap(({ functionResponse }) => {
      if (!functionResponse) return [];
      const { id, name, response } = asJson(functionResponse);
      return [{ call: asText(id) || asText(name), text: Object.values(asJson(response)).join(' ') }];
    }),
  };
}
