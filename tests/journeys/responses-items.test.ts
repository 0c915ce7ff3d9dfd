import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type TestGateway, testGateway } from '../harness/gateway.ts';
import { json, serverEvents } from '../harness/journey.ts';
import { type ResponsesProvider, responsesProvider } from '../harness/responses-provider.ts';
import { SocketClient } from '../harness/socket.ts';
import { REASONED } from '../simulators/provider/responses-items.ts';
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

/** The input that the provider received last. */
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
/** Items as clients see them: with ids of the gateway. */
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

test('a call of a program that was deleted is sent without it', async () => {
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

const list = { type: 'mcp_list_tools', id: 'mcpl_1', server_label: 'zip', tools: [], error: null };
const approval = {
  type: 'mcp_approval_request',
  id: 'mcpr_1',
  server_label: 'zip',
  name: 'cut',
  arguments: '{}',
};
const approved = {
  ...{ type: 'mcp_call', id: 'mcp_1', server_label: 'zip', name: 'cut', arguments: '{}', output: 'done' },
  ...{ error: null, status: 'completed', approval_request_id: 'mcpr_1' },
};
const approve = (id: unknown) => ({ type: 'mcp_approval_response', approval_request_id: id, approve: true });

describe.each([false, true])('an approval of an MCP call (stream: %p)', (stream) => {
  test('names the request by the id that each side knows', async () => {
    const headers = session();
    provider.answer(list, approval);
    const [, request] = await respond({ input: 'cut', stream }, headers);
    expect(request!.id).toMatch(/^mcpr_[0-9a-z]{33}o1$/);
    provider.answer(approved, said('Done'));
    const [made] = await respond({ input: [approve(request!.id)], stream }, headers);
    expect(received().slice(1)).toEqual([list, approval, approve('mcpr_1')]);
    expect(made).toMatchObject({ type: 'mcp_call', approval_request_id: request!.id });
    provider.answer(said('Bye'));
    await respond({ input: 'thanks', stream }, headers);
    expect(received().slice(1, -2)).toEqual([list, approval, approve('mcpr_1'), approved]);
  });

  test('without a session names the request of the input', async () => {
    provider.answer(list, approval);
    const output = await respond({ input: 'cut', store: false, stream });
    provider.answer({ ...approved, approval_request_id: output[1]!.id }, said('Done'));
    const input = [{ role: 'user', content: 'cut' }, ...output, approve(output[1]!.id)];
    const [made] = await respond({ input, store: false, stream });
    expect(received().slice(1)).toEqual(input.slice(1));
    expect(made).toMatchObject({ approval_request_id: output[1]!.id });
  });

  test('is not sent to a provider that did not make the request', async () => {
    const headers = session();
    provider.answer(list, approval);
    const [, request] = await respond({ input: 'cut', stream }, headers);
    for (const model of ['two/m', 'chat/m']) {
      provider.answer(said('Done'));
      await respond({ model, input: [approve(request!.id), { role: 'user', content: 'go on' }] }, headers);
      expect(JSON.stringify(provider.bodies.at(-1))).not.toContain('approv');
    }
  });

  test('that the gateway or its provider does not know is refused by the provider', async () => {
    await expect(respond({ input: ['cut', approve('mcpr_9')].slice(1), stream })).rejects.toThrow('mcpr_9');
  });
});

test('an approval under an id of an earlier version names the same request', async () => {
  const headers = session();
  provider.answer(list, approval);
  const reply = await json(gateway.post('/v1/responses', { model: 'one/m', input: 'cut' }, headers));
  const old = String(asList(reply.output)[1]!.id).replace('mcpr_', 'item_');
  const path = `/v1/conversations/${asJson(reply.conversation).id}/items/${old}`;
  expect(await json(gateway.fetch(path))).toMatchObject({ type: 'mcp_approval_request' });
  await respond({ input: [approve(old)] }, headers);
  expect(received().at(-1)).toEqual(approve('mcpr_1'));
});

/** Items that the provider makes with its own tools, in the form of the API description. */
const HOSTED: Json[] = [
  list,
  { type: 'web_search_call', id: 'ws_1', status: 'completed', action: { type: 'search', query: 'q' } },
  { type: 'file_search_call', id: 'fs_1', status: 'completed', queries: ['q'], results: null },
  {
    ...{ type: 'code_interpreter_call', id: 'ci_1', status: 'completed', code: '1', container_id: 'c' },
    outputs: [],
  },
  { type: 'image_generation_call', id: 'ig_1', status: 'completed', result: 'AA==' },
  { ...approved, approval_request_id: null },
  { type: 'shell_call', id: 'sh_1', call_id: 'call_s', action: {}, status: 'completed' },
  { type: 'shell_call_output', id: 'sho_1', call_id: 'call_s', output: [], status: 'completed' },
  program,
  { type: 'program_output', id: 'cmo_1', call_id: 'call_p', result: '', status: 'completed' },
];
/** The API takes these under any id, and needs none. */
const ID_IS_OPTIONAL = /^shell/;

describe.each([false, true])("items of the provider's own tools (stream: %p)", (stream) => {
  test('go back to it under its ids, and to another one as it can read them', async () => {
    const headers = session();
    provider.answer(...HOSTED, said('Done'));
    await respond({ input: 'go', stream }, headers);
    provider.answer(said('Bye'));
    await respond({ input: 'thanks', stream }, headers);
    expect(received().slice(1, -2)).toEqual(HOSTED);
    await respond({ model: 'two/m', input: 'thanks', stream }, headers);
    const types = new Set(received().map(({ type }) => type));
    expect([...types].sort()).toEqual(['function_call', 'function_call_output', 'message']);
  });

  test('have ids without a session, too', async () => {
    provider.answer(...HOSTED, said('Done'));
    const output = await respond({ input: 'go', store: false, stream });
    const input = [{ role: 'user', content: 'go' }, ...output, { role: 'user', content: 'thanks' }];
    await respond({ input, store: false, stream });
    const hosted = output.slice(0, -1);
    const sent = hosted.map(({ id, ...item }) => {
      return ID_IS_OPTIONAL.test(String(item.type)) ? item : { ...item, id };
    });
    // Without a session, it is not known whether this provider made the image: it may refuse it.
    const image = hosted.findIndex(({ type }) => type === 'image_generation_call');
    const got = received().slice(1, -2);
    expect(got.splice(image, 1)).toEqual([expect.objectContaining({ type: 'message', role: 'assistant' })]);
    expect(got).toEqual(sent.toSpliced(image, 1));
  });
});

test('an item whose reasoning cannot be sent back goes to its provider under another id', async () => {
  const headers = session();
  const digits = '0'.repeat(32);
  const search = { ...HOSTED[1], id: `ws_${digits}${REASONED}` };
  provider.answer({ type: 'reasoning', id: `rs_${digits}`, summary: [] }, search, said('Done'));
  const [, shown] = await respond({ input: 'go' }, headers);
  await respond({ input: 'thanks' }, headers);
  expect(received().slice(1, -2)).toEqual([{ ...search, id: shown!.id }]);
});

test('a reference to an approval request can be approved', async () => {
  provider.answer(list, approval);
  const [, request] = await respond({ input: 'cut' });
  provider.answer(said('Done'));
  const reference = { type: 'item_reference', id: request!.id };
  await respond({ input: [reference, approve(request!.id)] });
  const sent = { ...approval, id: request!.id };
  expect(received()).toEqual([sent, approve(request!.id)]);
  const { id } = await json(gateway.post('/v1/conversations', { items: [reference] }));
  const items = await json(gateway.fetch(`/v1/conversations/${id}/items`));
  const copy = asList(items.data)[0]!;
  expect(copy.id).not.toBe(request!.id);
  expect(await json(gateway.fetch(`/v1/conversations/${id}/items/${copy.id}`))).toEqual(copy);
  await respond({ input: [approve(copy.id)], conversation: id });
  expect(received()).toEqual([sent, approve(request!.id)]);
});

test.each([false, true])(
  'an approval on a WebSocket names the request (stored after that: %p)',
  async (store) => {
    const socket = await SocketClient.open(gateway);
    const create = async (body: Json): Promise<Json> => {
      socket.create({ model: 'one/m', store: false, ...body });
      let event = await socket.next();
      while (event.type !== 'response.completed') event = await socket.next();
      return asJson(event.response);
    };
    provider.answer(...HOSTED, approval);
    const first = await create({ input: 'cut' });
    const request = asList(first.output).at(-1)!;
    provider.answer(said('Done'));
    await create({ input: [approve(request.id)], previous_response_id: first.id, store });
    // A stored turn has the items as its own input, so that they are no longer the provider's.
    const ids = asList(first.output).map(({ id }) => id);
    const approved = received().find(({ type }) => type === 'mcp_approval_request')!.id;
    expect(approved).toBe(store ? ids.at(-1) : 'mcpr_1');
    expect(received().at(-1)).toEqual(approve(approved));
    expect(received()).toHaveLength(HOSTED.length + 3);
    socket.close();
  },
);
