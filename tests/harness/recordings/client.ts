import { expect } from 'bun:test';
import { asJson, asList, asText, type Json } from '../../simulators/provider/shape.ts';
import type { TestGateway } from '../gateway.ts';
import { json, serverEvents } from '../journey.ts';
import { withoutComments } from '../reading.ts';
import type { RecordedCase } from './cases.ts';
import { wholeChat } from './chat.ts';
import { responseOf } from './response-events.ts';
import { chatTold, responseTold, type Told } from './told.ts';

export type DialectName = 'chat' | 'responses';

/** One recording, and one way to ask for it. */
export interface Ask {
  gateway: TestGateway;
  recorded: RecordedCase;
  dialect: DialectName;
  stream: boolean;
  /** The model's name at the provider: one for each conversation. */
  model: string;
}

export interface Reply {
  told: Told;
  /** The whole answer, as the client gets it by its id. */
  whole: Json;
  conversation: string;
}

export const QUESTION = 'What does the recording say?';
export const NEXT = 'And what follows from it?';

const PATH = { chat: '/v1/chat/completions', responses: '/v1/responses' };

/** A tool that a chat client can have, in the form of the Responses API. */
export const isForChat = ({ type }: Json): boolean => type === 'function' || type === 'custom';

function toolsFor(dialect: DialectName, tools: Json[]): Json | undefined {
  if (dialect === 'responses') return tools.length > 0 ? { tools } : undefined;
  const known = tools.filter(isForChat);
  if (known.length === 0) return undefined;
  return {
    tools: known.map(({ type, ...tool }) => {
      const { name, parameters, description } = tool;
      return type === 'custom'
        ? { type, custom: { name } }
        : { type, function: { name, description, parameters } };
    }),
  };
}

/** Asks a model in the session of `ask`. */
export function post(ask: Ask, name: string, input: Json[], tools: Json[]): Promise<Response> {
  const { gateway, dialect, stream, model } = ask;
  const body = {
    model: name,
    stream,
    ...(dialect === 'chat' ? { messages: input } : { input }),
    ...(dialect === 'chat' && stream ? { stream_options: { include_usage: true } } : undefined),
    ...toolsFor(dialect, tools),
  };
  return gateway.post(PATH[dialect], body, { 'x-session-id': model });
}

/** Reads an answer, and checks that its stream, its JSON and its replay are the same. */
export async function read(ask: Ask, reply: Response): Promise<Reply> {
  const { gateway, dialect, stream } = ask;
  const text = await reply.text();
  if (reply.status !== 200) throw new Error(`${reply.status} ${text}`);
  const direct = stream ? folded(dialect, text) : asJson(JSON.parse(text));
  const id = asText(direct.id);
  const whole = await json(gateway.fetch(`${PATH[dialect]}/${id}`));
  if (dialect === 'responses' || !stream) expect(direct).toEqual(whole);
  else expectSameCompletion(direct, whole);
  if (stream) {
    const replay = await gateway.fetch(`${PATH[dialect]}/${id}?stream=true`);
    expect(withoutComments(await replay.text())).toBe(withoutComments(text));
  }
  return { told: toldBy(ask, whole), whole, conversation: reply.headers.get('x-clawhold-session-id') ?? '' };
}

function folded(dialect: DialectName, text: string): Json {
  const { events, done } = serverEvents(text);
  if (dialect === 'responses') return responseOf(events);
  expect(done).toBe(true);
  const [first] = events;
  for (const { data } of events) expect(data.id).toBe(first?.data.id);
  expect(
    events.flatMap(({ data }) => asList(data.choices)).filter(({ finish_reason }) => finish_reason),
  ).toHaveLength(1);
  return asJson(wholeChat(events.map(({ data }) => data)));
}

/** A stream has no `null` for what is absent. */
function expectSameCompletion(streamed: Json, whole: Json): void {
  const plain = ({ choices }: Json) =>
    asList(choices).map(({ message, finish_reason }) => {
      const given = Object.entries(withJoinedReasoning(asJson(message))).filter(
        ([, value]) => value !== null && value !== '',
      );
      return { finish_reason, message: Object.fromEntries(given) };
    });
  expect(plain(streamed)).toEqual(plain(whole));
  for (const field of ['id', 'model', 'created']) expect(streamed[field]).toEqual(whole[field]);
}

/** The texts of a detail come in pieces, which have its index. */
function withJoinedReasoning({ reasoning_details, ...message }: Json): Json {
  const details: Json[] = [];
  for (const detail of asList(reasoning_details)) {
    const last = details.at(-1);
    const field = ['text', 'summary'].find((name) => name in detail);
    if (field && last?.index === detail.index) last![field] = `${last![field]}${detail[field]}`;
    else details.push({ ...detail });
  }
  return details.length > 0 ? { ...message, reasoning_details: details } : message;
}

function toldBy({ dialect, recorded }: Ask, whole: Json): Told {
  if (dialect === 'chat') return chatTold(whole);
  const custom = recorded.tools.filter(({ type }) => type === 'custom').map(({ name }) => asText(name));
  return responseTold(whole, new Set(custom));
}

/** All items of a conversation, oldest first. */
export async function items(gateway: TestGateway, conversation: string, after = ''): Promise<Json[]> {
  const path = `/v1/conversations/${conversation}/items?order=asc&limit=100${after}`;
  const { data, has_more, last_id } = await json(gateway.fetch(path));
  const rest = has_more ? await items(gateway, conversation, `&after=${last_id}`) : [];
  return [...asList(data), ...rest];
}

/**
 * The items that the client sends next: the outputs of its calls, then its next question. Before them, the
 * whole history or nothing.
 */
export function followUp({ dialect, recorded }: Ask, { told, whole }: Reply, withHistory: boolean): Json[] {
  const asked = [{ role: 'user', content: QUESTION }];
  const question = { role: 'user', content: NEXT };
  if (dialect === 'chat') {
    const history = withHistory ? [...asked, asJson(asList(whole.choices)[0]?.message)] : [];
    const outputs = told.calls.map(({ id }) => ({ role: 'tool', tool_call_id: id, content: outputOf(id) }));
    return [...history, ...outputs, question];
  }
  const output = asList(whole.output);
  const history = withHistory ? [...asked, ...output] : [];
  return [...history, ...output.flatMap((item) => answerTo(item, recorded)), question];
}

/** The tools that a client's tool search found. */
const FOUND = [{ type: 'function', name: 'found', parameters: { type: 'object', properties: {} } }];

export const outputOf = (id: string): string => `the output of ${id}`;

function answerTo(item: Json, { tools }: RecordedCase): Json[] {
  const call_id = asText(item.call_id);
  switch (item.type) {
    case 'function_call':
      return [{ type: 'function_call_output', call_id, output: outputOf(call_id) }];
    case 'custom_tool_call':
      if (!tools.some(({ type, name }) => type === 'custom' && name === item.name)) return [];
      return [{ type: 'custom_tool_call_output', call_id, output: outputOf(call_id) }];
    case 'tool_search_call':
      if (item.execution !== 'client') return [];
      return [
        { type: 'tool_search_output', call_id, execution: 'client', status: 'completed', tools: FOUND },
      ];
    case 'mcp_approval_request':
      return [{ type: 'mcp_approval_response', approval_request_id: item.id, approve: true }];
    default:
      return [];
  }
}
