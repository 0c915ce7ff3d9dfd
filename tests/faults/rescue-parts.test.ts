import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { DIALECTS, type Dialect, FORMS, PATHS, question } from '../harness/dialects.ts';
import { type TestGateway, testGateway } from '../harness/gateway.ts';
import { completionText, json, sessionLog } from '../harness/journey.ts';
import { type Provider, startProvider } from '../simulators/provider/provider.ts';
import { asJson, asList, type Json } from '../simulators/provider/shape.ts';
import { adds, ends, type Script, scriptedProvider } from './scripted.ts';
import { type Seen, see } from './seen.ts';

/**
 * Parts that cannot be continued, and parts that are not text: they must never be joined wrongly, doubled or lost.
 */

const PROVIDERS = ['openai', 'anthropic', 'gemini'] as const;
const CALLS = PROVIDERS.flatMap((provider) => DIALECTS.map((dialect) => [provider, dialect] as const));

const parameters = {
  type: 'object',
  properties: { city: { type: 'string', enum: ['the largest city of France'] } },
  required: ['city'],
  additionalProperties: false,
};
const ARGUMENTS = { city: 'the largest city of France' };
const toolsOf = (dialect: Dialect): Json[] =>
  ['weather', 'population'].map((name) => FORMS[dialect].tool({ name, parameters }));
const formOf = (dialect: Dialect): Json => FORMS[dialect].format('city', parameters);

let provider: Provider;
let gateway: TestGateway;
let script: Script = () => undefined;
const scripted = scriptedProvider((...request) => script(...request));
let session = '';
let count = 0;

beforeAll(async () => {
  provider = startProvider();
  gateway = await testGateway({ provider: provider.url, env: { GROQ_BASE_URL: scripted.url } });
});
beforeEach(() => {
  provider.reset();
  scripted.requests.length = 0;
  session = `parts-${count++}`;
});
afterAll(async () => {
  await gateway.stop();
  provider.stop();
  await scripted.stop();
});

async function ask(
  dialect: Dialect,
  model: string,
  more: Json = {},
  headers: Record<string, string> = {},
): Promise<Seen> {
  const body = { model, stream: true, ...question(dialect, 'one'), ...more };
  return see(await gateway.post(PATHS[dialect], body, { 'x-session-id': session, ...headers }), dialect);
}

const RESTART = { 'x-clawhold-when-broken': 'restart' };
const FAIL = { 'x-clawhold-when-broken': 'fail' };

/** The next turns, at every provider: no provider refuses the session. */
async function expectToGoOn(): Promise<void> {
  // A turn without output is not on the branch.
  const texts = (await log()).filter((line) => line === 'user: one').map(() => 'one');
  for (const name of PROVIDERS) {
    texts.push(`next at ${name}`);
    const messages = [{ role: 'user', content: texts.at(-1) }];
    const body = { model: `${name}/recall`, messages };
    const completion = await json(gateway.post(PATHS.chat, body, { 'x-session-id': session }));
    // Some protocols join messages of the user that follow each other.
    const heard = completionText(completion).replaceAll('\n', '" | "');
    expect(heard).toBe(`I have heard: ${texts.map((text) => `"${text}"`).join(' | ')}`);
  }
}

const log = () => sessionLog(gateway, session);

function expectWholeCalls({ calls, isWhole }: Seen): void {
  expect(calls.map(({ name }) => name)).toEqual(['weather', 'population']);
  for (const call of calls) expect(JSON.parse(call.arguments)).toEqual(ARGUMENTS);
  expect(isWhole).toBe(true);
}

