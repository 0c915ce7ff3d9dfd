import { type Answer, pieces, type RequestContent } from './answer.ts';
import { endingOf, type Reading, textOfParts, withoutEnding } from './continuation.ts';
import { anthropicHeaders, anthropicRefusal } from './messages-errors.ts';
import { checkMessages } from './messages-rules.ts';
import { type Frame, type Protocol, plain, type Scene } from './protocol.ts';
import { seal } from './seal.ts';
import { asJson, asList, asText, type Json, textOf } from './shape.ts';

const STOP = {
  stop: 'end_turn',
  tools: 'tool_use',
  length: 'max_tokens',
  refusal: 'refusal',
  filter: 'refusal',
};

/** Anthropic messages. */
export const messages: Protocol = {
  name: 'messages',
  headers: anthropicHeaders,
  keyOf: (request) =>
    request.headers['x-api-key'] || (request.headers.authorization ?? '').replace(/^Bearer\s*/i, ''),
  check: checkMessages,
  readRequest,
  json,
  frames,
  variant: (body) => (endingOf(body.messages, READING) ? undefined : ''),
  refusal: (trouble) => anthropicRefusal(trouble),
  errorFrame: () => event('error', anthropicRefusal({ kind: 'status', status: 529 }).body),
  garbage: 'event: content_block_delta\ndata: {"type":"content_block_delta","ind\n\n',
  wrongShape: 'event: strange\ndata: {"type":"strange","ok":true}\n\n',
};

const READING: Reading = {
  read: (message) => ({ role: asText(message.role), text: textOfParts(message.content) }),
  prefills: () => true,
};

function readRequest(body: Json): RequestContent {
  const ending = endingOf(body.messages, READING);
  const list = withoutEnding(asList(body.messages), ending);
  const blocks = (message: Json | undefined) => asList(message?.content);
  const last = list.findLastIndex((message) => message.role !== 'user');
  const trailing = list.slice(last + 1);
  const results = trailing.flatMap(blocks).filter((block) => block.type === 'tool_result');
  const hasText = trailing.some((message) => textOf(message.content) !== '');
  const choice = asJson(body.tool_choice);
  const format = asJson(body.output_format ?? asJson(body.output_config).format);
  return {
    userTexts: list
      .filter((message) => message.role === 'user')
      .map((message) => textOf(message.content))
      .filter((text) => text !== ''),
    toolOutputs: hasText ? [] : results.map((block) => textOf(block.content)),
    tools: asList(body.tools).flatMap((tool) =>
      tool.input_schema ? [{ name: asText(tool.name), schema: tool.input_schema }] : [],
    ),
    toolChoice:
      choice.type === 'none' ? 'none' : choice.type === 'tool' ? { name: asText(choice.name) } : 'auto',
    schema: format.schema,
    ending,
  };
}

function json(answer: Answer, scene: Scene): Json {
  const content: Json[] = [];
  if (answer.reasoning.length > 0) {
    const thinking = answer.reasoning.join('');
    content.push({ type: 'thinking', thinking, signature: seal('thinking', thinking) });
  }
  if (answer.text.length > 0) content.push({ type: 'text', text: answer.text.join('') });
  for (const [at, call] of answer.calls.entries()) {
    content.push({
      type: 'tool_use',
      id: toolId(scene, at),
      name: call.name,
      input: JSON.parse(call.arguments),
    });
  }
  return message(scene, content, STOP[answer.finish], scene.usage.output);
}

function message(scene: Scene, content: Json[], stop: string | null, output: number): Json {
  return {
    model: scene.model,
    id: `msg_01${scene.id.slice(0, 22)}`,
    type: 'message',
    role: 'assistant',
    content,
    stop_reason: stop,
    stop_sequence: null,
    usage: {
      ...usage(scene),
      cache_creation: {
        ephemeral_5m_input_tokens: scene.usage.wrote - scene.usage.wroteHour,
        ephemeral_1h_input_tokens: scene.usage.wroteHour,
      },
      output_tokens: output,
      service_tier: 'standard',
      inference_geo: 'not_available',
    },
  };
}

/** Anthropic counts cached tokens separately from the other input tokens. */
function usage({ usage: { input, cached, wrote } }: Scene): Json {
  return {
    input_tokens: input - cached - wrote,
    cache_creation_input_tokens: wrote,
    cache_read_input_tokens: cached,
  };
}

function frames(answer: Answer, scene: Scene): Frame[] {
  // The counts of a stream are cumulative, so the first is no larger than the last.
  const start = message(scene, [], null, Math.min(1, scene.usage.output));
  const list: Frame[] = [plain(event('message_start', { type: 'message_start', message: start }))];
  let index = 0;
  if (answer.reasoning.length > 0) list.push(...thinkingFrames(answer, index++));
  if (answer.text.length > 0) list.push(...textFrames(answer, index++));
  for (const at of answer.calls.keys()) list.push(...toolFrames(answer, scene, at, index++));
  list.splice(2, 0, plain(event('ping', { type: 'ping' })));
  const delta = {
    type: 'message_delta',
    delta: { stop_reason: STOP[answer.finish], stop_sequence: null },
    usage: { ...usage(scene), output_tokens: scene.usage.output },
  };
  list.push({ text: event('message_delta', delta), kind: 'finish' });
  list.push({ text: event('message_stop', { type: 'message_stop' }), kind: 'end-mark' });
  return list;
}

function thinkingFrames(answer: Answer, index: number): Frame[] {
  const signature = seal('thinking', answer.reasoning.join(''));
  return [
    plain(blockStart(index, { type: 'thinking', thinking: '', signature: '' })),
    ...answer.reasoning.map((thinking) => plain(blockDelta(index, { type: 'thinking_delta', thinking }))),
    plain(blockDelta(index, { type: 'signature_delta', signature })),
    plain(blockStop(index)),
  ];
}

function textFrames(answer: Answer, index: number): Frame[] {
  const lead = `event: content_block_delta\ndata: {"type":"content_block_delta","index":${index},"delta":{"type":"text_delta","text":`;
  return [
    plain(blockStart(index, { type: 'text', text: '' })),
    ...answer.text.map((text): Frame => ({ text: `${lead}${JSON.stringify(text)}}}\n\n`, kind: 'delta' })),
    { text: blockStop(index), kind: 'finish' },
  ];
}

function toolFrames(answer: Answer, scene: Scene, at: number, index: number): Frame[] {
  const call = answer.calls[at]!;
  const input = call.arguments === '{}' ? [] : pieces(call.arguments);
  return [
    plain(blockStart(index, { type: 'tool_use', id: toolId(scene, at), name: call.name, input: {} })),
    plain(blockDelta(index, { type: 'input_json_delta', partial_json: '' })),
    ...input.map((part): Frame => {
      return { text: blockDelta(index, { type: 'input_json_delta', partial_json: part }), kind: 'delta' };
    }),
    { text: blockStop(index), kind: 'finish' },
  ];
}

function toolId(scene: Scene, at: number): string {
  return `toolu_01${scene.id.slice(0, 20)}${at.toString().padStart(2, '0')}`;
}

function blockStart(index: number, content_block: Json): string {
  return event('content_block_start', { type: 'content_block_start', index, content_block });
}

function blockDelta(index: number, delta: Json): string {
  return event('content_block_delta', { type: 'content_block_delta', index, delta });
}

function blockStop(index: number): string {
  return event('content_block_stop', { type: 'content_block_stop', index });
}

function event(name: string, data: Json): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
