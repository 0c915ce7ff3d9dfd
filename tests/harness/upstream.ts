import type { RecordedRequest } from '../simulators/provider/provider.ts';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';

/**
 * What a provider received, in the same form for all protocols, one line per message, call, output or thought:
 * `system: …`, `user: …`, `assistant: …`, `call <name>`, `output <text>`, `thought`.
 */
export function sent(request: RecordedRequest | undefined): string[] {
  if (!request) throw new Error('the provider received no request');
  const body = asJson(request.body);
  switch (request.protocol) {
    case 'chat':
      return asList(body.messages).flatMap(chatLines);
    case 'responses':
      return [...line('system', asText(body.instructions)), ...responsesLines(body)];
    case 'messages':
      return [
        ...line('system', flat(body.system, 'text')),
        ...asList(body.messages).flatMap((message) => blockLines(message.role, message.content)),
      ];
    case 'gemini':
      return [
        ...line('system', flat(asJson(body.systemInstruction).parts, 'text')),
        ...asList(body.contents).flatMap((content) =>
          asList(content.parts).map((part) =>
            geminiLine(content.role === 'model' ? 'assistant' : 'user', part),
          ),
        ),
      ];
  }
}

function chatLines(message: Json): string[] {
  if (message.role === 'tool') return [`output ${flat(message.content, 'text')}`];
  const role = message.role === 'developer' ? 'system' : asText(message.role);
  return [
    ...(typeof message.reasoning_content === 'string' ? ['thought'] : []),
    ...line(role, flat(message.content, 'text')),
    ...asList(message.tool_calls).map((call) => `call ${asText(asJson(call.function).name)}`),
  ];
}

function responsesLines(body: Json): string[] {
  if (typeof body.input === 'string') return [`user: ${body.input}`];
  return asList(body.input).flatMap((item) => {
    switch (item.type) {
      case 'function_call':
        return [`call ${asText(item.name)}`];
      case 'function_call_output':
        return [`output ${flat(item.output, 'text')}`];
      case 'reasoning':
        return ['thought'];
      default: {
        const role = item.role === 'developer' ? 'system' : asText(item.role);
        return line(role, flat(item.content, 'text'));
      }
    }
  });
}

function blockLines(role: unknown, content: unknown): string[] {
  if (typeof content === 'string') return line(asText(role), content);
  return asList(content).map((block) => {
    if (block.type === 'tool_use') return `call ${asText(block.name)}`;
    if (block.type === 'tool_result') return `output ${flat(block.content, 'text')}`;
    if (block.type === 'thinking') return 'thought';
    return `${asText(role)}: ${asText(block.text) || `[${asText(block.type)}]`}`;
  });
}

function geminiLine(role: string, part: Json): string {
  if (part.functionCall) return `call ${asText(asJson(part.functionCall).name)}`;
  if (part.functionResponse) {
    const { response } = asJson(part.functionResponse);
    return `output ${Object.values(asJson(response)).join(' ')}`;
  }
  if (part.thought === true) return 'thought';
  return `${role}: ${asText(part.text) || `[${asText(asJson(part.inlineData).mimeType)}]`}`;
}

const line = (role: string, text: string): string[] => (text === '' ? [] : [`${role}: ${text}`]);

/** The text of a string or of parts. A part without text is shown as `[type]`. */
function flat(content: unknown, field: string): string {
  if (typeof content === 'string') return content;
  return asList(content)
    .map((part) => asText(part[field]) || asText(part.refusal) || `[${asText(part.type)}]`)
    .join(' ');
}
