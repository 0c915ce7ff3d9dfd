import { Database } from 'bun:sqlite';
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  assistant,
  conversationIn,
  DIALECTS,
  type Dialect,
  FORMS,
  MAIN,
  PATHS,
  question,
  type Said,
  TITLE,
  textIn,
  user,
} from '../harness/dialects.ts';
import { type DictatedCall, type DictatedProvider, dictatedProvider } from '../harness/dictated.ts';
import { type TestGateway, temporaryDirectory, testGateway } from '../harness/gateway.ts';
import { json, sessionLog } from '../harness/journey.ts';
import type { Json } from '../simulators/provider/shape.ts';

setDefaultTimeout(20_000);

let provider: DictatedProvider;
let gateway: TestGateway;
let count = 0;
/** Answers with the number of the call: `answer 1`, `answer 2`… */
const automatic = (call: DictatedCall) => {
  received.push(call.received);
  call.say(`answer ${received.length}`);
  call.end();
};
let received: string[][] = [];

beforeAll(async () => {
  provider = dictatedProvider();
  gateway = await testGateway({ env: provider.env, dataDir: temporaryDirectory() });
});
afterAll(async () => {
  await gateway.stop();
  await provider.stop();
  rmSync(gateway.dataDir, { recursive: true });
});

interface Reply {
  text: string;
  history: string | null;
  /** What the provider received. */
  sent: string[];
  id: string | null;
}

/** A client of one session. */
function client(dialect: Dialect, naming: 'x-session-id' | 'session-id', other: Record<string, string> = {}) {
  const name = `lines-${++count}`;
  const post = (system: string | undefined, messages: Said[], headers: Record<string, string> = {}) => {
    const body = { model: 'groq/x', ...conversationIn(dialect, system, messages) };
    return gateway.post(PATHS[dialect], body, { [naming]: name, ...other, ...headers });
  };
  const read = async (response: Response | Promise<Response>): Promise<Omit<Reply, 'sent'>> => {
    const { headers } = await response;
    const body: Json = await json(response);
    return {
      text: textIn(dialect, body),
      history: headers.get('x-clawhold-history'),
      id: headers.get('x-clawhold-response-id'),
    };
  };
  return {
    name,
    post,
    read,
    log: () => sessionLog(gateway, name),
    async ask(
      system: string | undefined,
      messages: Said[],
      headers?: Record<string, string>,
    ): Promise<Reply> {
      provider.answerAutomatically(automatic);
      received = received.length > 1000 ? [] : received;
      const reply = await read(post(system, messages, headers));
      provider.answerAutomatically(undefined);
      return { ...reply, sent: received.at(-1)! };
    },
  };
}

/** How many lines the store remembers of a session. */
function storedLines(name: string): number {
  const database = new Database(join(gateway.dataDir, 'clawhold.db'), { readonly: true });
  const query = `SELECT count(*) AS n FROM lines JOIN sessions ON lines.session = sessions.id WHERE name = ?`;
  const { n } = database.query<{ n: number }, [string]>(query).get(name)!;
  database.close();
  return n;
}

function answer(call: DictatedCall, text: string): void {
  call.say(text);
  call.end();
}