describe.each([1, 3, 5])('calls of tools that break off after %i pieces', (pieces) => {
  const model = (name: string) => `${name}/tools+once-cut-${name === 'gemini' ? 1 : pieces}`;

  test.each(CALLS)('of %s are made again on %s, and the stream announces it', async (name, dialect) => {
    const seen = await ask(dialect, model(name), { tools: toolsOf(dialect) }, RESTART);
    expectWholeCalls(seen);
    expect(seen.restarts).toBe(1);
    expect(provider.requests).toHaveLength(2);
    expect((await log()).filter((line) => line.startsWith('function_call '))).toHaveLength(2);
    await expectToGoOn();
  });

  test.each(PROVIDERS)('of %s are made again on responses by default', async (name) => {
    expectWholeCalls(await ask('responses', model(name), { tools: toolsOf('responses') }));
  });

  test.each(CALLS)(
    'of %s are an error on %s with when-broken fail; incomplete calls are marked',
    async (name, dialect) => {
      const headers = dialect === 'responses' ? FAIL : {};
      const seen = await ask(dialect, model(name), { tools: toolsOf(dialect) }, headers);
      expect(seen).toMatchObject({ isWhole: false, code: 'stream_interrupted', restarts: 0 });
      expect(provider.requests).toHaveLength(1);
      for (const { type, status, arguments: args } of await items()) {
        if (type !== 'function_call') continue;
        if (status === 'incomplete') expect(JSON.stringify(ARGUMENTS)).toStartWith(String(args));
        else expect(JSON.parse(String(args))).toEqual(ARGUMENTS);
      }
      expect(await log()).toContain('user: one');
      await expectToGoOn();
    },
  );

  test.each(CALLS)(
    'of %s are made again on %s without notice if the client has not seen them',
    async (name, dialect) => {
      const seen = await ask(dialect, model(name), { tools: toolsOf(dialect), stream: false });
      expectWholeCalls(seen);
      expect(provider.requests).toHaveLength(2);
      await expectToGoOn();
    },
  );

  const items = async () =>
    asList((await json(gateway.fetch(`/v1/conversations/${session}/items?order=asc&limit=100`))).data);
});

test.each(DIALECTS)(
  'a question stays when every call that should replace a broken one fails, on %s',
  async (dialect) => {
    const call = { index: 0, id: 'call_1', function: { name: 'weather', arguments: '{"ci' } };
    script = (_, nth) => [nth === 1 ? adds({ tool_calls: [call] }) : adds({ role: 'assistant' })];
    const seen = await ask(dialect, 'groq/call+nothing', { tools: toolsOf(dialect) }, RESTART);
    expect(seen).toMatchObject({ isWhole: false, restarts: 1, calls: [] });
    expect(await log()).toEqual(['user: one']);
    await expectToGoOn();
  },
);

test.each(DIALECTS)('text before a tool call stays when the call breaks off, on %s', async (dialect) => {
  const tool_calls = (args: string) => [
    { index: 0, id: 'call_1', function: { name: 'weather', arguments: args } },
  ];
  script = (_, nth) =>
    nth === 1
      ? [adds({ content: 'Let me see' }), adds({ content: '.' }), adds({ tool_calls: tool_calls('{"ci') })]
      : [adds({ tool_calls: tool_calls(JSON.stringify(ARGUMENTS)) }), ends('tool_calls')];
  const seen = await ask(dialect, 'groq/text+call', { tools: toolsOf(dialect) }, RESTART);
  expect(seen).toMatchObject({ isWhole: true, restarts: 1, text: 'Let me see.' });
  expect(seen.calls.map((call) => JSON.parse(call.arguments))).toEqual([ARGUMENTS]);
  expect(asList(scripted.requests[1]!.messages).map(({ content }) => content)).toContain('Let me see.');
  expect((await log()).slice(0, 2)).toEqual(['user: one', 'assistant: Let me see.']);
  await expectToGoOn();
});

