import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { conversationIn, type Dialect, FORMS, PATHS, pathOf } from '../harness/dialects.ts';
import { type DictatedCall, type DictatedProvider, dictatedProvider } from '../harness/dictated.ts';
import { eventually } from '../harness/eventually.ts';
import { type TestGateway, testGateway } from '../harness/gateway.ts';
import { json, sessionLog } from '../harness/journey.ts';
import { sent } from '../harness/upstream.ts';
import { type Provider, startProvider } from '../simulators/provider/provider.ts';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';

/** A turn that ends inside a tool call: its session keeps the question and what came of the answer. */

/** Each of these speaks another protocol. */
const PROVIDERS = ['groq', 'openai', 'anthropic', 'gemini'] as const;
const QUESTION = 'My name is Ada.';
const CANCEL = { 'x-clawhold-on-disconnect': 'cancel' };
const FAIL = { 'x-clawhold-when-broken': 'fail' };

let provider: Provider;
let dictated: DictatedProvider;
let gateway: TestGateway;
let session = '';
let count = 0;

beforeAll(async () => {
  provider = startProvider();
  dictated = dictatedProvider();
  gateway = await testGateway({ provider: provider.url, env: dictated.env });
});
beforeEach(() => {
  provider.reset();
  session = `cut-${count++}`;
});
afterAll(async () => {
  await gateway.stop();
  provider.stop();
  await dictated.stop();
});

interface Options {
  model?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  more?: Json;
}

const messageItem = (item: Json): Json => {
  if (item.type === 'function_call_output') {
    return { role: 'tool', tool_call_id: item.call_id, content: item.output };
  }
  if (item.type !== 'function_call') return item;
  const { call_id: id, name, arguments: args } = item;
  return { role: 'assistant', content: null, tool_calls: [call(asText(id), asText(name), asText(args))] };
};
const call = (id: string, name: string, args: string): Json => ({
  id,
  type: 'function',
  function: { name, arguments: args },
});

const blocksOf = (item: Json): Json => {
  if (item.type === 'function_call_output') {
    const content = [{ type: 'tool_result', tool_use_id: item.call_id, content: item.output }];
    return { role: 'user', content };
  }
  if (item.type !== 'function_call') return item;
  const { call_id: id, name, arguments: args } = item;
  // A client that got half of the arguments has no input.
  const input = asText(args).endsWith('}') ? JSON.parse(asText(args)) : {};
  return { role: 'assistant', content: [{ type: 'tool_use', id, name, input }] };
};

/** The dialects whose streams show calls while they are made. */
const STREAMING = ['chat', 'responses', 'messages'] as const satisfies readonly Dialect[];
type Streaming = (typeof STREAMING)[number];

/** An item in the form of the dialect. */
const FORM: Record<Streaming, (item: Json) => Json> = {
  chat: messageItem,
  responses: (item) => item,
  messages: blocksOf,
};

/** Sends items, in the form of the dialect. */
function send(dialect: Streaming, items: Json[], { model, headers, signal, more }: Options = {}) {
  const input = conversationIn(dialect, undefined, items.map(FORM[dialect]));
  return gateway.fetch(PATHS[dialect], {
    method: 'POST',
    body: JSON.stringify({ model: model ?? 'groq/m', stream: model === undefined, ...input, ...more }),
    headers: { 'content-type': 'application/json', 'x-session-id': session, ...FAIL, ...headers },
    signal,
  });
}

const user = (content: string): Json => ({ role: 'user', content });
const output = (call_id: string, text = 'done'): Json => ({
  type: 'function_call_output',
  call_id,
  output: text,
});
const lastText = (items: Json[]) => asText(items.at(-1)!.content);
const log = () => sessionLog(gateway, session);

/** Asks, gets a part of the answer, and the provider disconnects. Resolves to the stream and the id of the turn. */
async function breakOff(dialect: Streaming, items: Json[], answer: (call: DictatedCall) => void) {
  const reply = send(dialect, items);
  const asked = await dictated.next();
  answer(asked);
  asked.breakOff();
  const { headers } = await reply;
  return { text: await (await reply).text(), headers };
}

/** Asks, gets a part of the answer, and the client disconnects, which cancels the turn. */
async function leave(
  dialect: Streaming,
  items: Json[],
  answer: (call: DictatedCall) => void,
): Promise<string> {
  const leaving = new AbortController();
  const asking = send(dialect, items, { headers: CANCEL, signal: leaving.signal });
  const asked = await dictated.next();
  answer(asked);
  const reply = await asking;
  await reply.body!.getReader().read();
  leaving.abort();
  await asked.disconnected;
  await eventually('the turn is recorded', log, (lines) => lines.includes(`user: ${lastText(items)}`));
  return reply.headers.get('x-clawhold-response-id')!;
}

