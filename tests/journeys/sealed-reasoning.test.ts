import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { OTHER_KEY, testGateway } from '../harness/gateway.ts';
import { type Journey, json, serverEvents, startJourney } from '../harness/journey.ts';
import { SocketClient } from '../harness/socket.ts';
import {
  chatAgent,
  messagesAgent,
  responsesAgent,
  type StatelessAgent,
  streamedOutput,
} from '../harness/stateless-agent.ts';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';

let journey: Journey;
beforeAll(async () => {
  journey = await startJourney();
});
afterAll(() => journey.end());

const CLAUDE = 'anthropic/claude-sonnet-4-5+think+tools+steps-3+interleave+redact';
const GEMINI = 'gemini/gemini-3-pro-preview+think+tools+steps-3';
const DROPPED = 'x-clawhold-dropped-reasoning';
const SEAL = /^clawhold-seal\./;

const lastBody = (): Json => asJson(journey.provider.requests.at(-1)!.body);
const ENCRYPTED = { include: ['reasoning.encrypted_content'], store: false } as const;

const AGENTS = [
  ['responses, as a stream', (of: Journey) => responsesAgent(of.gateway, { stream: true })],
  ['responses, as JSON', (of: Journey) => responsesAgent(of.gateway, { stream: false })],
  ['chat, as a stream', (of: Journey) => chatAgent(of.gateway, { stream: true })],
  ['chat, as JSON', (of: Journey) => chatAgent(of.gateway, { stream: false })],
  ['messages, as a stream', (of: Journey) => messagesAgent(of.gateway, { stream: true })],
  ['messages, as JSON', (of: Journey) => messagesAgent(of.gateway, { stream: false })],
] as const satisfies [string, (of: Journey) => StatelessAgent][];

describe.each(AGENTS)('a client without a session on %s', (surface, start) => {
  test('gives Claude all its thinking back, in the same positions, over three steps', async () => {
    const agent = start(journey);
    expect(await agent.ask(CLAUDE, 'How is Paris?')).toBe('The tools answered: "fine" | "fine"');
    expect(await agent.ask(CLAUDE, 'And Rome?')).toBe('The tools answered: "fine" | "fine"');
    const { messages, thinking } = lastBody();
    expect(asJson(thinking).type).toBe('enabled');
    const thought = (block: Json) => block.thinking ?? block.type;
    const answers = asList(messages).filter(({ role }) => role === 'assistant');
    const steps = answers.map(({ content }) => asList(content).map((block) => block.name ?? thought(block)));
    const think = (step: number) => `Let me think about what was asked before I answer. Step ${step}.`;
    const calls = (step: number) => [
      ...[think(step), 'redacted_thinking', 'weather', 'Now I call population.', 'population'],
    ];
    const answered = [think(4), 'redacted_thinking', 'text'];
    expect(steps).toEqual([calls(1), calls(2), calls(3), answered, calls(1), calls(2), calls(3)]);
    expect(agent.reply.headers.get(DROPPED)).toBeNull();
    expect(JSON.stringify(lastBody())).not.toContain('clawhold-seal');
  });

  test('gives Gemini the signatures of its calls and texts back over three steps', async () => {
    const agent = start(journey);
    expect(await agent.ask(GEMINI, 'How is Paris?')).toStartWith('The tools answered: ');
    expect(await agent.ask(GEMINI, 'And Rome?')).toStartWith('The tools answered: ');
    const parts = asList(lastBody().contents).flatMap((content) =>
      content.role === 'model' ? asList(content.parts) : [],
    );
    const isGiven = ({ thoughtSignature: signature }: Json) =>
      typeof signature === 'string' && signature !== 'skip_thought_signature_validator';
    const calls = parts.filter(({ functionCall }) => functionCall !== undefined);
    expect(calls.map(isGiven)).toEqual([
      true,
      false,
      true,
      false,
      true,
      false,
      true,
      false,
      true,
      false,
      true,
      false,
    ]);
    const texts = parts.filter(({ text, thought }) => text !== undefined && !thought);
    expect(texts.map(({ text }) => text).join('')).toStartWith('The tools answered: ');
    // A message does not end with the signature of its text, which Gemini does not need.
    expect(texts.filter(isGiven)).toHaveLength(surface.startsWith('messages') ? 0 : 1);
    expect(agent.reply.headers.get(DROPPED)).toBeNull();
    expect(JSON.stringify(lastBody())).not.toContain('clawhold-seal');
  });

  // On chat, OpenAI is called in chat, which has no encrypted content.
  test.skipIf(surface.startsWith('chat'))('gives OpenAI its encrypted content back', async () => {
    const agent = start(journey);
    await agent.ask('openai/think+tools+steps-3', 'How is Paris?');
    const thoughts = asList(lastBody().input).filter(({ type }) => type === 'reasoning');
    expect(thoughts).toHaveLength(3);
    for (const { encrypted_content } of thoughts) expect(encrypted_content).toMatch(/^[A-Za-z0-9+/]{20,}=*$/);
    expect(agent.reply.headers.get(DROPPED)).toBeNull();
  });

  test('gives a chat provider its reasoning back', async () => {
    const agent = start(journey);
    await agent.ask('deepseek/deepseek-reasoner+think+tools+steps-3', 'How is Paris?');
    const thoughts = asList(lastBody().messages).flatMap(({ reasoning_content }) => reasoning_content ?? []);
    expect(thoughts).toEqual(
      [1, 2, 3].map((step) => `Let me think about what was asked before I answer. Step ${step}.`),
    );
    expect(JSON.stringify(lastBody())).not.toContain('clawhold-seal');
  });

  test.each(['openai', 'gemini', 'deepseek'])(
    'does not give the thinking of Claude to %s, which answers',
    async (other) => {
      const agent = start(journey);
      await agent.ask(CLAUDE, 'How is Paris?');
      expect(await agent.ask(`${other}/think`, 'And Rome?')).toBe('You said: And Rome?');
      expect(agent.reply.headers.get(DROPPED)).toMatch(/^(rs_\w+|reasoning)(, (rs_\w+|reasoning))*$/);
      expect(JSON.stringify(lastBody())).not.toMatch(/clawhold-seal|Let me think/);
      const back = await agent.ask(CLAUDE, 'And Oslo?');
      expect(back).toStartWith('The tools answered: ');
    },
  );
});

