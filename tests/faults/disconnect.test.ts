import { afterAll, describe, expect, test } from 'bun:test';
import { type TestGateway, testGateway } from '../harness/gateway.ts';
import { startProvider } from '../simulators/provider/provider.ts';
import { context, until } from './upstream.ts';

const provider = startProvider();
const gateway = await testGateway({ provider: provider.url });
afterAll(() => provider.stop());

const DIALECTS = ['chat', 'responses'] as const;
type Dialect = (typeof DIALECTS)[number];

let count = 0;
const unique = (what: string) => `${what}-${++count}`;

interface Question {
  dialect: Dialect;
  text: string;
  /** The behaviour of the model; see the simulator's README. */
  behaviour: string;
  stream: boolean;
  /** Absent for a request that is not stored. */
  session?: string;
}

function ask(to: TestGateway, { dialect, text, behaviour, stream, session }: Question, signal?: AbortSignal) {
  const model = `groq/${behaviour}`;
  const chat = { model, stream, messages: [{ role: 'user', content: text }] };
  const responses = { model, stream, input: text, store: session !== undefined };
  return to.fetch(dialect === 'chat' ? '/v1/chat/completions' : '/v1/responses', {
    method: 'POST',
    body: JSON.stringify(dialect === 'chat' ? chat : responses),
    headers: { 'content-type': 'application/json', ...(session && { 'x-session-id': session }) },
    signal,
  });
}

/** The provider's request whose last text is `text`. */
const sent = (text: string) => provider.requests.find((request) => context(request).at(-1) === text);

/** Asks, and disconnects when the provider has the request and, for a stream, `seen` has been read. */
async function askAndDisconnect(question: Question, seen?: string): Promise<void> {
  const leaving = new AbortController();
  const reply = ask(gateway, question, leaving.signal);
  reply.catch(() => {});
  await until('the provider is asked', () => sent(question.text) !== undefined);
  if (seen !== undefined) {
    let text = '';
    for await (const chunk of (await reply).body!) {
      text += new TextDecoder().decode(chunk);
      if (text.includes(seen)) break;
    }
  }
  // The gateway must notice the disconnect even after the garbage collector has removed unreferenced objects.
  Bun.gc(true);
  leaving.abort();
  await reply.then(
    (response) => response.text().catch(() => {}),
    () => {},
  );
}

/** The conversation that the provider receives for the next turn of the session. */
async function nextContext(session: string): Promise<string[]> {
  const text = unique('next');
  const reply = await ask(gateway, { dialect: 'chat', text, behaviour: 'echo', stream: false, session });
  expect(reply.status).toBe(200);
  return context(sent(text)!).slice(0, -1);
}

const WORDS = 'one two three four five six seven eight nine ten eleven twelve';

describe.each(DIALECTS)('%s: a client that disconnects', (dialect) => {
  test('in the middle of a stream: its session has the whole answer', async () => {
    const session = unique('kept');
    const text = `${session} ${WORDS}`;
    await askAndDisconnect({ dialect, text, behaviour: 'echo+pace-5', stream: true, session }, 'three');
    expect(await nextContext(session)).toEqual([text, `You said: ${text}`]);
    expect(sent(text)!.aborted).toBe(false);
  });

  test('before the first delta: its session has the whole answer', async () => {
    const session = unique('kept');
    const text = `${session} ${WORDS}`;
    await askAndDisconnect({ dialect, text, behaviour: 'echo+delay-50', stream: true, session });
    expect(await nextContext(session)).toEqual([text, `You said: ${text}`]);
  });

  test('before its JSON answer: its session has the whole answer', async () => {
    const session = unique('kept');
    const text = `${session} ${WORDS}`;
    await askAndDisconnect({ dialect, text, behaviour: 'echo+delay-50', stream: false, session });
    expect(await nextContext(session)).toEqual([text, `You said: ${text}`]);
  });

  test.each([
    ['in mid-stream', { behaviour: 'echo+stall-6', stream: true }, 'three'],
    ['between deltas that keep coming', { behaviour: 'echo+pace-10', stream: true }, 'three'],
    ['before the first delta', { behaviour: 'silent', stream: true }, undefined],
    ['before its JSON answer', { behaviour: 'silent', stream: false }, undefined],
  ])('%s and stores nothing: the gateway disconnects from the provider', async (_when, how, seen) => {
    const text = `${unique('stateless')} ${WORDS} ${WORDS} ${WORDS}`;
    await askAndDisconnect({ dialect, text, ...how }, seen);
    await until('the gateway disconnects from the provider', () => sent(text)!.aborted, 2_000);
  });

  test('while it waits for its session: the next waiting turns are served', async () => {
    const session = unique('queue');
    const text = `${session} ${WORDS}`;
    const first = ask(gateway, { dialect, text, behaviour: 'echo+pace-5', stream: true, session });
    await until('the first turn is running', () => sent(text) !== undefined);
    const leaving = new AbortController();
    const waiting = { dialect, text: unique('waiting'), behaviour: 'echo', stream: true, session };
    const second = ask(gateway, waiting, leaving.signal);
    leaving.abort();
    await expect(second).rejects.toThrow();
    expect((await nextContext(session)).slice(0, 2)).toEqual([text, `You said: ${text}`]);
    await (await first).text();
  });
});

