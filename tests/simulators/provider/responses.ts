import type { Answer, RequestContent } from './answer.ts';
import { endingOf, type Reading, textOfParts, withoutEnding } from './continuation.ts';
import { openAiHeaders, openAiRefusal } from './openai-errors.ts';
import { type Protocol, type Scene, tierOf } from './protocol.ts';
import { outputItems } from './responses-items.ts';
import { checkResponses } from './responses-rules.ts';
import { responsesFrames } from './responses-stream.ts';
import { asJson, asList, asText, type Json, textOf } from './shape.ts';

/** OpenAI Responses. */
export const responses: Protocol = {
  name: 'responses',
  headers: openAiHeaders,
  keyOf: (request) => (request.headers.authorization ?? '').replace(/^Bearer\s*/i, ''),
  check: checkResponses,
  readRequest,
  json: (answer, scene) => {
    const items = outputItems(answer, scene);
    return responseObject(scene, outcome(answer), items);
  },
  frames: (answer, scene) =>
    responsesFrames(answer, scene, {
      started: responseObject(scene, { status: 'in_progress' }, []),
      ended: responseObject(scene, outcome(answer), outputItems(answer, scene)),
    }),
  variant: (body) => {
    const { input, model, stream, ...settings } = body;
    if (endingOf(input, READING)) return undefined;
    return Object.keys(settings).length <= 8 && !settings.tools ? JSON.stringify(settings) : undefined;
  },
  refusal: (trouble, model) => openAiRefusal(trouble, model, 'input'),
  errorFrame: (scene, sent) => {
    const { error } = openAiRefusal({ kind: 'status', status: 500 }, scene.model, 'input').body;
    const failed = responseObject(scene, { status: 'failed' }, []);
    failed.error = { code: 'server_error', message: asJson(error).message };
    const event = { type: 'error', sequence_number: sent, error };
    const end = { type: 'response.failed', sequence_number: sent + 1, response: failed };
    return `event: error\ndata: ${JSON.stringify(event)}\n\nevent: response.failed\ndata: ${JSON.stringify(end)}\n\n`;
  },
  garbage: 'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","del\n\n',
  wrongShape: 'event: response.strange\ndata: {"type":"response.strange","ok":true}\n\n',
};

/** The Responses API never continues an assistant message: it answers it like any other input. */
const READING: Reading = {
  read: (item) => ({ role: asText(item.role), text: textOfParts(item.content) }),
  prefills: () => false,
};

function readRequest(body: Json): RequestContent {
  const ending = endingOf(body.input, READING);
  const items = withoutEnding(inputItems(body), ending);
  const lastOutput = items.findLastIndex((item) => item.type !== 'function_call_output');
  const format = asJson(asJson(body.text).format);
  const choice = asJson(body.tool_choice);
  return {
    userTexts: items.filter((item) => item.role === 'user').map((item) => textOf(item.content)),
    toolOutputs: items.slice(lastOutput + 1).map((item) => textOf(item.output)),
    tools: asList(body.tools).flatMap((tool) =>
      tool.type === 'function' ? [{ name: asText(tool.name), schema: tool.parameters }] : [],
    ),
    toolChoice:
      body.tool_choice === 'none'
        ? 'none'
        : choice.type === 'function'
          ? { name: asText(choice.name) }
          : 'auto',
    schema: format.schema,
    ending,
  };
}

export function inputItems(body: Json): Json[] {
  return typeof body.input === 'string' ? [{ role: 'user', content: body.input }] : asList(body.input);
}

type Outcome = { status: string; reason?: string };

function outcome(answer: Answer): Outcome {
  if (answer.finish === 'length') return { status: 'incomplete', reason: 'max_output_tokens' };
  if (answer.finish === 'filter') return { status: 'incomplete', reason: 'content_filter' };
  return { status: 'completed' };
}

function responseObject(scene: Scene, { status, reason }: Outcome, output: Json[]): Json {
  const { body, usage } = scene;
  const ended = status === 'completed' || status === 'incomplete';
  return {
    id: `resp_${scene.id}`,
    object: 'response',
    created_at: scene.created,
    status,
    background: false,
    completed_at: status === 'completed' ? scene.created : null,
    error: null,
    frequency_penalty: 0,
    incomplete_details: reason ? { reason } : null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    max_tool_calls: null,
    model: scene.model,
    output,
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    presence_penalty: 0,
    previous_response_id: null,
    prompt_cache_key: body.prompt_cache_key ?? null,
    prompt_cache_retention: null,
    reasoning: { effort: null, summary: null, ...asJson(body.reasoning) },
    safety_identifier: body.safety_identifier ?? null,
    service_tier: ended ? tierOf(scene, 'default') : (body.service_tier ?? 'auto'),
    store: body.store ?? true,
    temperature: body.temperature ?? 1,
    text: { format: { type: 'text' }, verbosity: 'medium', ...asJson(body.text) },
    tool_choice: body.tool_choice ?? 'auto',
    tools: body.tools ?? [],
    top_logprobs: body.top_logprobs ?? 0,
    top_p: body.top_p ?? 1,
    truncation: body.truncation ?? 'disabled',
    usage: ended
      ? {
          input_tokens: usage.input,
          input_tokens_details: { cached_tokens: usage.cached, cache_write_tokens: usage.wrote },
          output_tokens: usage.output,
          output_tokens_details: { reasoning_tokens: usage.reasoning },
          total_tokens: usage.input + usage.output,
        }
      : null,
    user: body.user ?? null,
    metadata: body.metadata ?? {},
  };
}