/** Sends items with a model of each protocol; resolves to what the provider received. */
async function sentTo(
  name: (typeof PROVIDERS)[number],
  dialect: Streaming,
  items: Json[],
): Promise<string[]> {
  if (name === 'groq') {
    const reply = send(dialect, items);
    const asked = await dictated.next();
    asked.say('ok');
    asked.end();
    expect((await reply).status).toBe(200);
    await (await reply).text();
    return asked.received;
  }
  expect((await send(dialect, items, { model: `${name}/say-1` })).status).toBe(200);
  return sent(provider.requests.at(-1));
}

const whole = (asked: DictatedCall) => asked.callTool('f', '{"a":1}');
const half = (asked: DictatedCall) => asked.callTool('f', '{"a":');

const textAndHalf = (asked: DictatedCall) => {
  asked.say('Hello');
  half(asked);
};

const ENDS = [
  ['the provider disconnects', breakOff],
  ['the client disconnects and cancels', leave],
] as const;

describe.each(STREAMING)('%s', (dialect) => {
  describe.each(ENDS)('%s', (_, end) => {
    test('after a whole call: the client may send its output', async () => {
      await end(dialect, [user(QUESTION)], whole);
      expect(await log()).toEqual([`user: ${QUESTION}`, 'function_call call_f']);
      expect(await sentTo('groq', dialect, [output('call_f')])).toEqual([
        `user: ${QUESTION}`,
        'call f',
        'output done',
      ]);
    });

    test('after a whole call: without an output, the call is closed', async () => {
      await end(dialect, [user(QUESTION)], whole);
      expect(await sentTo('groq', dialect, [user('next')])).toEqual([
        `user: ${QUESTION}`,
        'call f',
        'output No output: the call was never answered.',
        'user: next',
      ]);
    });

    test.each(PROVIDERS)('inside a call: %s receives the question, and not the call', async (name) => {
      await end(dialect, [user(QUESTION)], (asked) => {
        asked.say('Let me see.');
        half(asked);
      });
      const { data } = await json(gateway.fetch(`/v1/conversations/${session}/items?order=asc`));
      expect(asList(data)).toMatchObject([
        { role: 'user' },
        { role: 'assistant', status: 'incomplete' },
        { type: 'function_call', call_id: 'call_f', arguments: '{"a":', status: 'incomplete' },
      ]);
      expect(await sentTo(name, dialect, [user('next')])).toEqual([
        `user: ${QUESTION}`,
        'assistant: Let me see.',
        'user: next',
      ]);
      expect(await log()).not.toContain('function_call_output call_f');
    });

    test.each(PROVIDERS)('inside a call, whose output comes: %s receives both', async (name) => {
      await end(dialect, [user(QUESTION)], half);
      expect(await sentTo(name, dialect, [output('call_f', '"done"')])).toEqual([
        `user: ${QUESTION}`,
        'call f',
        expect.stringContaining('done'),
      ]);
      const body = JSON.stringify(name === 'groq' ? '' : provider.requests.at(-1)!.body);
      expect(body).not.toContain('{\\"a\\":');
    });

    test.each([
      ['a whole call', whole],
      ['half a call', half],
      ['a text and half a call', textAndHalf],
    ])('after %s: the same input again takes the position of the turn', async (_what, answer) => {
      const begun = [user('zero')];
      expect(await sentTo('groq', dialect, begun)).toEqual(['user: zero']);
      await end(dialect, [user(QUESTION)], answer);
      const received = ['user: zero', 'assistant: ok', `user: ${QUESTION}`];
      expect(await sentTo('groq', dialect, [user(QUESTION)])).toEqual(received);
      expect(await sentTo('groq', dialect, [user('next')])).toEqual([
        ...received,
        'assistant: ok',
        'user: next',
      ]);
    });
  });

  test('the first input of a session again takes the position of the turn', async () => {
    const input = [{ role: 'system', content: 'Be brief.' }, user(QUESTION)];
    await breakOff(dialect, input, half);
    await breakOff(dialect, input, half);
    const reply = send(dialect, input);
    const asked = await dictated.next();
    asked.end();
    expect((await reply).headers.get('x-clawhold-history')).toBe('forked');
    await (await reply).text();
    expect(asked.received).toEqual(['system: Be brief.', `user: ${QUESTION}`]);
    expect(await log()).toEqual(['system: Be brief.', `user: ${QUESTION}`]);
  });

  test('the first input again, and the next question, take the position of the turn', async () => {
    const input = [{ role: 'system', content: 'Be brief.' }, user(QUESTION)];
    const received = ['system: Be brief.', `user: ${QUESTION}`, 'user: next', 'user: last'];
    await breakOff(dialect, input, textAndHalf);
    await breakOff(dialect, [...input, user('next')], textAndHalf);
    expect(await log()).toEqual([...received.slice(0, 3), 'assistant: Hello', expect.any(String)]);
    expect(await sentTo('groq', dialect, [...input, user('next'), user('last')])).toEqual(received);
    expect(await log()).toEqual([...received, 'assistant: ok']);
  });

  test('the full history again takes the position of the turn', async () => {
    const history = [user('zero'), { role: 'assistant', content: 'ok' }, user(QUESTION)];
    await sentTo('groq', dialect, [user('zero')]);
    await breakOff(dialect, history, half);
    await breakOff(dialect, history, half);
    const received = ['user: zero', 'assistant: ok', `user: ${QUESTION}`];
    expect(await sentTo('groq', dialect, history)).toEqual(received);
    expect(await log()).toEqual([...received, 'assistant: ok']);
  });

  test('a full history with the half call and its output continues the turn', async () => {
    await breakOff(dialect, [user(QUESTION)], half);
    const copy = { type: 'function_call', call_id: 'call_f', name: 'f', arguments: '{}' };
    const history = [user(QUESTION), copy, output('call_f')];
    const received = [`user: ${QUESTION}`, 'call f', 'output done'];
    expect(await sentTo('groq', dialect, history)).toEqual(received);
    expect(
      await sentTo('groq', dialect, [...history, { role: 'assistant', content: 'ok' }, user('next')]),
    ).toEqual([...received, 'assistant: ok', 'user: next']);
    expect((await log()).filter((line) => line.startsWith('user: '))).toHaveLength(2);
  });

  test('the outputs of the turn before again take the position of the turn', async () => {
    await breakOff(dialect, [user(QUESTION)], whole);
    await breakOff(dialect, [output('call_f')], half);
    const received = [`user: ${QUESTION}`, 'call f', 'output done'];
    expect(await sentTo('groq', dialect, [output('call_f')])).toEqual(received);
  });

  test('another input is not taken for the question of the turn', async () => {
    await breakOff(dialect, [user(QUESTION)], textAndHalf);
    await sentTo('groq', dialect, [user('and?')]);
    expect(await sentTo('groq', dialect, [user('and?')])).toEqual([
      `user: ${QUESTION}`,
      'assistant: Hello',
      'user: and?',
      'assistant: ok',
      'user: and?',
    ]);
  });

  test('a turn that failed before any delta stays beside the branch', async () => {
    const reply = send(dialect, [user(QUESTION)]);
    (await dictated.next()).refuse(400);
    expect((await reply).status).toBe(400);
    expect(await log()).toEqual([]);
  });

  test('the stream of the turn has the same events again', async () => {
    const { text, headers } = await breakOff(dialect, [user(QUESTION)], (asked) => {
      asked.say('Let me see.');
      whole(asked);
      asked.callTool('g', '{"b"');
    });
    const path = pathOf(dialect, headers.get('x-clawhold-response-id')!);
    const again = await gateway.fetch(`${path}?stream=true`);
    expect(await again.text()).toBe(text);
  });

  test.each(PROVIDERS.slice(1))(
    'a stream of %s that breaks inside a call keeps the question',
    async (name) => {
      const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
      const tools = [FORMS[dialect].tool({ name: 'weather', parameters })];
      const model = `${name}/tool1+cut-${name === 'gemini' ? 1 : 2}`;
      const reply = await send(dialect, [user(QUESTION)], { model, more: { tools, stream: true } });
      await reply.text();
      expect((await log())[0]).toBe(`user: ${QUESTION}`);
      expect(
        (await sentTo('groq', dialect, [user('next')])).filter((line) => line.startsWith('user')),
      ).toEqual([`user: ${QUESTION}`, 'user: next']);
    },
  );
});