describe.each(DIALECTS)('%s: an agent', (dialect) => {
  test('asks for a title after its first message: the title is aside', async () => {
    const agent = client(dialect, 'session-id');
    const first = await agent.ask(MAIN, [user('q')]);
    const title = await agent.ask(TITLE, [user('t')]);
    expect(title).toMatchObject({ history: 'side', sent: [`system: ${TITLE}`, 'user: t'] });
    const messages = [user('q'), assistant(first.text), user('q2')];
    const second = await agent.ask(MAIN, messages);
    expect(second).toMatchObject({ history: 'matched' });
    expect(second.sent).toEqual([`system: ${MAIN}`, 'user: q', `assistant: ${first.text}`, 'user: q2']);
    // The next title does not contain the first one.
    const next = await agent.ask(TITLE, [user('t2')]);
    expect(next).toMatchObject({ history: 'side', sent: [`system: ${TITLE}`, 'user: t2'] });
    expect((await agent.log()).filter((line) => !line.startsWith('system'))).toEqual([
      'user: q',
      `assistant: ${first.text}`,
      'user: q2',
      `assistant: ${second.text}`,
    ]);
  });

  test('asks for a title that is not kept: it is aside, and adds no line', async () => {
    const agent = client(dialect, 'session-id');
    const unkept = { 'x-clawhold-keep': 'false' };
    const first = await agent.ask(MAIN, [user('q')]);
    const log = await agent.log();
    const before = storedLines(agent.name);
    const title = await agent.ask(TITLE, [user('t')], unkept);
    expect(title).toMatchObject({ history: 'side', sent: [`system: ${TITLE}`, 'user: t'], id: null });
    const again = await agent.ask(`${MAIN} It is 10:01.`, [user('q2')], unkept);
    expect(again.sent.at(-2)).toBe(`assistant: ${first.text}`);
    expect(storedLines(agent.name)).toBe(before);
    expect(await agent.log()).toEqual(log);
    // The same where the session has a line of titles.
    await agent.ask(TITLE, [user('t2')]);
    const lines = storedLines(agent.name);
    expect(await agent.ask(TITLE, [user('t3')], unkept)).toMatchObject({
      history: 'side',
      sent: [`system: ${TITLE}`, 'user: t3'],
    });
    expect(storedLines(agent.name)).toBe(lines);
    expect(await agent.log()).toEqual(log);
  });

  test('asks for a title first: the line that is continued first is the main one', async () => {
    const agent = client(dialect, 'session-id');
    const title = await agent.ask(TITLE, [user('t')]);
    expect(title.history).toBe('started');
    const first = await agent.ask(MAIN, [user('q')]);
    expect(first).toMatchObject({ history: 'side', sent: [`system: ${MAIN}`, 'user: q'] });
    const messages = [user('q'), assistant(first.text), user('q2')];
    const second = await agent.ask(MAIN, messages);
    expect(second.sent).toEqual([`system: ${MAIN}`, 'user: q', `assistant: ${first.text}`, 'user: q2']);
    messages.push(assistant(second.text), user('q3'));
    const third = await agent.ask(MAIN, messages);
    expect(third).toMatchObject({ history: 'matched' });
    expect(await agent.ask(TITLE, [user('t2')])).toMatchObject({
      ...{ history: 'side', sent: [`system: ${TITLE}`, 'user: t2'] },
    });
    const log = (await agent.log()).filter((line) => !line.startsWith('system'));
    expect(log).toEqual([
      ...messages.map(({ role, content }) => `${role}: ${content}`),
      `assistant: ${third.text}`,
    ]);
  });

  test('asks for a title while the main turn runs: neither waits', async () => {
    const agent = client(dialect, 'session-id');
    const asked = agent.post(MAIN, [user('q')]);
    const main = await provider.next();
    const title = agent.post(TITLE, [user('q')]);
    const aside = await provider.next();
    expect(aside.received).toEqual([`system: ${TITLE}`, 'user: q']);
    answer(aside, 'A title');
    expect(await agent.read(title)).toMatchObject({ text: 'A title', history: 'side' });
    answer(main, 'a');
    expect(await agent.read(asked)).toMatchObject({ text: 'a', history: 'started' });
    const next = await agent.ask(MAIN, [user('q'), assistant('a'), user('q2')]);
    expect(next).toMatchObject({ history: 'matched' });
    expect(next.sent.filter((line) => line.startsWith('system'))).toEqual([`system: ${MAIN}`]);
    expect((await agent.log()).join()).not.toContain('title');
  });

  test('sends both at the same moment: they are told apart though neither is answered', async () => {
    const agent = client(dialect, 'session-id');
    const asked = [agent.post(MAIN, [user('q')]), agent.post(TITLE, [user('t')])];
    const calls = [await provider.next(), await provider.next()];
    expect(calls.map((call) => call.received.length)).toEqual([2, 2]);
    for (const call of calls) answer(call, 'a');
    const replies = await Promise.all(asked.map(agent.read));
    expect(replies.map(({ history }) => history).sort()).toEqual(['side', 'started']);
  });

  test('sends requests of the same side line in order', async () => {
    const agent = client(dialect, 'session-id', {});
    await agent.ask(MAIN, [user('q')]);
    const headers = { 'thread-id': 'child', 'x-openai-subagent': 'collab_spawn' };
    const asked = agent.post(MAIN, [user('s')], headers);
    const first = await provider.next();
    const before = provider.calls();
    const later = agent.post(MAIN, [user('s'), assistant('1'), user('s2')], headers);
    await Bun.sleep(100);
    expect(provider.calls()).toBe(before);
    answer(first, '1');
    await agent.read(asked);
    const second = await provider.next();
    expect(second.received).toEqual([`system: ${MAIN}`, 'user: s', 'assistant: 1', 'user: s2']);
    answer(second, '2');
    expect(await agent.read(later)).toMatchObject({ text: '2', history: 'side' });
  });

  test('has sub-agents with the same instructions: each has a line of its own', async () => {
    const agent = client(dialect, 'session-id');
    const first = await agent.ask(MAIN, [user('q')]);
    const children = ['a', 'b'].map((id) => ({ 'x-claude-code-agent-id': id }));
    const answers: string[] = [];
    for (const [index, child] of children.entries()) {
      const reply = await agent.ask(MAIN, [user(`task ${index}`)], child);
      expect(reply).toMatchObject({ history: 'side', sent: [`system: ${MAIN}`, `user: task ${index}`] });
      answers.push(reply.text);
    }
    for (const [index, child] of children.entries()) {
      const messages = [user(`task ${index}`), assistant(answers[index]!), user('go on')];
      const reply = await agent.ask(MAIN, messages, child);
      expect(reply.history).toBe('side');
      expect(reply.sent.slice(1)).toEqual(messages.map(({ role, content }) => `${role}: ${content}`));
    }
    const second = await agent.ask(MAIN, [user('q'), assistant(first.text), user('q2')]);
    expect(second.history).toBe('matched');
    expect((await agent.log()).join()).not.toContain('task');
  });

  test('compacts its conversation: the model receives the summary alone', async () => {
    const agent = client(dialect, 'session-id');
    const messages = [user('q')];
    for (const question of ['q2', 'q3']) {
      const { text } = await agent.ask(MAIN, messages);
      messages.push(assistant(text), user(question));
    }
    // The summary is asked for with other instructions and the whole history: it continues the conversation.
    const summary = await agent.ask('Summarise the conversation in a few words, please.', messages);
    expect(summary.history).toBe('matched');
    const compacted = await agent.ask(MAIN, [user('Summary: q.'), user('q4')]);
    expect(compacted.sent).toEqual([`system: ${MAIN}`, 'user: Summary: q.', 'user: q4']);
    expect(compacted.history).toBe('forked');
    const next = await agent.ask(MAIN, [
      ...[user('Summary: q.'), user('q4'), assistant(compacted.text), user('q5')],
    ]);
    expect(next).toMatchObject({ history: 'matched' });
    const log = await agent.log();
    expect(log.filter((line) => line.startsWith('user'))).toEqual([
      'user: Summary: q.',
      'user: q4',
      'user: q5',
    ]);
  });
});

