import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type TestGateway, testGateway } from '../harness/gateway.ts';
import { json, serverEvents } from '../harness/journey.ts';
import { type ResponsesProvider, responsesProvider } from '../harness/responses-provider.ts';
import { SocketClient } from '../harness/socket.ts';
import { asJson, asList, type Json } from '../simulators/provider/shape.ts';

/** The items of the Responses API between its clients and its providers. */

let provider: ResponsesProvider;
let gateway: TestGateway;
beforeAll(async () => {
  provider = responsesProvider();
  gateway = await testGateway({ yaml: provider.yaml });
});
afterAll(async () => {
  await gateway.stop();
  await provider.stop();
});

let sessions = 0;
const session = () => ({ 'x-session-id': `items-${++sessions}` });

/** The output of a response: of the JSON, or of the last event of the stream. */
async function respond(body: Json, headers: Record<string, string> = {}): Promise<Json[]> {
  const reply = await gateway.post('/v1/responses', { model: 'one/m', ...body }, headers);
  if (reply.status !== 200) throw new Error(await reply.text());
  if (body.stream !== true) return asList((await json(reply)).output);
  const { events } = serverEvents(await reply.text());
  expect(events.at(-1)?.event).toBe('response.completed');
  return asList(asJson(events.at(-1)!.data.response).output);
}

/** What the provider received last. */
const received = (): Json[] => asList(provider.bodies.at(-1)?.input);
const said = (text: string): Json => ({
  ...{ type: 'message', id: `msg_${text}`, role: 'assistant', status: 'completed' },
  content: [{ type: 'output_text', text, annotations: [], logprobs: [] }],
});
const program = {
  ...{ type: 'program', id: 'cm_1', call_id: 'call_p', code: 'await stock()', fingerprint: 'f' },
};
const caller = { type: 'program', caller_id: 'call_p' };
const call = {
  ...{ type: 'function_call', id: 'fc_1', call_id: 'call_f', name: 'stock', arguments: '{}' },
  caller,
  status: 'completed',
};

describe.each([false, true])('(stream: %p)', (stream) => {
  test('a program stays in the input while its calls run, and after it', async () => {
    const headers = session();
    provider.answer(program, call);
    const first = await respond({ input: 'stock?', stream }, headers);
    expect(first.map(({ type }) => type)).toEqual(['program', 'function_call']);
    const output = {
      type: 'program_output',
      id: 'cmo_1',
      call_id: 'call_p',
      result: '4',
      status: 'completed',
    };
    provider.answer(output, said('Four'));
    const answered = { type: 'function_call_output', call_id: 'call_f', output: '4' };
    await respond({ input: [answered], stream }, headers);
    expect(received()).toMatchObject([{ type: 'message' }, program, { call_id: 'call_f' }, answered]);
    provider.answer(said('Bye'));
    await respond({ input: 'thanks', stream }, headers);
    expect(received().map(({ type }) => type)).toEqual([
      ...[
        'message',
        'program',
        'function_call',
        'function_call_output',
        'program_output',
        'message',
        'message',
      ],
    ]);
  });

  test('calls of hosted tools stay in the input, with any `call_id`', async () => {
    const headers = session();
    const code = {
      ...{ type: 'code_interpreter_call', id: 'ci_1', call_id: '', code: '1+1', container_id: 'c' },
      ...{ outputs: [], status: 'completed' },
    };
    const search = {
      ...{ type: 'web_search_call', id: 'ws_1', call_id: 'call_s', status: 'completed' },
      action: { type: 'search', query: 'q' },
    };
    provider.answer(code, search, said('Two'));
    await respond({ input: 'sum?', stream }, headers);
    await respond({ input: 'thanks', stream }, headers);
    expect(received()).toMatchObject([
      { type: 'message' },
      code,
      search,
      { role: 'assistant' },
      { role: 'user' },
    ]);
  });

  test('a tool search of the client is closed where the client did not run it', async () => {
    const headers = session();
    const search = {
      ...{ type: 'tool_search_call', id: 'tsc_1', call_id: 'call_t', execution: 'client' },
      ...{ arguments: { goal: 'g' }, status: 'completed' },
    };
    provider.answer(search);
    await respond({ input: 'find', stream }, headers);
    const found = { type: 'tool_search_output', call_id: 'call_t', execution: 'client', tools: [] };
    provider.answer(said('Done'));
    await respond({ input: [found], stream }, headers);
    expect(received()).toMatchObject([{ type: 'message' }, search, found]);
    const left = session();
    provider.answer(search);
    await respond({ input: 'find', stream }, left);
    provider.answer(said('Done'));
    await respond({ input: 'never mind', stream }, left);
    expect(received()).toMatchObject([{ type: 'message' }, search, found, { type: 'message' }]);
  });
});

