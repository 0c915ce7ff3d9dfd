import type { ProtocolName } from '../../simulators/provider/protocol.ts';
import { asJson, asList, asText, type Json } from '../../simulators/provider/shape.ts';

/**
 * The fields that each protocol has for the history of another provider. OpenAI and Anthropic refuse further
 * ones, Google does so with "Unknown name". A signature or an id of another provider is no field of such a
 * history.
 */
const FIELDS: Record<string, string> = {
  // OpenAI API description, `ChatCompletionRequestMessage`; `reasoning_content` is of compatible servers.
  'chat user': 'role content',
  'chat assistant': 'role content refusal tool_calls reasoning_content',
  'chat tool': 'role content tool_call_id',
  'chat call function': 'id type function',
  'chat call custom': 'id type custom',
  // OpenAI API description, `InputItem`.
  'responses message': 'type role content',
  'responses function_call': 'type call_id name arguments namespace',
  'responses function_call_output': 'type call_id output',
  'responses custom_tool_call': 'type call_id name input namespace',
  'responses custom_tool_call_output': 'type call_id output',
  'responses input_text': 'type text',
  'responses output_text': 'type text annotations',
  'responses refusal': 'type refusal',
  // https://platform.claude.com/docs/en/api/messages/create
  'messages text': 'type text cache_control',
  'messages tool_use': 'type id name input cache_control',
  'messages tool_result': 'type tool_use_id content is_error cache_control',
  // https://ai.google.dev/api/caching#Part
  'gemini part': 'text inlineData functionCall functionResponse thoughtSignature',
  'gemini functionCall': 'id name args',
  'gemini functionResponse': 'id name response',
};

/** Fields of the conversation in a request that its protocol does not have. */
export function unknownFields(protocol: ProtocolName, body: Json): string[] {
  return PARTS[protocol](body).flatMap(([kind, value]) => {
    const known = FIELDS[kind]?.split(' ');
    return known
      ? Object.keys(value)
          .filter((key) => !known.includes(key))
          .map((key) => `${kind}: ${key}`)
      : [kind];
  });
}

type Part = [kind: string, value: Json];

const PARTS: Record<ProtocolName, (body: Json) => Part[]> = {
  chat: ({ messages }) =>
    asList(messages).flatMap((message): Part[] => [
      [`chat ${asText(message.role)}`, message],
      ...asList(message.tool_calls).map((call): Part => [`chat call ${asText(call.type)}`, call]),
    ]),
  responses: ({ input }) =>
    asList(input).flatMap((item): Part[] => [
      [`responses ${asText(item.type) || 'message'}`, item],
      ...asList(item.content).map((part): Part => [`responses ${asText(part.type)}`, part]),
    ]),
  messages: ({ messages }) =>
    asList(messages).flatMap(({ content }) =>
      asList(content).map((block): Part => [`messages ${asText(block.type)}`, block]),
    ),
  gemini: ({ contents }) =>
    asList(contents).flatMap(({ parts }) =>
      asList(parts).flatMap((part): Part[] => [
        ['gemini part', part],
        ...['functionCall', 'functionResponse']
          .filter((key) => part[key] !== undefined)
          .map((key): Part => [`gemini ${key}`, asJson(part[key])]),
      ]),
    ),
};