test('responses: a request that continues the same response again takes the position of the turn', async () => {
  await sentTo('groq', 'responses', [user('zero')]);
  const { data } = await json(gateway.fetch(`/v1/conversations/${session}/items`));
  const previous = `resp_${asText(asList(data)[0]!.id).slice('msg_'.length, 'msg_'.length + 33)}`;
  const more = { previous_response_id: previous };
  const asks = async (answer: (asked: DictatedCall) => void) => {
    const reply = send('responses', [user(QUESTION)], { more });
    const asked = await dictated.next();
    answer(asked);
    asked.breakOff();
    await (await reply).text();
    return asked.received;
  };
  await asks(half);
  await asks((asked) => {
    asked.say('Hello Ada.');
    asked.end();
  });
  expect(await log()).toEqual(['user: zero', 'assistant: ok', `user: ${QUESTION}`, 'assistant: Hello Ada.']);
  expect(await sentTo('groq', 'responses', [user('next')])).toEqual([
    ...(await log()).slice(0, 4),
    'user: next',
  ]);
});

test('chat: a cancelled completion has whole calls, and not half of one', async () => {
  const id = await leave('chat', [user(QUESTION)], (asked) => {
    whole(asked);
    asked.callTool('g', '{"b"');
  });
  const path = `${PATHS.chat}/${id.replace('resp_', 'chatcmpl-')}`;
  const completion = await json(gateway.fetch(path));
  const message = asJson(asList(completion.choices)[0]?.message);
  expect(asList(message.tool_calls)).toEqual([call('call_f', 'f', '{"a":1}')]);
});
