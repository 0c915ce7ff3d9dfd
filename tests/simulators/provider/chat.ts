import { type Answer, type OfferedTool, PIXEL, pieces, type RequestContent } from './answer.ts';
import { checkChat } from './chat-rules.ts';
import { endingOf, type Reading, textOfParts, withoutEnding } from './continuation.ts';
import { openAiHeaders, openAiRefusal } from './openai-errors.ts';
import { type Frame, type Protocol, plain, type Scene, tierOf } from './protocol.ts';
import { asJson, asList, asText, type Json, textOf } from './shape.ts';

const FINISH = {
  stop: 'stop',
  tools: 'tool_calls',
  length: 'length',
  refusal: 'stop',
  filter: 'content_filter',
};

/** OpenAI chat completions. */
export const chat: Protocol = {
  name: 'chat',
  headers: openAiHeaders,
  keyOf: (request) => (request.headers.authorization ?? '').replace(/^Bearer\s*/i, ''),
  check: checkChat,
  readRequest,
  json,
  frames,
  variant: (body) => (endingOf(body.messages, reading(body)) ? undefined : String(includesUsage(body))),
  refusal: (trouble, model) => openAiRefusal(trouble, model, 'messages'),
  errorFrame: (scene) =>
    `data: ${JSON.stringify(openAiRefusal({ kind: 'status', status: 500 }, scene.model, 'messages').body)}\n\n`,
  garbage: 'data: {"id":"chatcmpl-broken","choices":[{"index":0,"del\n\n',
  wrongShape: 'data: {"object":"strange","ok":true}\n\n',
};

/** Continues an assistant message only if the request asks for it, in one of the ways of compatible servers. */
function reading(body: Json): Reading {
  return {
    read: (message) => ({ role: asText(message.role), text: textOfParts(message.content) }),
    prefills: ({ prefix, partial }) =>
      prefix === true || partial === true || body.continue_final_message === true,
  };
}

function readRequest(body: Json): RequestContent {
  const ending = endingOf(body.messages, reading(body));
  const messages = withoutEnding(asList(body.messages), ending);
  const lastNotTool = messages.findLastIndex((message) => message.role !== 'tool');
  const asked = messages.findLastIndex(({ role }) => role === 'user');
  const format = asJson(body.response_format);
  return {
    userTexts: messages
      .filter((message) => message.role === 'user')
      .map((message) => textOf(message.content)),
    rounds: messages.slice(asked + 1).filter(({ role }) => role === 'assistant').length,
    toolOutputs: messages.slice(lastNotTool + 1).map((message) => textOf(message.content)),
    tools: asList(body.tools).flatMap(offered),
    toolChoice: toolChoice(body.tool_choice),
    schema: asJson(format.json_schema).schema,
    ending,
  };
}

function offered(tool: Json): OfferedTool[] {
  const definition = asJson(tool.function);
  return tool.type === 'function' ? [{ name: asText(definition.name), schema: definition.parameters }] : [];
}

function toolChoice(choice: unknown): RequestContent['toolChoice'] {
  if (choice === 'none') return 'none';
  const name = asText(asJson(asJson(choice).function).name);
  return name === '' ? 'auto' : { name };
}

function json(answer: Answer, scene: Scene): Json {
  const text = answer.text.join('');
  const refused = answer.finish === 'refusal';
  const message: Json = {
    role: 'assistant',
    content: refused || answer.calls.length > 0 ? null : text,
    refusal: refused ? text : null,
    annotations: [],
  };
  if (scene.plan.image) message.images = IMAGES;
  if (answer.reasoning.length > 0) message.reasoning_content = answer.reasoning.join('');
  if (answer.calls.length > 0) {
    message.tool_calls = answer.calls.map((call, at) => ({
      id: callId(scene, at),
      type: 'function',
      function: { name: call.name, arguments: call.arguments },
    }));
  }
  return {
    id: `chatcmpl-${scene.id}`,
    object: 'chat.completion',
    created: scene.created,
    model: scene.model,
    choices: [{ index: 0, message, logprobs: logprobs(answer, scene), finish_reason: FINISH[answer.finish] }],
    usage: usage(scene),
    service_tier: tierOf(scene, 'default'),
    system_fingerprint: 'fp_de604bd877',
  };
}

