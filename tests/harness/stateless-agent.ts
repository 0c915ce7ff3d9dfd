import { expect } from 'bun:test';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';
import type { TestGateway } from './gateway.ts';
import { json, serverEvents } from './journey.ts';

/** A client that keeps the whole conversation itself and sends all of it with every request. */
export interface StatelessAgent {
  /** The conversation, in the form of its dialect. */
  history: Json[];
  /** The last reply. */
  reply: Response;
  /**
   * Adds a user's text and asks the model. Answers its calls until it makes no more calls. Resolves to the text
   * of the answer.
   */
  ask(model: string, text: string): Promise<string>;
}

interface AgentOptions {
  stream: boolean;
  /** Further fields of each request. */
  body?: Json;
  headers?: Record<string, string>;
}

const FUNCTIONS = ['weather', 'population'].map((name) => ({
  name,
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
}));

const MOST_STEPS = 10;

async function ok(reply: Response): Promise<Response> {
  if (!reply.ok) expect([reply.status, await reply.text()]).toEqual([200, '']);
  return reply;
}

/** An agent on Responses: every output item is sent back unchanged. */
export function responsesAgent(
  gateway: TestGateway,
  { stream, body, headers }: AgentOptions,
): StatelessAgent {
  const agent: StatelessAgent = {
    history: [],
    reply: new Response(),
    async ask(model, text) {
      agent.history.push({ role: 'user', content: text });
      for (let step = 0; step < MOST_STEPS; step++) {
        const request = {
          ...{ model, store: false, stream, input: agent.history },
          tools: FUNCTIONS.map((tool) => ({ type: 'function', ...tool })),
          reasoning: { effort: 'low', summary: 'auto' },
          include: ['reasoning.encrypted_content'],
          ...body,
        };
        agent.reply = await ok(await gateway.post('/v1/responses', request, headers));
        const output = stream
          ? streamedOutput(await agent.reply.text())
          : asList((await json(agent.reply)).output);
        agent.history.push(...output);
        const calls = output.filter(({ type }) => type === 'function_call');
        agent.history.push(
          ...calls.map(({ call_id }) => ({ type: 'function_call_output', call_id, output: 'fine' })),
        );
        const parts = output.flatMap(({ type, content }) => (type === 'message' ? asList(content) : []));
        if (calls.length === 0) return parts.map((part) => asText(part.text)).join('');
      }
      throw new Error('The model calls tools without end.');
    },
  };
  return agent;
}

/** The items of a stream. The event of each item and the terminal event hold the same item. */
export function streamedOutput(text: string): Json[] {
  const { events } = serverEvents(text);
  const done = events.filter(({ event }) => event === 'response.output_item.done').map(({ data }) => data);
  const items = done
    .toSorted((a, b) => Number(a.output_index) - Number(b.output_index))
    .map(({ item }) => asJson(item));
  expect(asList(asJson(events.at(-1)!.data.response).output)).toEqual(items);
  return items;
}

/** An agent on chat: the message is sent back with all its fields. */
export function chatAgent(gateway: TestGateway, { stream, body, headers }: AgentOptions): StatelessAgent {
  const agent: StatelessAgent = {
    history: [],
    reply: new Response(),
    async ask(model, text) {
      agent.history.push({ role: 'user', content: text });
      for (let step = 0; step < MOST_STEPS; step++) {
        const request = {
          ...{ model, stream, messages: agent.history },
          tools: FUNCTIONS.map((tool) => ({ type: 'function', function: tool })),
          reasoning_effort: 'low',
          ...body,
        };
        agent.reply = await ok(await gateway.post('/v1/chat/completions', request, headers));
        const message = stream
          ? streamedMessage(await agent.reply.text())
          : asJson(asList((await json(agent.reply)).choices)[0]!.message);
        agent.history.push(message);
        const calls = asList(message.tool_calls);
        agent.history.push(...calls.map(({ id }) => ({ role: 'tool', tool_call_id: id, content: 'fine' })));
        if (calls.length === 0) return asText(message.content);
      }
      throw new Error('The model calls tools without end.');
    },
  };
  return agent;
}

/**
 * Joins the chunks as SDKs do: texts and arguments are concatenated, reasoning details are joined by their
 * index.
 */
export function streamedMessage(text: string): Json {
  const message: Json = { role: 'assistant', content: null };
  const calls: Json[] = [];
  const details: Json[] = [];
  for (const { data } of serverEvents(text).events) {
    const delta = asJson(asList(data.choices)[0]?.delta);
    for (const field of ['content', 'reasoning_content'])
      if (asText(delta[field]) !== '') message[field] = `${message[field] ?? ''}${delta[field]}`;
    for (const { index, ...call } of asList(delta.tool_calls)) {
      const known = calls[Number(index)];
      if (!known) calls[Number(index)] = call;
      else asJson(known.function).arguments += asText(asJson(call.function).arguments);
    }
    for (const detail of asList(delta.reasoning_details)) {
      const known = details[Number(detail.index)];
      if (!known) details[Number(detail.index)] = { ...detail };
      else if (detail.text !== undefined) known.text = `${known.text}${detail.text}`;
      else if (detail.summary !== undefined) known.summary = `${known.summary}${detail.summary}`;
    }
  }
  if (calls.length > 0) message.tool_calls = calls;
  if (details.length > 0) message.reasoning_details = details;
  return message;
}

/** An agent on messages: the content is sent back as it came. */
export function messagesAgent(gateway: TestGateway, { stream, body, headers }: AgentOptions): StatelessAgent {
  const agent: StatelessAgent = {
    history: [],
    reply: new Response(),
    async ask(model, text) {
      agent.history.push({ role: 'user', content: text });
      for (let step = 0; step < MOST_STEPS; step++) {
        const request = {
          ...{ model, stream, max_tokens: 4096, messages: agent.history },
          tools: FUNCTIONS.map(({ name, parameters }) => ({ name, input_schema: parameters })),
          thinking: { type: 'enabled', budget_tokens: 2048 },
          ...body,
        };
        agent.reply = await ok(await gateway.post('/v1/messages', request, headers));
        const content = stream
          ? streamedContent(await agent.reply.text())
          : asList((await json(agent.reply)).content);
        agent.history.push({ role: 'assistant', content });
        const calls = content.filter(({ type }) => type === 'tool_use');
        if (calls.length === 0) return content.map((block) => asText(block.text)).join('');
        agent.history.push({
          role: 'user',
          content: calls.map(({ id }) => ({ type: 'tool_result', tool_use_id: id, content: 'fine' })),
        });
      }
      throw new Error('The model calls tools without end.');
    },
  };
  return agent;
}

/** Joins the events of a message as Anthropic's SDK does. */
export function streamedContent(text: string): Json[] {
  const blocks: Json[] = [];
  const inputs: string[] = [];
  for (const { data } of serverEvents(text).events) {
    const index = Number(data.index);
    if (data.type === 'content_block_start') blocks[index] = { ...asJson(data.content_block) };
    const block = blocks[index];
    if (data.type !== 'content_block_delta' || !block) continue;
    const { type, partial_json, citation, ...texts } = asJson(data.delta);
    for (const field in texts) block[field] = asText(block[field]) + asText(texts[field]);
    if (citation !== undefined) block.citations = [...asList(block.citations), citation];
    if (partial_json !== undefined) inputs[index] = (inputs[index] ?? '') + asText(partial_json);
  }
  inputs.forEach((input, index) => {
    blocks[index]!.input = JSON.parse(input);
  });
  return blocks;
}