describe.each(DIALECTS)('%s: a client that sends its full history', (dialect) => {
  const cases: [string, (turn: number) => string][] = [
    ['a billing line', (turn) => `x-anthropic-billing-header: cc_version=2.1; cch=${turn}a;\n${MAIN}`],
    ['the minute', (turn) => `It is 10:0${turn} now. ${MAIN}`],
    ['a persona', (turn) => `You are persona ${'abc'[turn]}, ${'abcdefgh '.repeat(turn + 1)}`],
  ];
  test.each(cases)('may change %s in every request', async (_, system) => {
    const { ask, log } = client(dialect, 'x-session-id');
    const messages: Said[] = [];
    for (let turn = 0; turn < 3; turn++) {
      messages.push(user(`q${turn}`));
      const reply = await ask(system(turn), messages);
      expect(reply.history).toBe(turn === 0 ? 'started' : 'matched');
      expect(reply.sent).toEqual([
        `system: ${system(turn)}`,
        ...messages.map(({ role, content }) => `${role}: ${content}`),
      ]);
      messages.push(assistant(reply.text));
    }
    expect((await log()).filter((line) => !line.startsWith('system'))).toHaveLength(6);
  });

  test('may leave its instructions out, and change the model', async () => {
    const { ask, post, read } = client(dialect, 'x-session-id');
    const first = await ask(MAIN, [user('q')]);
    const messages = [user('q'), assistant(first.text), user('q2')];
    const asked = post(undefined, messages);
    const call = await provider.next();
    answer(call, 'b');
    expect((await read(asked)).history).toBe('matched');
    // Messages of the system stay in the conversation; instructions in a field of their own are of one request.
    const isOfRequest = dialect === 'responses' || dialect === 'interactions';
    const system = isOfRequest ? [] : [`system: ${MAIN}`];
    expect(call.received).toEqual([...system, 'user: q', `assistant: ${first.text}`, 'user: q2']);
  });
});