/**
 * https://openrouter.ai/docs/features/multimodal/image-generation,
 * https://docs.litellm.ai/docs/completion/image_generation_chat
 */
const IMAGES = [{ index: 0, type: 'image_url', image_url: { url: `data:image/png;base64,${PIXEL}` } }];

function frames(answer: Answer, scene: Scene): Frame[] {
  const withUsage = includesUsage(scene.body);
  const start =
    `data: {"id":"chatcmpl-${scene.id}","object":"chat.completion.chunk","created":${scene.created},` +
    `"model":${JSON.stringify(scene.model)},"service_tier":"${tierOf(scene, 'default')}","system_fingerprint":"fp_de604bd877","choices":[`;
  const noUsage = withUsage ? ',"usage":null' : '';
  const event = (delta: string, logs = 'null', finish = 'null') =>
    `${start}{"index":0,"delta":${delta},"logprobs":${logs},"finish_reason":${finish}}]${noUsage},"obfuscation":"Qup1BsQ3"}\n\n`;

  const list: Frame[] = [];
  const opening = answer.calls.length > 0 || answer.reasoning.length > 0 ? 'null' : '""';
  list.push(plain(event(`{"role":"assistant","content":${opening},"refusal":null}`)));
  for (const part of answer.reasoning)
    list.push(plain(event(`{"reasoning_content":${JSON.stringify(part)}}`)));
  const field = answer.finish === 'refusal' ? 'refusal' : 'content';
  for (const part of answer.text) {
    const logs = scene.plan.logprobs ? JSON.stringify({ content: [logprob(part)], refusal: null }) : 'null';
    list.push({ text: event(`{"${field}":${JSON.stringify(part)}}`, logs), kind: 'delta' });
  }
  if (scene.plan.image) {
    const delta = { role: 'assistant', content: '', images: IMAGES };
    list.push({ text: event(JSON.stringify(delta)), kind: 'delta' });
  }
  list.push(...callFrames(answer, scene, event));
  list.push({ text: event('{}', 'null', `"${FINISH[answer.finish]}"`), kind: 'finish' });
  if (withUsage) {
    list.push({
      text: `${start}],"usage":${JSON.stringify(usage(scene))},"obfuscation":"h9RiQLL"}\n\n`,
      kind: 'finish',
    });
  }
  list.push({ text: 'data: [DONE]\n\n', kind: 'end-mark' });
  return list;
}

function callFrames(answer: Answer, scene: Scene, event: (delta: string) => string): Frame[] {
  return answer.calls.flatMap((call, index) => {
    const opening = {
      index,
      id: callId(scene, index),
      type: 'function',
      function: { name: call.name, arguments: '' },
    };
    return [
      plain(event(JSON.stringify({ tool_calls: [opening] }))),
      ...pieces(call.arguments).map((part): Frame => {
        const delta = { tool_calls: [{ index, function: { arguments: part } }] };
        return { text: event(JSON.stringify(delta)), kind: 'delta' };
      }),
    ];
  });
}

function callId(scene: Scene, at: number): string {
  return `call_${scene.id.slice(8, 30)}${at.toString().padStart(2, '0')}`;
}

function includesUsage(body: Json): boolean {
  return asJson(body.stream_options).include_usage === true;
}

function usage({ usage: { input, cached, wrote, output, reasoning } }: Scene): Json {
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    prompt_tokens_details: { cached_tokens: cached, cache_write_tokens: wrote, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: reasoning,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

function logprobs(answer: Answer, scene: Scene): Json | null {
  return scene.plan.logprobs ? { content: answer.text.map(logprob), refusal: null } : null;
}

export function logprob(token: string): Json {
  return { token, logprob: -0.25, bytes: [...Buffer.from(token)], top_logprobs: [] };
}