test.each([true, false])(
  'encrypted content of a Responses provider comes back over chat, stream: %p',
  async (stream) => {
    const { provider } = journey;
    const yaml = `claws:\n  far: { protocol: openai-responses, base_url: '${provider.url}/v1', api_key: k }\n`;
    const gateway = await testGateway({ yaml });
    try {
      const agent = chatAgent(gateway, { stream });
      await agent.ask('far/think+tools+steps-3', 'How is Paris?');
      const thoughts = asList(lastBody().input).filter(({ type }) => type === 'reasoning');
      expect(thoughts.map(({ id }) => asText(id).slice(0, 3))).toEqual(['rs_', 'rs_', 'rs_']);
      for (const { encrypted_content } of thoughts)
        expect(encrypted_content).toMatch(/^[A-Za-z0-9+/]{20,}=*$/);
    } finally {
      await gateway.stop();
    }
  },
);

describe('encrypted content', () => {
  const question = { role: 'user', content: 'Think about it.' };
  const ask = async (body: Json, headers?: Record<string, string>) => {
    const reply = await journey.gateway.post(
      '/v1/responses',
      { reasoning: { effort: 'low' }, ...body },
      headers,
    );
    expect([reply.status, reply.ok || (await reply.text())]).toEqual([200, true]);
    return { reply, body: await json(reply) };
  };
  const thoughtOf = (response: Json) => asList(response.output).find(({ type }) => type === 'reasoning')!;

  test.each(['anthropic/think', 'gemini/think', 'deepseek/think'])(
    'of %s is absent where it is not asked for',
    async (model) => {
      const { body } = await ask({ model: `${model}+redact`, input: [question], store: false });
      expect(JSON.stringify(body)).not.toContain('encrypted_content');
    },
  );

  test('of OpenAI passes unchanged', async () => {
    const { body } = await ask({ model: 'openai/think', input: [question], ...ENCRYPTED });
    expect(thoughtOf(body).encrypted_content).not.toMatch(SEAL);
    const next = [question, ...asList(body.output), question];
    const { reply } = await ask({ model: 'openai/think', input: next, ...ENCRYPTED });
    expect(asList(lastBody().input)[1]!.encrypted_content).toBe(thoughtOf(body).encrypted_content);
    expect(reply.headers.get(DROPPED)).toBeNull();
  });

  test('is the same in the stream, in its replay, in the stored response and on a socket', async () => {
    const { include } = ENCRYPTED;
    const request = {
      model: 'anthropic/think+redact',
      input: [question],
      reasoning: { effort: 'low' },
      include,
    };
    const streamed = await journey.gateway.post('/v1/responses', { ...request, stream: true });
    const text = await streamed.text();
    const output = streamedOutput(text);
    expect(output.map(({ encrypted_content }) => SEAL.test(asText(encrypted_content)))).toEqual([
      true,
      true,
      false,
    ]);
    const path = `/v1/responses/${streamed.headers.get('x-clawhold-response-id')}`;
    expect(await (await journey.gateway.fetch(`${path}?stream=true`)).text()).toBe(text);
    expect((await json(journey.gateway.fetch(path))).output).toEqual(output);
    const socket = await SocketClient.open(journey.gateway);
    socket.create({ ...request, store: false });
    let event = await socket.next();
    while (event.type !== 'response.completed') event = await socket.next();
    socket.close();
    const onSocket = asList(asJson(event.response).output);
    expect(onSocket.map(({ encrypted_content }) => SEAL.test(asText(encrypted_content)))).toEqual([
      true,
      true,
      false,
    ]);
  });

  test("that is damaged or another tenant's is left out and named", async () => {
    const { body } = await ask({ model: 'anthropic/think', input: [question], ...ENCRYPTED });
    const [thought, answer] = asList(body.output) as [Json, Json];
    const seal = asText(thought.encrypted_content);
    const changed = [
      `${seal.slice(0, 60)}${seal[60] === 'A' ? 'B' : 'A'}${seal.slice(61)}`,
      'clawhold-seal.00000000.AAAA',
      'clawhold-seal.',
    ];
    for (const encrypted_content of changed) {
      const input = [question, { ...thought, encrypted_content }, answer, question];
      const { reply } = await ask({ model: 'anthropic/think', input, ...ENCRYPTED });
      expect(reply.headers.get(DROPPED)).toBe(asText(thought.id));
      expect(JSON.stringify(lastBody())).not.toMatch(/clawhold-seal|"signature"/);
    }
    const input = [question, thought, answer, question];
    const headers = { authorization: `Bearer ${OTHER_KEY}` };
    const { reply } = await ask({ model: 'anthropic/think', input, ...ENCRYPTED }, headers);
    expect(reply.headers.get(DROPPED)).toBe(asText(thought.id));
    expect(JSON.stringify(lastBody())).not.toMatch(/clawhold-seal|"signature"/);
  });

  test.each(['anthropic/think', 'gemini/think', 'openai/think'])(
    'of stored reasoning of %s is found by its id',
    async (model) => {
      const { body } = await ask({ model, input: [question] });
      const output = asList(body.output).map((item) =>
        item.type === 'reasoning' ? { type: 'reasoning', id: item.id, summary: [] } : item,
      );
      const input = [question, ...output, question];
      const { reply } = await ask({ model, input, store: false });
      expect(reply.headers.get(DROPPED)).toBeNull();
      expect(JSON.stringify(lastBody())).toMatch(/"signature"|thoughtSignature|encrypted_content/);
      const headers = { authorization: `Bearer ${OTHER_KEY}` };
      const other = await ask({ model, input, store: false }, headers);
      const ids = output.flatMap(({ type, id }) => (type === 'reasoning' ? [asText(id)] : []));
      expect(other.reply.headers.get(DROPPED)!.split(', ')).toContain(ids[0]!);
      expect(
        JSON.stringify(asList(lastBody().input ?? lastBody().messages ?? lastBody().contents)),
      ).not.toMatch(/"signature"|thoughtSignature|encrypted_content/);
      const unknown = { type: 'reasoning', id: `rs_${'0'.repeat(33)}o0`, summary: [] };
      const third = await ask({
        model,
        input: [
          question,
          unknown,
          output.at(-1)!.type === 'reasoning' ? output.at(-2)! : output.at(-1)!,
          question,
        ],
        store: false,
      });
      expect(third.reply.headers.get(DROPPED)).toBe(unknown.id);
    },
  );

  test('has no effect if a session recognises the full history', async () => {
    const headers = { 'x-session-id': 'sealed-history' };
    const { include } = ENCRYPTED;
    const first = await ask({ model: 'anthropic/think', input: [question], include }, headers);
    const output = asList(first.body.output).map((item) =>
      item.type === 'reasoning' ? { ...item, encrypted_content: 'clawhold-seal.00000000.AAAA' } : item,
    );
    const next = {
      model: 'anthropic/think',
      input: [question, ...output, { role: 'user', content: 'Go on.' }],
      include,
    };
    const { reply } = await ask(next, headers);
    expect(reply.headers.get('x-clawhold-history')).toBe('matched');
    expect(reply.headers.get(DROPPED)).toBeNull();
    expect(asList(lastBody().messages).map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
    expect(JSON.stringify(lastBody())).toContain('"signature"');
  });

  test('names at most twenty items', async () => {
    const thought = (count: number) => ({
      type: 'reasoning',
      id: `rs_${count}`,
      summary: [],
      encrypted_content: 'clawhold-seal.x.y',
    });
    const answer = { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Yes.' }] };
    const input = [question, ...Array.from({ length: 23 }, (_, count) => thought(count)), answer, question];
    const { reply } = await ask({ model: 'openai/think', input, ...ENCRYPTED });
    expect(reply.headers.get(DROPPED)).toEndWith('rs_18, rs_19, 3 more');
  });
});

describe('thoughts with `summary: auto`', () => {
  test.each(['anthropic/think', 'gemini/think'])('of %s are summary events', async (model) => {
    const request = { model, input: 'Think.', reasoning: { effort: 'low', summary: 'auto' }, store: false };
    const reply = await journey.gateway.post('/v1/responses', { ...request, stream: true });
    const text = await reply.text();
    const names = new Set(serverEvents(text).events.map(({ event }) => event));
    for (const name of ['part.added', 'text.delta', 'text.done', 'part.done'])
      expect(names).toContain(`response.reasoning_summary_${name}`);
    expect(names).not.toContain('response.reasoning_text.delta');
    const [thought] = streamedOutput(text);
    const summary = [{ type: 'summary_text', text: 'Let me think about what was asked before I answer.' }];
    expect(thought).toMatchObject({ type: 'reasoning', summary });
    const whole = await json(journey.gateway.post('/v1/responses', request));
    expect(asList(whole.output)[0]).toMatchObject({ type: 'reasoning', summary });
  });

  test('are text without it', async () => {
    const request = { model: 'anthropic/think', input: 'Think.', reasoning: { effort: 'low' }, store: false };
    const whole = await json(journey.gateway.post('/v1/responses', request));
    expect(asList(whole.output)[0]).toMatchObject({ summary: [], content: [{ type: 'reasoning_text' }] });
  });
});

describe('reasoning of a stored turn', () => {
  const reasoning = { effort: 'low' };
  const headers = { 'content-type': 'application/json' };
  const first = async (model: string) =>
    json(journey.gateway.post('/v1/responses', { model, input: 'Think.', reasoning }, headers));
  const inOrder = (response: Json, refer: (item: Json) => Json) => [
    { role: 'user', content: 'Think.' },
    ...asList(response.output).map((item) => (item.type === 'reasoning' ? refer(item) : item)),
    { role: 'user', content: 'Go on.' },
  ];

  test.each(['anthropic/think+redact', 'gemini/think', 'openai/think'])(
    'of %s is found by an item reference, and by an id without a summary',
    async (model) => {
      const response = await first(model);
      for (const refer of [
        ({ id }: Json) => ({ type: 'item_reference', id }),
        ({ id }: Json) => ({ type: 'reasoning', id }),
      ]) {
        const body = { model, store: false, reasoning, input: inOrder(response, refer) };
        const reply = await journey.gateway.post('/v1/responses', body);
        expect([reply.status, reply.headers.get(DROPPED)]).toEqual([200, null]);
        expect(JSON.stringify(lastBody())).toMatch(/"redacted_thinking"|thoughtSignature|encrypted_content/);
        const foreign = await journey.gateway.post('/v1/responses', { ...body, model: 'openai/echo' });
        expect(foreign.status).toBe(200);
      }
    },
  );

  test('of Claude shows no redacted data in a conversation, and works in a new one', async () => {
    const response = await first('anthropic/think+redact');
    const items = asList(response.output).map(({ id }) => ({ type: 'item_reference', id }));
    const conversation = await json(journey.gateway.post('/v1/conversations', { items }));
    const body = { model: 'anthropic/think', conversation: conversation.id, reasoning, input: 'Go on.' };
    expect((await journey.gateway.post('/v1/responses', body)).status).toBe(200);
    expect(JSON.stringify(lastBody())).toMatch(/"signature".*"redacted_thinking"/);
    const named = await journey.gateway.post('/v1/responses', { ...body, model: 'anthropic/think+redact' });
    expect(named.status).toBe(200);
    const path = `/v1/conversations/${conversation.id}/items?limit=100&order=asc`;
    const thoughts = asList((await json(journey.gateway.fetch(path))).data).filter(
      ({ type }) => type === 'reasoning',
    );
    expect(thoughts.length).toBeGreaterThan(4);
    for (const { encrypted_content: text } of thoughts)
      expect(text === undefined || SEAL.test(asText(text))).toBeTrue();
  });

  test('that only a socket holds is stored with the next stored turn', async () => {
    const socket = await SocketClient.open(journey.gateway);
    const ask = async (body: Json) => {
      socket.create({ model: 'anthropic/think+redact', reasoning, ...body });
      let event = await socket.next();
      while (event.type !== 'response.completed') event = await socket.next();
      return asJson(event.response);
    };
    const held = await ask({ store: false, input: 'Think.' });
    await ask({ previous_response_id: held.id, input: 'Go on.', store: true });
    socket.close();
    expect(JSON.stringify(lastBody())).toMatch(/"signature".*"redacted_thinking"/);
    expect(JSON.stringify(lastBody())).not.toContain('clawhold-seal');
  });
});

test('a seal in a field where chat has none reaches no provider', async () => {
  const data = 'clawhold-seal.00000000.AAAA';
  const detail = { type: 'reasoning.encrypted', data };
  const call = { id: 'c', type: 'function', function: { name: 'weather', arguments: '{}' } };
  const user = { role: 'user', content: 'Hi' };
  const places: Json[][] = [
    [user, { role: 'assistant', content: 'a', reasoning_details: detail }],
    [user, { role: 'assistant', content: 'a', reasoning_details: [[detail], { signature: data }] }],
    [user, { role: 'assistant', content: 'a', encrypted_content: data }],
    [{ ...user, reasoning_details: [detail] }],
    [
      user,
      { role: 'assistant', content: null, tool_calls: [{ ...call, extra_content: { signature: data } }] },
      { role: 'tool', tool_call_id: 'c', content: 'fine', reasoning_details: [detail] },
    ],
  ];
  for (const model of ['openai/echo', 'deepseek/echo', 'anthropic/echo', 'gemini/echo'])
    for (const messages of places) {
      const reply = await journey.gateway.post('/v1/chat/completions', {
        model,
        messages: [...messages, user],
      });
      expect(reply.status).toBe(200);
      expect(JSON.stringify(lastBody())).not.toContain('clawhold-seal');
    }
  const asked = { model: 'openai/echo', messages: [{ role: 'user', content: data }] };
  expect((await journey.gateway.post('/v1/chat/completions', asked)).status).toBe(200);
  expect(JSON.stringify(lastBody())).toContain(data);
});