describe.each(DIALECTS)('%s: a client that sends new messages', (dialect) => {
  test('is on the main line while its instructions are alike, and each prompt has the latest ones', async () => {
    const { ask } = client(dialect, 'x-session-id');
    for (let turn = 0; turn < 4; turn++) {
      const reply = await ask(`It is 10:0${turn} now. ${MAIN}`, [user(`q${turn}`)]);
      expect(reply.history).toBe(turn === 0 ? 'started' : 'appended');
      expect(reply.sent.filter((line) => line.startsWith('system'))).toEqual([
        `system: It is 10:0${turn} now. ${MAIN}`,
      ]);
      expect(reply.sent).toHaveLength(2 * turn + 2);
    }
  });

  test('continues from the head with another persona, which the main line does not see', async () => {
    const { ask, log } = client(dialect, 'x-session-id');
    await ask(MAIN, [user('q')]);
    const second = await ask(MAIN, [user('q2')]);
    const pirate = await ask('You are a pirate who sings.', [user('p')]);
    expect(pirate).toMatchObject({ history: 'side' });
    expect(pirate.sent).toEqual([
      'system: You are a pirate who sings.',
      ...['user: q', expect.any(String), 'user: q2', `assistant: ${second.text}`, 'user: p'],
    ]);
    const on = await ask('You are a pirate who sings.', [user('p2')]);
    expect(on.sent.slice(-3)).toEqual(['user: p', `assistant: ${pirate.text}`, 'user: p2']);
    const third = await ask(MAIN, [user('q3')]);
    expect(third.history).toBe('appended');
    expect(third.sent.slice(-2)).toEqual([`assistant: ${second.text}`, 'user: q3']);
    expect((await log()).join()).not.toContain('user: p');
    // Without instructions, a request is on the main line.
    const plain = await ask(undefined, [user('q4')]);
    expect(plain.sent.slice(-3)).toEqual(['user: q3', `assistant: ${third.text}`, 'user: q4']);
  });

  test('chooses its line with x-clawhold-branch', async () => {
    const { ask, log } = client(dialect, 'x-session-id');
    const first = await ask(MAIN, [user('q')]);
    const changed = await ask(TITLE, [user('q2')], { 'x-clawhold-branch': 'main' });
    expect(changed).toMatchObject({ history: 'appended' });
    expect(changed.sent).toEqual([`system: ${TITLE}`, 'user: q', `assistant: ${first.text}`, 'user: q2']);
    const aside = await ask(TITLE, [user('s')], { 'x-clawhold-branch': 'side' });
    expect(aside).toMatchObject({ history: 'side' });
    const again = await ask(TITLE, [user('s2')], { 'x-clawhold-branch': 'side' });
    expect(again.sent.slice(-3)).toEqual(['user: s', `assistant: ${aside.text}`, 'user: s2']);
    const plain = await ask(undefined, [user('n')], { 'x-clawhold-branch': 'side' });
    expect(plain.history).toBe('side');
    expect((await log()).join()).not.toMatch(/user: (s|n)/);
    const refused = await client(dialect, 'x-session-id').post(MAIN, [user('q')], {
      'x-clawhold-branch': 'up',
    });
    expect(refused.status).toBe(400);
  });
});

describe('requests that name what they continue', () => {
  test('never go aside, whatever their instructions', async () => {
    const { ask, name, read, log } = client('responses', 'x-session-id');
    const first = await ask(MAIN, [user('q')]);
    const post = (body: object) => gateway.post(PATHS.responses, { model: 'groq/x', ...body });
    const { id } = await json(gateway.fetch(`/v1/conversations/${name}`));
    for (const [index, state] of [{ conversation: id }, { conversation: id }].entries()) {
      const asked = post({ ...state, input: `c${index}`, instructions: `${index} ${TITLE}` });
      const call = await provider.next();
      answer(call, `r${index}`);
      expect(await read(asked)).toMatchObject({ history: 'appended' });
      expect(call.received.filter((line) => line.startsWith('system'))).toEqual([
        `system: ${index} ${TITLE}`,
      ]);
      expect(call.received.slice(-1)).toEqual([`user: c${index}`]);
    }
    const asked = post({ previous_response_id: first.id, input: 'p', instructions: TITLE });
    const call = await provider.next();
    answer(call, 'r');
    await read(asked);
    expect(call.received).toEqual([`system: ${TITLE}`, 'user: q', `assistant: ${first.text}`, 'user: p']);
    expect(await log()).toHaveLength(6);
  });
});

