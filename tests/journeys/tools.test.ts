import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import type OpenAI from 'openai';
import {
  completionText,
  inSession,
  type Journey,
  json,
  sessionLog,
  startJourney,
} from '../harness/journey.ts';
import { sent } from '../harness/upstream.ts';
import { asJson, asText } from '../simulators/provider/shape.ts';

type Message = OpenAI.ChatCompletionMessageParam;

const PROVIDERS = ['openai', 'anthropic', 'gemini'] as const;
const PAIRS = PROVIDERS.flatMap((caller) => PROVIDERS.map((answerer) => [caller, answerer] as const));

const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const tools = ['weather', 'population'].map((name) => ({
  type: 'function' as const,
  function: { name, description: `The ${name} of a city.`, parameters },
}));
const responseTools = tools.map(({ function: { name } }) => ({
  type: 'function' as const,
  name,
  parameters,
  strict: false,
}));

let journey: Journey;
let count = 0;
let name = '';

beforeAll(async () => {
  journey = await startJourney();
});
beforeEach(() => {
  journey.provider.reset();
  name = `tools-${count++}`;
});
afterAll(() => journey.end());

async function send(
  model: string,
  messages: Message[],
  extra: Partial<OpenAI.ChatCompletionCreateParamsNonStreaming> = { tools },
) {
  const { data, response } = await journey.client.chat.completions
    .create({ model, messages, ...extra }, inSession(name))
    .withResponse();
  const { message, finish_reason } = data.choices[0]!;
  return {
    message,
    finish: finish_reason,
    text: completionText(data),
    calls: message.tool_calls ?? [],
    history: response.headers.get('x-clawhold-history'),
  };
}

const user = (content: string): Message => ({ role: 'user', content });
const output = ({ id }: { id: string }, content: string): Message => ({
  role: 'tool',
  tool_call_id: id,
  content,
});
const thinking = { tools, reasoning_effort: 'low' } as const;
/** The simulator's answer to outputs. Gemini does not accept plain text as an output, so the outputs are wrapped. */
const toolsAnswered = (provider: string, ...outputs: string[]) =>
  `The tools answered: ${outputs
    .map((text) => `"${provider === 'gemini' ? JSON.stringify({ result: text }) : text}"`)
    .join(' | ')}`;
const lastSent = () => sent(journey.provider.requests.at(-1));
const log = () => sessionLog(journey.gateway, name);

describe.each(PAIRS)('a call by %s, answered at %s', (caller, answerer) => {
  test('completes with only new messages', async () => {
    const asked = await send(`${caller}/tools`, [user('How is Paris?')]);
    expect(asked.finish).toBe('tool_calls');
    expect(asked.calls.map((call) => call.type === 'function' && call.function.name)).toEqual([
      'weather',
      'population',
    ]);
    const [weather, population] = asked.calls;
    const answer = await send(`${answerer}/tools`, [
      output(weather!, 'sunny'),
      output(population!, '2 million'),
    ]);
    expect(answer.text).toBe(toolsAnswered(answerer, 'sunny', '2 million'));
    expect(lastSent()).toEqual([
      'user: How is Paris?',
      'call weather',
      'call population',
      'output sunny',
      'output 2 million',
    ]);
    const next = await send(`${caller}/recall`, [user('Thanks.')]);
    expect(next.text).toBe('I have heard: "How is Paris?" | "Thanks."');
  });

  test('completes with the full history', async () => {
    const asked = await send(`${caller}/tools`, [user('How is Paris?')]);
    const [weather, population] = asked.calls;
    const messages = [
      user('How is Paris?'),
      asked.message,
      output(weather!, 'sunny'),
      output(population!, '2 million'),
    ];
    const answer = await send(`${answerer}/tools`, messages);
    expect(answer.history).toBe('matched');
    expect(answer.text).toBe(toolsAnswered(answerer, 'sunny', '2 million'));
    const next = await send(`${caller}/recall`, [...messages, answer.message, user('Thanks.')]);
    expect(next.history).toBe('matched');
    expect(await log()).toHaveLength(8);
  });

  test('gets a recorded synthetic output when the client sends none', async () => {
    await send(`${caller}/tools`, [user('How is Paris?')]);
    const next = await send(`${answerer}/recall`, [user('Never mind.')]);
    expect(next.text).toBe('I have heard: "How is Paris?" | "Never mind."');
    const lines = lastSent();
    expect(lines.filter((line) => line.startsWith('output'))).toEqual([
      'output No output: the call was never answered.',
      'output No output: the call was never answered.',
    ]);
    expect(lines.at(-1)).toBe('user: Never mind.');
    expect((await log()).filter((line) => line.startsWith('function_call_output'))).toHaveLength(2);
  });
});