/** Items with fields that the gateway does not know, as `novel`, or that only this API has. */
const NOVEL: Json[] = [
  {
    ...{ type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'Hm', novel: 1 }] },
    ...{ content: [{ type: 'reasoning_text', text: 'Hmm', novel: 2 }], novel: 3 },
  },
  {
    ...{
      type: 'message',
      id: 'msg_1',
      role: 'assistant',
      status: 'completed',
      phase: 'commentary',
      novel: {},
    },
    content: [
      { type: 'output_text', text: 'Look', annotations: [], logprobs: [], novel: [] },
      { type: 'refusal', refusal: 'No', novel: 5 },
      { type: 'hologram', novel: 6 },
    ],
  },
  { ...program, novel: 7 },
  { ...call, namespace: 'shop', novel: 8 },
  {
    ...{ type: 'custom_tool_call', id: 'ctc_1', call_id: 'call_c', name: 'sql', input: 'q', caller },
    ...{ namespace: 'shop', novel: 9 },
  },
];
const OUTPUTS: Json[] = [
  {
    ...{
      type: 'function_call_output',
      call_id: 'call_f',
      output: [{ type: 'input_text', text: '4', novel: 1 }],
    },
    ...{ name: 'stock', namespace: 'shop', caller, novel: 2 },
  },
  { type: 'custom_tool_call_output', call_id: 'call_c', output: '5', caller, novel: 3 },
];
/** Items as they are seen: under ids of the gateway. */
const seen = (items: Json[]) => items.map((item) => ({ ...item, id: expect.any(String) }));
/** Items as the API takes them back: messages, calls and reasoning without status. */
const sentBack = NOVEL.map(({ status: _, id, ...item }) => {
  if (!/reasoning|program|custom/.test(String(item.type))) return { ...item, ...withoutLogprobs(item) };
  return { ...item, id };
});
function withoutLogprobs({ content }: Json): Json {
  const parts = asList(content).map(({ logprobs: _, ...part }) => part);
  return content === undefined ? {} : { content: parts };
}