describe.each(DIALECTS)('%s: the last question', (dialect) => {
  const tools = [FORMS[dialect].tool({ name: 'f', parameters: { type: 'object' } })];
  const output = (call_id: string) => FORMS[dialect].output(call_id, 'sunny');

  async function asked(session: string, before: object[]): Promise<string[]> {
    const post = (messages: object[]) => {
      const body = conversationIn(dialect, undefined, messages);
      return gateway.post(PATHS[dialect], { model: 'groq/x', tools, ...body }, { 'x-session-id': session });
    };
    const first = post([...before, user('weather?')]);
    const call = await provider.next();
    call.callTool('f', '{}');
    call.end();
    const reply = await json(first);
    const [, id] = /"(?:call_id|id)":"(call_[^"]+)"/.exec(JSON.stringify(reply)) ?? [];
    const second = post([...before, user('weather?'), output(id!)]);
    const next = await provider.next();
    answer(next, 'It is sunny.');
    expect((await second).status).toBe(200);
    return next.received;
  }

  test('is stored once where it comes again with the output of a tool', async () => {
    const session = `repeated-${dialect}`;
    const received = await asked(session, []);
    expect(received).toEqual(['user: weather?', 'call f', 'output sunny']);
    expect((await sessionLog(gateway, session)).filter((line) => line.startsWith('user'))).toHaveLength(1);
  });

  test('is stored once at the end of a full history, too', async () => {
    const session = `repeated-history-${dialect}`;
    const body = { model: 'groq/x', ...question(dialect, 'hello') };
    const first = gateway.post(PATHS[dialect], body, { 'x-session-id': session });
    answer(await provider.next(), 'Hello.');
    await first;
    const received = await asked(session, [user('hello'), assistant('Hello.')]);
    expect(received).toEqual([
      ...['user: hello', 'assistant: Hello.', 'user: weather?', 'call f', 'output sunny'],
    ]);
    expect((await sessionLog(gateway, session)).filter((line) => line.startsWith('user'))).toHaveLength(2);
  });
});

test.each(['mcp_approval_response', 'compaction'])('a %s alone continues the conversation', async (type) => {
  const session = `alone-${type}`;
  const post = (input: object[]) =>
    gateway.post(PATHS.responses, { model: 'groq/x', input }, { 'x-session-id': session });
  const first = post([user('q')]);
  answer(await provider.next(), 'a');
  await first;
  const second = post([{ type, approval_request_id: 'mcpr_1', approve: true, encrypted_content: 'x' }]);
  const call = await provider.next();
  answer(call, 'b');
  expect((await second).headers.get('x-clawhold-history')).toBe('appended');
  // A provider that cannot read the item still has the whole conversation.
  expect(call.received.slice(0, 2)).toEqual(['user: q', 'assistant: a']);
});

test('long instructions are stored once, and each response has them', async () => {
  const { ask } = client('responses', 'x-session-id');
  const instructions = `${MAIN} ${'Be careful with the files of the user. '.repeat(100)}`;
  const ids: string[] = [];
  for (const text of ['q', 'q2', 'q3']) {
    const reply = await ask(instructions, [user(text)]);
    expect(reply.sent.filter((line) => line.startsWith('system'))).toHaveLength(1);
    ids.push(reply.id!);
  }
  for (const id of ids)
    expect(await json(gateway.fetch(`/v1/responses/${id}`))).toMatchObject({ instructions });
  // Blobs are kept by hash: the session has one.
  expect([...new Bun.Glob('blobs/**').scanSync(gateway.dataDir)]).toHaveLength(1);
});

test('lines survive a restart', async () => {
  const agent = client('chat', 'session-id');
  const first = await agent.ask(MAIN, [user('q')]);
  const child = { 'x-claude-code-agent-id': 'child' };
  const task = await agent.ask(MAIN, [user('task')], child);
  await gateway.stop();
  gateway = await testGateway({ env: provider.env, dataDir: gateway.dataDir });
  const next = await agent.ask(MAIN, [user('task'), assistant(task.text), user('go on')], child);
  expect(next).toMatchObject({ history: 'side' });
  expect(next.sent).toHaveLength(4);
  expect((await agent.ask(TITLE, [user('t')])).history).toBe('side');
  const second = await agent.ask(MAIN, [user('q'), assistant(first.text), user('q2')]);
  expect(second.history).toBe('matched');
});