describe('integrity of calls and outputs', () => {
  test('an output and the next question can be in one request', async () => {
    const { calls } = await send('openai/tool1', [user('How is Paris?')]);
    const next = await send('anthropic/recall', [output(calls[0]!, 'sunny'), user('And Rome?')]);
    expect(next.history).toBe('appended');
    expect(lastSent()).toEqual(['user: How is Paris?', 'call weather', 'output sunny', 'user: And Rome?']);
  });

  test('an output on responses can answer a call from chat', async () => {
    const { calls } = await send('openai/tool1', [user('How is Paris?')]);
    const input = [{ type: 'function_call_output' as const, call_id: calls[0]!.id, output: 'sunny' }];
    const answer = await journey.client.responses.create({ model: 'openai/tools', input }, inSession(name));
    expect(answer.output_text).toBe('The tools answered: "sunny"');
  });

  test('if only some calls are answered, the others get a synthetic output', async () => {
    const asked = await send('openai/tools', [user('How is Paris?')]);
    const answer = await send('anthropic/tools', [output(asked.calls[1]!, '2 million')]);
    expect(answer.text).toContain('"2 million"');
    expect(
      lastSent()
        .filter((line) => line.startsWith('output'))
        .sort(),
    ).toEqual(['output 2 million', 'output No output: the call was never answered.']);
  });

  test.each([
    [
      'chat',
      '/v1/chat/completions',
      { messages: [{ role: 'tool', tool_call_id: 'call_x', content: 'sunny' }] },
    ],
    [
      'responses',
      '/v1/responses',
      { input: [{ type: 'function_call_output', call_id: 'call_x', output: 'sunny' }] },
    ],
  ])('an output without its call is refused on %s, and not stored', async (_, path, body) => {
    await send('openai/recall', [user('one')]);
    const before = await log();
    const response = await journey.gateway.post(
      path,
      { model: 'openai/recall', ...body },
      { 'x-session-id': name },
    );
    const error = asJson((await json(response)).error);
    expect(response.status).toBe(400);
    expect(error.code).toBe('tool_output_without_call');
    expect(asText(error.message)).toContain('call_x');
    expect(journey.provider.requests).toHaveLength(1);
    expect(await log()).toEqual(before);
    expect((await send('openai/recall', [user('two')])).text).toBe('I have heard: "one" | "two"');
  });

  test.each(PROVIDERS)('two open calls with one id are answered in order at %s', async (provider) => {
    const call = (called: string) => ({
      id: 'call_1',
      type: 'function' as const,
      function: { name: called, arguments: '{}' },
    });
    const messages = [
      user('How is Paris?'),
      { role: 'assistant' as const, content: null, tool_calls: [call('weather'), call('population')] },
      output(call('weather'), 'sunny'),
      output(call('population'), '2 million'),
    ];
    const answer = await send(`${provider}/tools`, messages);
    expect(answer.text).toBe(toolsAnswered(provider, 'sunny', '2 million'));
    const next = await send(`${provider}/recall`, [...messages, answer.message, user('And?')]);
    expect(next).toMatchObject({ history: 'matched', text: 'I have heard: "How is Paris?" | "And?"' });
  });

  test.each(PROVIDERS)('call ids that repeat in later answers work at %s', async (provider) => {
    const call = { id: 'call_0', type: 'function' as const, function: { name: 'weather', arguments: '{}' } };
    const round: Message[] = [
      user('How is Paris?'),
      { role: 'assistant', content: null, tool_calls: [call] },
      output(call, 'sunny'),
    ];
    const { text } = await send(`${provider}/recall`, [...round, ...round, user('And?')]);
    expect(text).toEndWith('"And?"');
  });

  test('a second output for one call is refused', async () => {
    const { calls } = await send('openai/tool1', [user('How is Paris?')]);
    await send('openai/tools', [output(calls[0]!, 'sunny')]);
    const again = send('openai/tools', [output(calls[0]!, 'rainy')]);
    await expect(again).rejects.toMatchObject({ status: 400, code: 'tool_output_without_call' });
  });

  test.each(PROVIDERS)(
    'an output that arrives after the synthetic one still reaches %s',
    async (provider) => {
      // Gemini 3 and later refuse a call without a signature.
      const model = `${provider}/gemini-3+think`;
      const { calls } = await send(`${model}+tool1`, [user('How is Paris?')], thinking);
      await send('openai/recall', [user('Never mind.')]);
      const late = await send(`${model}+tools`, [output(calls[0]!, 'sunny')], thinking);
      expect(late.text).toBe(toolsAnswered(provider, 'sunny'));
      expect((await send('openai/recall', [user('Well?')])).text).toContain('"Well?"');
      expect(lastSent().filter((line) => /^(call|output)/.test(line))).toEqual([
        'call weather',
        'output No output: the call was never answered.',
        'call weather',
        'output sunny',
      ]);
    },
  );

  test('a full history with an unanswered call is repaired too', async () => {
    const asked = await send('openai/tools', [user('How is Paris?')]);
    const next = await send('anthropic/recall', [user('How is Paris?'), asked.message, user('Never mind.')]);
    expect(next.history).toBe('matched');
    const after = await send('gemini/recall', [
      user('How is Paris?'),
      asked.message,
      user('Never mind.'),
      next.message,
      user('Go on.'),
    ]);
    expect(after.history).toBe('matched');
    expect(after.text).toBe('I have heard: "How is Paris?" | "Never mind." | "Go on."');
  });

  test('deleting a call also hides its output', async () => {
    const { calls } = await send('openai/tool1', [user('How is Paris?')]);
    await send('openai/tools', [output(calls[0]!, 'sunny')]);
    const { data } = await journey.client.conversations.items.list(await conversation());
    const call = data.find((item) => item.type === 'function_call');
    await journey.client.conversations.items.delete(call?.id ?? '', {
      conversation_id: await conversation(),
    });
    for (const provider of PROVIDERS) {
      await send(`${provider}/recall`, [user(`At ${provider}.`)]);
      expect(lastSent().some((line) => line.startsWith('call') || line.startsWith('output'))).toBe(false);
    }
  });

  test('arguments of a streamed call are whole', async () => {
    const stream = journey.client.chat.completions.stream(
      { model: 'anthropic/tools+pace-0', messages: [user('How is Paris?')], tools },
      inSession(name),
    );
    const { message, finish_reason } = (await stream.finalChatCompletion()).choices[0]!;
    expect(finish_reason).toBe('tool_calls');
    const calls = message.tool_calls ?? [];
    expect(calls.map((call) => JSON.parse(call.type === 'function' ? call.function.arguments : ''))).toEqual([
      { city: expect.any(String) },
      { city: expect.any(String) },
    ]);
    const answer = await send(
      'gemini/tools',
      calls.map((call) => output(call, 'fine')),
    );
    expect(answer.text).toBe(toolsAnswered('gemini', 'fine', 'fine'));
  });
});