describe('structured output that breaks off', () => {
  const model = (name: string) => `${name}/json+once-cut-${name === 'anthropic' ? 1 : 2}`;
  /** The document without faults. */
  const document = (name: string): string =>
    JSON.stringify(name === 'anthropic' ? { answer: 'You said: one' } : ARGUMENTS);

  test.each(CALLS)('of %s is made again on %s, and the stream announces it', async (name, dialect) => {
    const seen = await ask(dialect, model(name), formOf(dialect), RESTART);
    expect(seen).toMatchObject({ isWhole: true, restarts: 1, text: document(name) });
    expect(provider.requests).toHaveLength(2);
    expect(await log()).toEqual(['user: one', `assistant: ${document(name)}`]);
    await expectToGoOn();
  });

  test('is made again on responses by default', async () => {
    const seen = await ask('responses', model('openai'), formOf('responses'));
    expect(seen).toMatchObject({ isWhole: true, restarts: 1 });
  });

  test.each(CALLS)('of %s is an error on %s with when-broken fail', async (name, dialect) => {
    const headers = dialect === 'responses' ? FAIL : {};
    const seen = await ask(dialect, model(name), formOf(dialect), headers);
    expect(seen).toMatchObject({ isWhole: false, code: 'stream_interrupted' });
    expect(provider.requests).toHaveLength(1);
    await expectToGoOn();
  });

  test.each(CALLS)(
    'of %s is made again on %s without notice if the client has not seen it',
    async (name, dialect) => {
      const seen = await ask(dialect, model(name), { ...formOf(dialect), stream: false });
      expect(seen).toMatchObject({ isWhole: true, restarts: 0, text: document(name) });
      expect(provider.requests).toHaveLength(2);
    },
  );
});

describe('thoughts', () => {
  const THOUGHT = 'Let me think about what was asked before I answer.';
  const ANSWER = 'word1 word2 word3 word4 word5 word6 word7 word8';

  test.each(CALLS)(
    'of %s stay as they are when the text after them breaks off, on %s',
    async (name, dialect) => {
      const seen = await ask(dialect, `${name}/think+say-8+once-cut-3`);
      expect(seen).toMatchObject({ isWhole: true, restarts: 0, text: ANSWER, thoughts: THOUGHT });
      expect(provider.requests).toHaveLength(2);
      await expectToGoOn();
    },
  );

  test.each(CALLS)('of %s are kept if no text had followed, on %s', async (name, dialect) => {
    const seen = await ask(dialect, `${name}/think+say-8+once-cut-0`);
    expect(seen).toMatchObject({ isWhole: true, restarts: 0, text: ANSWER });
    expect(seen.thoughts).toContain(THOUGHT);
    await expectToGoOn();
  });

  test.each(DIALECTS)('that break off are closed, on %s', async (dialect) => {
    script = (_, nth) =>
      nth === 1
        ? [adds({ reasoning_content: 'Let me' })]
        : [adds({ reasoning_content: 'Well.' }), adds({ content: 'one' }), ends('stop')];
    const seen = await ask(dialect, 'groq/thought');
    expect(seen).toMatchObject({ isWhole: true, restarts: 0, text: 'one', thoughts: 'Let meWell.' });
    await expectToGoOn();
  });

  test.each(DIALECTS)('about how to continue are not part of the answer, on %s', async (dialect) => {
    script = (_, nth) =>
      nth === 1
        ? [adds({ content: 'one tw' })]
        : [adds({ reasoning_content: 'Where was I?' }), adds({ content: 'o three' }), ends('stop')];
    const seen = await ask(dialect, 'groq/go-on');
    expect(seen).toMatchObject({ isWhole: true, text: 'one two three', thoughts: '' });
    await expectToGoOn();
  });
});