describe.each([false, true])('fields that the gateway does not know (stream: %p)', (stream) => {
  async function asked(headers: Record<string, string>) {
    provider.answer(...NOVEL);
    const reply = await gateway.post('/v1/responses', { model: 'one/m', input: 'go', stream }, headers);
    if (!stream) return { response: await json(reply), events: [] };
    const { events } = serverEvents(await reply.text());
    return { response: asJson(events.at(-1)!.data.response), events };
  }

  test('reach the client, at once and later', async () => {
    const { response, events } = await asked(session());
    expect(response.output).toEqual(seen(NOVEL));
    const ended = (list: typeof events) =>
      list.flatMap(({ event, data }) => (event === 'response.output_item.done' ? [data.item] : []));
    const begun = (list: typeof events) =>
      list.flatMap(({ event, data }) => (event === 'response.output_item.added' ? [asJson(data.item)] : []));
    const replayed = await gateway.fetch(`/v1/responses/${response.id}?stream=true`);
    for (const list of [...(stream ? [events] : []), serverEvents(await replayed.text()).events]) {
      expect(ended(list)).toEqual(seen(NOVEL));
      expect(begun(list).map(({ novel }) => novel)).toEqual(NOVEL.map(({ novel }) => novel));
      expect(begun(list)[1]).toMatchObject({ phase: 'commentary' });
    }
    const got = await json(gateway.fetch(`/v1/responses/${response.id}`));
    expect(got.output).toEqual(seen(NOVEL));
    const conversation = asJson(response.conversation).id;
    const items = await json(gateway.fetch(`/v1/conversations/${conversation}/items?order=asc`));
    expect(asList(items.data).slice(1)).toEqual(seen(NOVEL));
  });

  test('go back to their provider, with those of the client', async () => {
    const headers = session();
    await asked(headers);
    provider.answer(said('Four'));
    const message = {
      type: 'message',
      role: 'user',
      content: [{ type: 'input_text', text: 'so?', novel: 1 }],
    };
    await respond({ input: [...OUTPUTS, { ...message, phase: 'p', novel: 2 }], stream }, headers);
    const expected = [...sentBack, ...OUTPUTS, { ...message, phase: 'p', novel: 2 }];
    expect(received().slice(1)).toEqual(expected);
    provider.answer(said('Bye'));
    await respond({ input: 'thanks', stream }, headers);
    expect(received().slice(1, -2)).toEqual(expected);
  });

  test('go to no other provider, in the same protocol or another', async () => {
    const headers = session();
    await asked(headers);
    provider.answer(said('Four'));
    const plain = OUTPUTS.map(({ type, call_id }) => ({ type, call_id, output: '4' }));
    for (const [index, model] of ['two/m', 'chat/m'].entries()) {
      const input = index === 0 ? plain : 'thanks';
      await respond({ model, input }, headers);
      const text = JSON.stringify(asList(provider.bodies.at(-1)?.input ?? provider.bodies.at(-1)?.messages));
      expect(text).toContain('Look');
      expect(text).not.toMatch(/[{,]"(phase|caller|fingerprint|novel)"/);
    }
  });

  test('may be missing in the full history of an older client', async () => {
    const headers = session();
    await asked(headers);
    const KNOWN = /^(type|role|content|call_id|name|arguments|input|code|fingerprint)$/;
    const old = NOVEL.flatMap((item) => {
      if (item.type === 'reasoning') return [];
      const fields = Object.entries(item).filter(([field]) => KNOWN.test(field));
      return [Object.fromEntries(item.type === 'program' ? Object.entries(item) : fields)];
    });
    provider.answer(said('Four'));
    const content = [...asList(old[0]!.content)];
    content[1] = { type: 'refusal', refusal: 'No' };
    const input = [{ role: 'user', content: 'go' }, { ...old[0], content }, ...old.slice(1), ...OUTPUTS];
    await respond({ input, stream }, headers);
    expect(received().slice(1)).toEqual([...sentBack, ...OUTPUTS]);
  });
});

test('a call of a program that was deleted goes up without it', async () => {
  const headers = session();
  provider.answer(program, call);
  const reply = await json(gateway.post('/v1/responses', { model: 'one/m', input: 'go' }, headers));
  const [deleted] = asList(reply.output);
  const path = `/v1/conversations/${asJson(reply.conversation).id}/items/${deleted!.id}`;
  expect((await gateway.fetch(path, { method: 'DELETE' })).status).toBe(200);
  provider.answer(said('Four'));
  const output = { type: 'function_call_output', call_id: 'call_f', output: '4' };
  await respond({ input: [{ ...output, caller }] }, headers);
  const { id: _, status: __, caller: ___, ...bare } = call as Json;
  expect(received().slice(1)).toEqual([bare, output]);
});

test('fields that the gateway does not know reach clients of a WebSocket', async () => {
  const socket = await SocketClient.open(gateway);
  provider.answer(...NOVEL);
  socket.create({ model: 'one/m', input: 'go' });
  let event = await socket.next();
  while (event.type !== 'response.completed') event = await socket.next();
  expect(asJson(event.response).output).toEqual(seen(NOVEL));
  socket.close();
});

test('fields of the input are there when it is listed', async () => {
  const headers = session();
  const input = [
    { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'q', novel: 1 }], novel: 2 },
  ];
  provider.answer(said('a'));
  const reply = await json(gateway.post('/v1/responses', { model: 'one/m', input }, headers));
  const items = await json(gateway.fetch(`/v1/responses/${reply.id}/input_items`));
  expect(items.data).toMatchObject(input);
});