async function conversation(): Promise<string> {
  return asText((await json(journey.gateway.fetch(`/v1/conversations/${name}`))).id);
}

describe.each(PAIRS)('a call on responses by %s, answered at %s', (caller, answerer) => {
  test('completes with previous_response_id and function_call_output', async () => {
    const asked = await journey.client.responses.create({
      model: `${caller}/tools`,
      input: 'How is Paris?',
      tools: responseTools,
    });
    const calls = asked.output.filter((item) => item.type === 'function_call');
    expect(calls.map((call) => call.name)).toEqual(['weather', 'population']);
    const answer = await journey.client.responses.create({
      model: `${answerer}/tools`,
      previous_response_id: asked.id,
      tools: responseTools,
      input: calls.map(({ call_id }) => ({ type: 'function_call_output', call_id, output: 'fine' })),
    });
    expect(answer.output_text).toBe(toolsAnswered(answerer, 'fine', 'fine'));
    const next = await journey.client.responses.create({
      model: `${caller}/recall`,
      previous_response_id: asked.id,
      input: 'Never mind.',
    });
    expect(next.output_text).toBe('I have heard: "How is Paris?" | "Never mind."');
  });
});

describe.each(PROVIDERS)('reasoning of %s', (provider) => {
  const thinking = { reasoning: { effort: 'low', summary: 'auto' } } as const;

  test('is sent back to it with the call that followed', async () => {
    const asked = await journey.client.responses.create({
      model: `${provider}/think+tools`,
      input: 'How is Paris?',
      tools: responseTools,
      ...thinking,
    });
    expect(asked.output.map(({ type }) => type)).toEqual(['reasoning', 'function_call', 'function_call']);
    const calls = asked.output.filter((item) => item.type === 'function_call');
    const answer = await journey.client.responses.create({
      model: `${provider}/think+tools`,
      previous_response_id: asked.id,
      tools: responseTools,
      input: calls.map(({ call_id }) => ({ type: 'function_call_output', call_id, output: 'fine' })),
      ...thinking,
    });
    expect(answer.output_text).toBe(toolsAnswered(provider, 'fine', 'fine'));
    // The simulator refuses altered reasoning. This checks that it was sent.
    const raw = JSON.stringify(journey.provider.requests.at(-1)?.body);
    expect(raw).toMatch(/encrypted_content|"signature"|thoughtSignature/);
  });

  test('is sent back to it through chat, although chat clients never receive the signature', async () => {
    const reasoning = { tools, reasoning_effort: 'low' } as const;
    const asked = await send(`${provider}/think+tools`, [user('How is Paris?')], reasoning);
    expect(asked.calls).toHaveLength(2);
    const outputs = asked.calls.map((call) => output(call, 'fine'));
    const answer = await send(`${provider}/think+tools`, outputs, reasoning);
    expect(answer.text).toBe(toolsAnswered(provider, 'fine', 'fine'));
    const next = await send(`${provider}/think`, [user('And then?')], { reasoning_effort: 'low' });
    expect(next.text).toBe('You said: And then?');
  });

  test.each(PROVIDERS.filter((other) => other !== provider))('is not sent to %s', async (other) => {
    await send(`${provider}/think`, [user('one')], { reasoning_effort: 'low' });
    const next = await send(`${other}/think`, [user('two')], { reasoning_effort: 'low' });
    expect(next.text).toBe('You said: two');
    expect(lastSent()).toEqual(['user: one', 'assistant: You said: one', 'user: two']);
    expect(JSON.stringify(journey.provider.requests.at(-1)?.body)).not.toContain('Let me think');
  });
});

// OpenAI's own streams have one open item at a time, and some clients keep the state of one item only.
test.each([...PROVIDERS, 'groq'])(
  'parallel calls of %s come one after the other in a stream of events',
  async (provider) => {
    const stream = await journey.client.responses.create({
      ...{ model: `${provider}/tools+pace-0`, input: 'both, please', tools: responseTools, stream: true },
    });
    const bounds: string[] = [];
    for await (const event of stream) {
      if (event.type === 'response.output_item.added') bounds.push(`added ${event.output_index}`);
      if (event.type === 'response.output_item.done') bounds.push(`done ${event.output_index}`);
    }
    expect(bounds).toEqual(['added 0', 'done 0', 'added 1', 'done 1']);
  },
);