describe('several choices, one of which breaks off', () => {
  const say = (nth: number): Json[] => {
    const begun = [
      adds({ content: 'first' }),
      adds({ content: 'second' }, 1),
      adds({ content: ' one' }),
      ends('stop'),
    ];
    return nth === 1 ? begun : [...begun, adds({ content: ' one' }, 1), ends('stop', 1)];
  };

  test('are an error on a chat stream', async () => {
    script = (_, nth) => say(nth);
    const seen = await ask('chat', 'groq/choices', { n: 2 });
    expect(seen).toMatchObject({ isWhole: false, code: 'provider_protocol_error' });
    expect(scripted.requests).toHaveLength(1);
    await expectToGoOn();
  });

  test('are made again with when-broken restart', async () => {
    script = (_, nth) => say(nth);
    const reply = await gateway.post(
      PATHS.chat,
      { model: 'groq/choices', n: 2, stream: true, messages: [{ role: 'user', content: 'one' }] },
      { 'x-session-id': session, ...RESTART },
    );
    const text = await reply.text();
    expect(text).toEndWith('data: [DONE]\n\n');
    expect(text.match(/"restart"/g)).toHaveLength(1);
    const after = text.slice(text.indexOf('"restart"'));
    const choiceText = (choice: number) =>
      [...after.matchAll(/"choices":\[\{"index":(\d),"delta":\{"content":"([^"]*)"\}/g)]
        .filter(([, index]) => Number(index) === choice)
        .map(([, , content]) => content)
        .join('');
    expect([choiceText(0), choiceText(1)]).toEqual(['first one', 'second one']);
    expect(await log()).toEqual(['user: one', 'assistant: first one']);
    await expectToGoOn();
  });
});

describe('a refusal', () => {
  test('that breaks off is made again', async () => {
    const seen = await ask('responses', 'openai/refuse+once-cut-3');
    expect(seen).toMatchObject({
      isWhole: true,
      restarts: 1,
      text: "I'm sorry, but I can't help with that.",
    });
    await expectToGoOn();
  });

  test('to continue follows the earlier text', async () => {
    script = (_, nth) =>
      nth === 1 ? [adds({ content: 'one two' })] : [adds({ refusal: 'I had better stop.' }), ends('stop')];
    const seen = await ask('responses', 'groq/stops');
    expect(seen).toMatchObject({ isWhole: true, restarts: 0 });
    expect(asList(asList(seen.body.output)[0]?.content)).toMatchObject([
      { type: 'output_text', text: 'one two' },
      { type: 'refusal', refusal: 'I had better stop.' },
    ]);
    await expectToGoOn();
  });
});

describe('a different answer instead of the rest', () => {
  const begun = 'The three largest rivers of the continent are the Nile, the';
  const other = 'The three largest rivers of the continent are these: one, two, three.';
  const answers: Script = (_, nth) =>
    nth === 1 ? [adds({ content: begun })] : [adds({ content: other }), ends('stop')];

  test('replaces the first with when-broken restart', async () => {
    script = answers;
    const seen = await ask('responses', 'groq/other');
    expect(seen).toMatchObject({ isWhole: true, restarts: 1, text: other });
    expect(await log()).toEqual(['user: one', `assistant: ${other}`]);
    await expectToGoOn();
  });

  test('is an error with when-broken fail, and is never joined to the first', async () => {
    script = answers;
    const seen = await ask('chat', 'groq/other');
    expect(seen).toMatchObject({ isWhole: false, code: 'provider_protocol_error', text: begun });
    expect(await log()).toEqual(['user: one', `assistant: ${begun}`]);
    await expectToGoOn();
  });

  test('lets a second model continue the first answer', async () => {
    script = (_, nth) =>
      nth === 1
        ? [adds({ content: `You said: ${begun}` })]
        : [adds({ content: `You said: ${other}` }), ends('stop')];
    const asked = `${begun} Congo and the Niger`;
    const messages = [{ role: 'user', content: asked }];
    const reply = await gateway.post(PATHS.chat, {
      model: ['groq/other', 'anthropic/claude-sonnet-4-5+echo'],
      messages,
      stream: true,
    });
    expect(await see(reply, 'chat')).toMatchObject({
      isWhole: true,
      text: `You said: ${asked}`,
      restarts: 0,
    });
    expect(scripted.requests).toHaveLength(2);
    expect(asJson(provider.requests[0]?.body).messages).toHaveLength(2);
  });
});
