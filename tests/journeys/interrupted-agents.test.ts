import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { rmSync } from 'node:fs';
import {
  assistant,
  conversationIn,
  DIALECTS,
  type Dialect,
  MAIN,
  PATHS,
  type Said,
  TITLE,
  textIn,
  user,
} from '../harness/dialects.ts';
import { type DictatedCall, type DictatedProvider, dictatedProvider } from '../harness/dictated.ts';
import { spawnGateway, type TestGateway, temporaryDirectory, testGateway } from '../harness/gateway.ts';
import { json, responseText, sessionLog } from '../harness/journey.ts';
import type { Json } from '../simulators/provider/shape.ts';

setDefaultTimeout(20_000);

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

interface Asked {
  reply: Promise<Response>;
  leave(): void;
}

/** A client of one session, which does not say `store: false`. */
function client(
  dialect: Dialect,
  { naming = 'session-id', name = `interrupted-${++count}`, of = gateway } = {},
) {
  const ask = (messages: Said[], stream = false, system = MAIN): Asked => {
    const body = { model: 'groq/x', ...conversationIn(dialect, system, messages), stream };
    const leaving = new AbortController();
    const reply = of.fetch(PATHS[dialect], {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', [naming]: name },
      signal: leaving.signal,
    });
    reply.catch(() => {});
    return { reply, leave: () => leaving.abort() };
  };
  const text = async ({ reply }: Asked): Promise<string> => {
    const body: Json = await json(reply);
    return textIn(dialect, body);
  };
  const log = async () => (await sessionLog(of, name)).filter((line) => !/^(system|developer): /.test(line));
  return { ask, text, log };
}

/** Asks for a stream, says its beginning, and leaves. The provider's call goes on. */
async function interrupted(
  agent: ReturnType<typeof client>,
  messages: Said[],
): Promise<{ call: DictatedCall; id: string }> {
  const asked = agent.ask(messages, true);
  const call = await provider.next();
  call.say('part');
  const response = await asked.reply;
  await response.body!.getReader().read();
  asked.leave();
  return { call, id: response.headers.get('x-clawhold-response-id')! };
}

function answer(call: DictatedCall, text: string): void {
  call.say(text);
  call.end();
}

/** That the provider gets no call for a while. */
async function expectNoCall(): Promise<void> {
  const before = provider.calls();
  await Bun.sleep(200);
  expect(provider.calls()).toBe(before);
}

