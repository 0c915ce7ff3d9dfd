import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type TestGateway, testGateway } from '../harness/gateway.ts';
import { json, serverEvents } from '../harness/journey.ts';
import { type ResponsesProvider, responsesProvider } from '../harness/responses-provider.ts';
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
