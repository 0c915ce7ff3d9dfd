import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { OTHER_KEY, type TestGateway, temporaryDirectory, testGateway } from '../harness/gateway.ts';
import { completionText, inSession, json, responseText, sdk, sessionLog } from '../harness/journey.ts';
import { sent } from '../harness/upstream.ts';
import { type Provider, startProvider } from '../simulators/provider/provider.ts';
import { asJson, asList, asText } from '../simulators/provider/shape.ts';

/** One conversation. Each test continues the test before it. */
describe('a conversation that changes its provider, its dialect and its process', () => {
  const directory = temporaryDirectory();
  const dataDir = join(directory, 'data');
  const trip = inSession('trip');
  const expectedLog: string[] = [];
  let provider: Provider;
  let gateway: TestGateway;
  let conversation: string;

  beforeAll(async () => {
    provider = startProvider();
    gateway = await testGateway({ provider: provider.url, dataDir });
  });
  beforeEach(() => provider.reset());
  afterAll(async () => {
    await gateway.stop();
    provider.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function ask(model: string, content: string): Promise<Response> {
    const reply = await sdk(gateway.url)
      .chat.completions.create({ model, messages: [{ role: 'user', content }] }, trip)
      .withResponse();
    expectedLog.push(`user: ${content}`, `assistant: ${completionText(reply.data)}`);
    return reply.response;
  }

  test('begins at OpenAI', async () => {
    const response = await ask('openai/recall', "What's the weather like in Paris?");
    conversation = response.headers.get('x-clawhold-session-id') ?? '';
    expect(conversation).toStartWith('conv_');
    expect(response.headers.get('x-clawhold-history')).toBe('started');
    expect(sent(provider.requests[0])).toEqual(["user: What's the weather like in Paris?"]);
  });

  test('sends the whole context although the client sends one message', async () => {
    const before = [...expectedLog];
    const response = await ask('openai/recall', 'And what about Berlin?');
    expect(response.headers.get('x-clawhold-history')).toBe('appended');
    expect(response.headers.get('x-clawhold-session-id')).toBe(conversation);
    expect(expectedLog.at(-1)).toBe(
      'assistant: I have heard: "What\'s the weather like in Paris?" | "And what about Berlin?"',
    );
    expect(provider.requests).toHaveLength(1);
    expect(provider.requests[0]?.path).toBe('/v1/chat/completions');
    expect(sent(provider.requests[0])).toEqual([...before, 'user: And what about Berlin?']);
  });

  test('continues at Anthropic, in its format', async () => {
    const before = [...expectedLog];
    await ask('anthropic/recall', 'And Rome?');
    const [request] = provider.requests;
    expect(request?.path).toBe('/v1/messages');
    expect(asList(asJson(request?.body).messages).map(({ role }) => asText(role))).toEqual([
      'user',
      'assistant',
      'user',
      'assistant',
      'user',
    ]);
    expect(sent(request)).toEqual([...before, 'user: And Rome?']);
    expect(expectedLog.at(-1)).toContain('"And what about Berlin?" | "And Rome?"');
  });

  test('continues at Gemini, in its format', async () => {
    const before = [...expectedLog];
    await ask('gemini/recall', 'And Oslo?');
    const [request] = provider.requests;
    expect(request?.path).toBe('/v1beta/models/recall:generateContent');
    expect(asList(asJson(request?.body).contents).map(({ role }) => asText(role))).toEqual([
      'user',
      'model',
      'user',
      'model',
      'user',
      'model',
      'user',
    ]);
    expect(sent(request)).toEqual([...before, 'user: And Oslo?']);
  });

  test('continues after a restart of the gateway', async () => {
    await gateway.stop();
    gateway = await testGateway({ provider: provider.url, dataDir });
    const before = [...expectedLog];
    const response = await ask('openai/recall', 'And Lisbon?');
    expect(response.headers.get('x-clawhold-session-id')).toBe(conversation);
    expect(sent(provider.requests[0])).toEqual([...before, 'user: And Lisbon?']);
  });

  test.each(['id', 'name'])('continues on responses, with the %s as `conversation`', async (by) => {
    const before = [...expectedLog];
    const response = await sdk(gateway.url).responses.create({
      model: 'openai/recall',
      input: `Continued by ${by}.`,
      conversation: by === 'id' ? conversation : 'trip',
    });
    expectedLog.push(`user: Continued by ${by}.`, `assistant: ${response.output_text}`);
    expect(response.conversation).toEqual({ id: conversation });
    expect(provider.requests[0]?.path).toBe('/v1/responses');
    expect(sent(provider.requests[0])).toEqual([...before, `user: Continued by ${by}.`]);
  });

  test('continues with previous_response_id', async () => {
    const client = sdk(gateway.url);
    const first = await client.responses.create({
      model: 'openai/recall',
      input: 'Remember Madrid.',
      conversation,
    });
    const next = await client.responses.create({
      model: 'anthropic/recall',
      input: 'And then?',
      previous_response_id: first.id,
    });
    const before = [...expectedLog, 'user: Remember Madrid.', `assistant: ${first.output_text}`];
    expect(sent(provider.requests[1])).toEqual([...before, 'user: And then?']);
    expectedLog.push(
      ...before.slice(expectedLog.length),
      'user: And then?',
      `assistant: ${next.output_text}`,
    );
  });

  test('continues with items that were added to the conversation', async () => {
    const client = sdk(gateway.url);
    await client.conversations.items.create(conversation, {
      items: [{ type: 'message', role: 'user', content: 'By the way, I like trains.' }],
    });
    expectedLog.push('user: By the way, I like trains.');
    const before = [...expectedLog];
    await ask('openai/recall', 'What do I like?');
    expect(sent(provider.requests[0])).toEqual([...before, 'user: What do I like?']);
    expect(expectedLog.at(-1)).toContain('"By the way, I like trains."');
  });

  test('is listed whole and in order, by its id and by its name', async () => {
    expect(await sessionLog(gateway, conversation)).toEqual(expectedLog);
    expect(await sessionLog(gateway, 'trip')).toEqual(expectedLog);
  });

  test('can be streamed', async () => {
    const before = [...expectedLog];
    const stream = await sdk(gateway.url).chat.completions.create(
      { model: 'gemini/recall+pace-0', stream: true, messages: [{ role: 'user', content: 'Bye!' }] },
      trip,
    );
    let text = '';
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    expectedLog.push('user: Bye!', `assistant: ${text}`);
    expect(sent(provider.requests[0])).toEqual([...before, 'user: Bye!']);
    expect(await sessionLog(gateway, 'trip')).toEqual(expectedLog);
  });

  test('cannot be reached by another tenant', async () => {
    const other = { key: OTHER_KEY };
    expect((await gateway.fetch(`/v1/conversations/${conversation}`, other)).status).toBe(404);
    const reply = await json(
      gateway.fetch('/v1/responses', {
        ...other,
        method: 'POST',
        headers: { 'x-session-id': 'trip' },
        body: JSON.stringify({ model: 'openai/recall', input: 'Hello?' }),
      }),
    );
    expect(responseText(reply)).toBe('I have heard: "Hello?"');
  });
});