describe.each(DIALECTS)('%s: an agent whose client disconnects in an answer', (dialect) => {
  test.each([
    ['keeps the part', [user('q'), assistant('part'), user('q2')]],
    ['keeps the question alone', [user('q'), user('q2')]],
    ['asks it again', [user('q')]],
  ])('and %s: its next request does not wait', async (_, messages) => {
    const agent = client(dialect);
    const { call } = await interrupted(agent, [user('q')]);
    const next = agent.ask(messages);
    await call.disconnected;
    const second = await provider.next();
    const lines = messages.map(({ role, content }) => `${role}: ${content}`);
    expect(second.received).toEqual([`system: ${MAIN}`, ...lines]);
    answer(second, 'a2');
    expect(await agent.text(next)).toBe('a2');
    expect(await agent.log()).toEqual([...lines, 'assistant: a2']);
  });

  test('in a later turn: its next request does not wait, and the answer so far is kept', async () => {
    const agent = client(dialect);
    const first = agent.ask([user('q')]);
    answer(await provider.next(), 'a');
    await agent.text(first);
    const history = [user('q'), assistant('a')];
    const { call, id } = await interrupted(agent, [...history, user('q2')]);
    const next = agent.ask([...history, user('q3')]);
    await call.disconnected;
    answer(await provider.next(), 'a3');
    expect(await agent.text(next)).toBe('a3');
    expect(await agent.log()).toEqual(['user: q', 'assistant: a', 'user: q3', 'assistant: a3']);
    const dropped = await json(gateway.fetch(`/v1/responses/${id}`));
    expect(dropped).toMatchObject({ status: 'cancelled' });
    expect(responseText(dropped)).toBe('part');
  });

  test('before the answer has begun, and again while it waits: only the last request is answered', async () => {
    const agent = client(dialect);
    const first = agent.ask([user('q')]);
    const call = await provider.next();
    const second = agent.ask([user('q'), user('q2')]);
    const third = agent.ask([user('q'), user('q2'), user('q3')]);
    await expectNoCall();
    // The gateway notices only now that the client has left.
    second.leave();
    first.leave();
    await call.disconnected;
    const last = await provider.next();
    expect(last.received).toEqual([`system: ${MAIN}`, 'user: q', 'user: q2', 'user: q3']);
    answer(last, 'a3');
    expect(await agent.text(third)).toBe('a3');
    expect(await agent.log()).toEqual(['user: q', 'user: q2', 'user: q3', 'assistant: a3']);
  });

  test('on a side line: the next request of the line does not wait', async () => {
    const agent = client(dialect);
    const first = agent.ask([user('q')]);
    answer(await provider.next(), 'a');
    await agent.text(first);
    const title = agent.ask([user('t')], false, TITLE);
    const call = await provider.next();
    const again = agent.ask([user('t')], false, TITLE);
    title.leave();
    await call.disconnected;
    answer(await provider.next(), 'A title');
    expect(await agent.text(again)).toBe('A title');
    expect(await agent.log()).toEqual(['user: q', 'assistant: a']);
  });

  test.each([
    ['keeps the part', [user('q'), assistant('part'), user('q2')]],
    ['keeps the question alone', [user('q'), user('q2')]],
  ])(
    'after its title, and %s: the conversation is the main line after the next answer',
    async (_, messages) => {
      const agent = client(dialect);
      const title = agent.ask([user('t')], false, TITLE);
      answer(await provider.next(), 'A title');
      await agent.text(title);
      const { call } = await interrupted(agent, [user('q')]);
      // No line has been continued yet, so the earliest is the main one.
      expect(await agent.log()).toEqual(['user: t', 'assistant: A title']);
      const next = agent.ask(messages);
      await call.disconnected;
      answer(await provider.next(), 'a2');
      await agent.text(next);
      const lines = messages.map(({ role, content }) => `${role}: ${content}`);
      expect(await agent.log()).toEqual([...lines, 'assistant: a2']);
      const last = agent.ask([...messages, assistant('a2'), user('q3')]);
      const call3 = await provider.next();
      expect(call3.received).toEqual([`system: ${MAIN}`, ...lines, 'assistant: a2', 'user: q3']);
      answer(call3, 'a3');
      expect(await agent.text(last)).toBe('a3');
      expect(await agent.log()).toEqual([...lines, 'assistant: a2', 'user: q3', 'assistant: a3']);
      // The next title is aside.
      const later = agent.ask([user('t2')], false, TITLE);
      answer(await provider.next(), 'Another title');
      await agent.text(later);
      expect((await agent.log()).at(-1)).toBe('assistant: a3');
    },
  );

  test('twice before the answer has begun: the title, asked again, does not become the main line', async () => {
    const agent = client(dialect);
    const first = agent.ask([user('q')]);
    const call = await provider.next();
    const title = agent.ask([user('t')], true, TITLE);
    const titleCall = await provider.next();
    titleCall.say('A ti');
    await (await title.reply).body!.getReader().read();
    title.leave();
    first.leave();
    const again = agent.ask([user('q')]);
    await call.disconnected;
    const second = await provider.next();
    const titleAgain = agent.ask([user('t')], false, TITLE);
    await titleCall.disconnected;
    answer(await provider.next(), 'A title');
    await agent.text(titleAgain);
    answer(second, 'a');
    expect(await agent.text(again)).toBe('a');
    expect(await agent.log()).toEqual(['user: q', 'assistant: a']);
  });

  test('and that sends only a new message: the message waits for the whole answer', async () => {
    const agent = client(dialect);
    const { call } = await interrupted(agent, [user('q')]);
    const next = agent.ask([user('q2')]);
    await expectNoCall();
    answer(call, ' of it');
    const second = await provider.next();
    expect(second.received.slice(1)).toEqual(['user: q', 'assistant: part of it', 'user: q2']);
    answer(second, 'a2');
    await agent.text(next);
  });
});

test.each(DIALECTS)(
  '%s: a turn of a gateway that died does not hold up the next request of an agent',
  async (dialect) => {
    const dataDir = temporaryDirectory();
    const options = { dataDir, env: provider.env };
    const died = await spawnGateway(options);
    const name = `died-${dialect}`;
    await interrupted(client(dialect, { name, of: died }), [user('q')]);
    await died.kill();
    const successor = await spawnGateway(options);
    const agent = client(dialect, { name, of: successor });
    const recovered = await provider.next();
    const next = agent.ask([user('q'), assistant('part'), user('q2')]);
    await recovered.disconnected;
    answer(await provider.next(), 'a2');
    expect(await agent.text(next)).toBe('a2');
    await successor.stop();
    rmSync(dataDir, { recursive: true });
  },
);

describe.each(DIALECTS)('%s: an answer runs on', (dialect) => {
  test('while its client is connected', async () => {
    const agent = client(dialect);
    const first = agent.ask([user('q')]);
    const call = await provider.next();
    const next = agent.ask([user('q'), user('q2')]);
    await expectNoCall();
    answer(call, 'a');
    expect(await agent.text(first)).toBe('a');
    answer(await provider.next(), 'a2');
    expect(await agent.text(next)).toBe('a2');
  });

  test('for clients that are no agents, also with their full history', async () => {
    const app = client(dialect, { naming: 'x-session-id' });
    const { call } = await interrupted(app, [user('q')]);
    const next = app.ask([user('q'), assistant('part'), user('q2')]);
    await expectNoCall();
    answer(call, ' of it');
    answer(await provider.next(), 'a2');
    expect(await app.text(next)).toBe('a2');
  });
});