describe('cancel', () => {
  const askStalled = async (question: Question) => {
    const reply = await ask(gateway, question);
    const id = reply.headers.get('x-clawhold-response-id')!;
    const reader = reply.body!.getReader();
    let text = '';
    const read = async () => {
      const { done, value } = await reader.read();
      text += new TextDecoder().decode(value);
      return !done;
    };
    while (!text.includes('three')) if (!(await read())) throw new Error(`the stream ended early: ${text}`);
    const rest = async () => {
      while (await read());
      return text;
    };
    return { id, rest };
  };
  const cancel = (id: string) => gateway.post(`/v1/responses/${id}/cancel`, {});

  test.each(DIALECTS)('%s: disconnects from the provider and keeps the partial answer', async (dialect) => {
    const session = unique('cancelled');
    const text = `${session} ${WORDS}`;
    const { id, rest } = await askStalled({
      dialect,
      text,
      behaviour: 'echo+stall-6',
      stream: true,
      session,
    });
    const reply = await cancel(id);
    expect(reply.status).toBe(200);
    expect(await reply.json()).toMatchObject({ id, status: 'cancelled' });
    await until('the gateway disconnects from the provider', () => sent(text)!.aborted, 2_000);
    const partial = `You said: ${session} one two three`;
    const stored = (await (await gateway.fetch(`/v1/responses/${id}`)).json()) as Record<string, unknown>;
    expect(stored).toMatchObject({ status: 'cancelled', output: [{ content: [{ text: partial }] }] });
    expect(await nextContext(session)).toEqual([text, partial]);
    await rest();
  });

  test('ends the streams of all readers', async () => {
    const question = { dialect: 'responses' as const, behaviour: 'echo+stall-6', stream: true };
    const { id, rest } = await askStalled({
      ...question,
      text: `${unique('read')} ${WORDS}`,
      session: unique('s'),
    });
    await cancel(id);
    expect(await rest()).toMatch(/event: response\.(incomplete|cancelled)\n.*"status":"cancelled"/);
  });

  test('stops a call that has not been answered yet', async () => {
    const text = unique('silent');
    const body = { model: 'groq/silent', input: text, background: true };
    const { id } = (await (await gateway.post('/v1/responses', body)).json()) as { id: string };
    await until('the provider is asked', () => sent(text) !== undefined);
    expect(await (await cancel(id)).json()).toMatchObject({ id, status: 'cancelled', output: [] });
    await until('the gateway disconnects from the provider', () => sent(text)!.aborted, 2_000);
  });

  test('twice succeeds; cancelling a completed response is an error', async () => {
    const question = { dialect: 'responses' as const, stream: true, session: unique('twice') };
    const { id, rest } = await askStalled({ ...question, behaviour: 'echo+stall-6', text: WORDS });
    await cancel(id);
    expect((await cancel(id)).status).toBe(200);
    await rest();
    const whole = await ask(gateway, { ...question, behaviour: 'echo', text: unique('whole') });
    await whole.text();
    expect((await cancel(whole.headers.get('x-clawhold-response-id')!)).status).toBe(409);
  });
});

test('after these tests no turn is running: the gateway stops without waiting', async () => {
  const startedAt = performance.now();
  await gateway.stop();
  expect(performance.now() - startedAt).toBeLessThan(5_000);
}, 40_000);
