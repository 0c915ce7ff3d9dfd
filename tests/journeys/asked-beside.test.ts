import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import {
  assistant,
  conversationIn,
  DIALECTS,
  MAIN,
  PATHS,
  type Said,
  textIn,
  user,
} from '../harness/dialects.ts';
import { type DictatedProvider, dictatedProvider } from '../harness/dictated.ts';
import { type TestGateway, testGateway } from '../harness/gateway.ts';
import { json, responseText, sessionLog } from '../harness/journey.ts';
import type { Json } from '../simulators/provider/shape.ts';

setDefaultTimeout(20_000);

// Qwen Code asks for memories after each answer, with its whole conversation.
const MEMORY = 'Collect what is worth to be remembered of the conversation with the user in a list.';

let provider: DictatedProvider;
let gateway: TestGateway;
let count = 0;

beforeAll(async () => {
  provider = dictatedProvider();
  gateway = await testGateway({ env: provider.env });
});
afterAll(async () => {
  await gateway.stop();
  await provider.stop();
});

const START = [user('q'), assistant('a')];
const lines = (messages: Said[]) => messages.map(({ role, content }) => `${role}: ${content}`);

describe.each(DIALECTS)('%s: an agent that asks for memories with its whole conversation', (dialect) => {
  /** A session of an agent with one turn. */
  async function started() {
    const name = `beside-${++count}`;
    const ask = (system: string, messages: Said[]) => {
      const body = { model: 'groq/x', ...conversationIn(dialect, system, messages) };
      return gateway.post(PATHS[dialect], body, { 'session-id': name });
    };
    /** Answers the next call of the provider, which received these messages. */
    const answer = async (text: string, system: string, messages: Said[]) => {
      const call = await provider.next();
      expect(call.received).toEqual([`system: ${system}`, ...lines(messages)]);
      call.say(text);
      call.end();
    };
    const read = async (asked: Response | Promise<Response>) => {
      const { headers, status } = await asked;
      const body: Json = await json(asked);
      expect(status).toBe(200);
      return {
        text: textIn(dialect, body),
        history: headers.get('x-clawhold-history'),
        id: headers.get('x-clawhold-response-id'),
      };
    };
    const log = async () =>
      (await sessionLog(gateway, name)).filter((line) => !/^(system|developer): /.test(line));
    const first = ask(MAIN, START.slice(0, 1));
    await answer('a', MAIN, START.slice(0, 1));
    await read(first);
    return { ask, answer, read, log };
  }
  type Agent = Awaited<ReturnType<typeof started>>;

  const memories = [...START, user('memories?')];
  const second = [...START, user('q2')];

  /** The conversation goes on as if no memories had been asked for. */
  async function goesOn(agent: Agent): Promise<void> {
    const third = [...second, assistant('a2'), user('q3')];
    const asked = agent.ask(MAIN, third);
    await agent.answer('a3', MAIN, third);
    expect((await agent.read(asked)).text).toBe('a3');
    expect(await agent.log()).toEqual([...lines(third), 'assistant: a3']);
  }

  test('before its next question: the conversation goes on without them', async () => {
    const agent = await started();
    const memory = agent.ask(MEMORY, memories);
    await agent.answer('m', MEMORY, memories);
    const { id } = await agent.read(memory);
    // A full history continues the conversation, until the next one shows that the client has dropped the request.
    expect(await agent.log()).toEqual([...lines(memories), 'assistant: m']);
    const next = agent.ask(MAIN, second);
    await agent.answer('a2', MAIN, second);
    expect(await agent.read(next)).toMatchObject({ text: 'a2', history: 'forked' });
    expect(await agent.log()).toEqual([...lines(second), 'assistant: a2']);
    await goesOn(agent);
    expect(responseText(await json(gateway.fetch(`/v1/responses/${id}`)))).toBe('m');
  });

  test('and its next question meanwhile: the question does not wait, and takes the head', async () => {
    const agent = await started();
    const memory = agent.ask(MEMORY, memories);
    const call = await provider.next();
    const next = agent.ask(MAIN, second);
    await agent.answer('a2', MAIN, second);
    expect((await agent.read(next)).text).toBe('a2');
    call.say('m');
    call.end();
    const { text, id } = await agent.read(memory);
    expect(text).toBe('m');
    expect(await agent.log()).toEqual([...lines(second), 'assistant: a2']);
    await goesOn(agent);
    expect(await json(gateway.fetch(`/v1/responses/${id}`))).toMatchObject({ status: 'completed' });
  });

  test('while its next question is answered: neither waits', async () => {
    const agent = await started();
    const next = agent.ask(MAIN, second);
    const call = await provider.next();
    const memory = agent.ask(MEMORY, memories);
    await agent.answer('m', MEMORY, memories);
    expect((await agent.read(memory)).text).toBe('m');
    // The memories are asked for in two steps.
    const more = [...memories, assistant('m'), user('more?')];
    const step = agent.ask(MEMORY, more);
    await agent.answer('m2', MEMORY, more);
    expect((await agent.read(step)).text).toBe('m2');
    call.say('a2');
    call.end();
    expect((await agent.read(next)).text).toBe('a2');
    await goesOn(agent);
  });
});
