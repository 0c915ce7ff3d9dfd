import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { rmSync } from 'node:fs';
import type OpenAI from 'openai';
import { branchOf, readLog, textOf, textsOn } from '../faults/recorded.ts';
import { type DictatedCall, type DictatedProvider, dictatedProvider } from '../harness/dictated.ts';
import { eventually } from '../harness/eventually.ts';
import { spawnGateway, type TestGateway, temporaryDirectory, testGateway } from '../harness/gateway.ts';
import { json, sdk } from '../harness/journey.ts';
import { after, blocksOf, readerOf, withoutComments } from '../harness/reading.ts';
import { expectRefusal } from '../harness/refusal.ts';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';

/** A longer timeout, because processes start slowly on a busy machine. */
setDefaultTimeout(20_000);

let count = 0;
const unique = (what: string) => `${what}-${++count}`;

/** Submits a background response. */
function submit(gateway: TestGateway, text: string, rest: object = {}, headers: Record<string, string> = {}) {
  const body = { model: 'groq/dictated', input: text, background: true, ...rest };
  return gateway.post('/v1/responses', body, headers);
}

const fetched = (gateway: TestGateway, id: unknown): Promise<Json> =>
  json(gateway.fetch(`/v1/responses/${asText(id)}`));

const becomes = (gateway: TestGateway, id: unknown, status: string): Promise<Json> =>
  eventually(
    `${asText(id)} is ${status}`,
    () => fetched(gateway, id),
    (response) => response.status === status,
  );

const cancel = (gateway: TestGateway, id: unknown) => gateway.post(`/v1/responses/${asText(id)}/cancel`, {});

function answer(call: DictatedCall): void {
  call.say('one');
  call.say(' two');
  call.end();
}

describe('a background response', () => {
  let provider: DictatedProvider;
  let gateway: TestGateway;
  let client: OpenAI;
  beforeAll(async () => {
    provider = dictatedProvider();
    gateway = await testGateway({ env: provider.env });
    client = sdk(gateway.url);
  });
  afterAll(async () => {
    await gateway.stop();
    await provider.stop();
  });

  test('is queued, in progress and completed, as a polling client sees', async () => {
    const reply = await submit(gateway, 'poll');
    const begun = await json(reply);
    expect(reply.status).toBe(200);
    expect(begun).toMatchObject({ status: 'queued', background: true, output: [], completed_at: null });
    const call = await provider.next();
    const running = await becomes(gateway, begun.id, 'in_progress');
    expect(running).toEqual({ ...begun, status: 'in_progress' });
    call.say('one');
    expect((await fetched(gateway, begun.id)).status).toBe('in_progress');
    call.say(' two');
    call.end();
    const done = await becomes(gateway, begun.id, 'completed');
    expect(done).toMatchObject({ id: begun.id, background: true, usage: { total_tokens: 15 } });
    expect(asText(asJson(asList(asList(done.output)[0]?.content)[0]).text)).toBe('one two');
  });

  test("can be polled with the SDK, as in OpenAI's guide", async () => {
    const model = 'groq/dictated';
    const begun = await client.responses.create({ model, input: 'poll', background: true });
    expect(begun.status).toBe('queued');
    answer(await provider.next());
    const done = await eventually(
      'it is done',
      () => client.responses.retrieve(begun.id),
      ({ status }) => status !== 'queued' && status !== 'in_progress',
    );
    expect(done).toMatchObject({ id: begun.id, status: 'completed', output_text: 'one two' });
  });

  test('streams to an early reader and to a late reader', async () => {
    const reply = await submit(gateway, 'stream', { stream: true });
    const id = reply.headers.get('x-clawhold-response-id');
    const url = `/v1/responses/${id}?stream=true`;
    const reader = readerOf(reply);
    await reader.until('response.queued');
    const early = gateway.fetch(url);
    const call = await provider.next();
    call.say('one');
    await reader.until('one');
    const late = readerOf(await gateway.fetch(`${url}&starting_after=2`));
    call.say(' two');
    call.end();
    const live = await reader.rest();
    expect(blocksOf(live).map((block) => /^event: (.*)$/m.exec(block)?.[1])).toEqual([
      'response.created',
      'response.queued',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ]);
    expect(await (await early).text()).toBe(live);
    expect(withoutComments(await late.rest())).toBe(after(live, 2));
    expect(await (await gateway.fetch(url)).text()).toBe(live);
  });

  test('runs on when its reader disconnects, also with on-disconnect cancel', async () => {
    const headers = { 'x-clawhold-on-disconnect': 'cancel' };
    const reply = await submit(gateway, 'leave', { stream: true }, headers);
    const reader = readerOf(reply);
    const call = await provider.next();
    call.say('one');
    await reader.until('one');
    await reader.leave();
    call.say(' two');
    call.end();
    await becomes(gateway, reply.headers.get('x-clawhold-response-id'), 'completed');
  });

  test('can be cancelled while it runs, with its partial answer; a second cancel succeeds too', async () => {
    const { id } = await json(submit(gateway, 'cancel'));
    const call = await provider.next();
    call.say('one');
    const stream = readerOf(await gateway.fetch(`/v1/responses/${asText(id)}?stream=true`));
    await stream.until('one');
    const first = await json(cancel(gateway, id));
    await call.disconnected;
    expect(first).toMatchObject({ id, status: 'cancelled', output: [{ content: [{ text: 'one' }] }] });
    const again = await cancel(gateway, id);
    expect(again.status).toBe(200);
    expect(await json(again)).toEqual(first);
    expect(await fetched(gateway, id)).toEqual(first);
    expect(await stream.rest()).toContain('"status":"cancelled"');
  });

  test('cannot be cancelled when it is completed', async () => {
    const { id } = await json(submit(gateway, 'late'));
    answer(await provider.next());
    const done = await becomes(gateway, id, 'completed');
    await expectRefusal(cancel(gateway, id), 409, { code: 'not_cancellable' });
    expect(await fetched(gateway, id)).toEqual(done);
  });

  test('cannot be deleted before it has ended', async () => {
    const { id } = await json(submit(gateway, 'delete'));
    const path = `/v1/responses/${asText(id)}`;
    const call = await provider.next();
    await expectRefusal(gateway.fetch(path, { method: 'DELETE' }), 409, { code: 'response_running' });
    answer(call);
    await becomes(gateway, id, 'completed');
    expect((await gateway.fetch(path, { method: 'DELETE' })).status).toBe(200);
    await expectRefusal(gateway.fetch(path), 404, { code: 'response_not_found' });
  });

  test('must be stored', async () => {
    const refused = { code: 'invalid_request', param: 'background' };
    await expectRefusal(submit(gateway, 'x', { store: false }), 400, refused);
  });

  test('is refused at once if it cannot continue the named response', async () => {
    const missing = { previous_response_id: 'resp_missing' };
    const refused = { code: 'previous_response_not_found' };
    await expectRefusal(submit(gateway, 'x', missing), 400, refused);
    const conversation = { conversation: 'conv_missing' };
    await expectRefusal(submit(gateway, 'x', conversation), 404, { code: 'session_not_found' });
  });

  test('has its error when it fails', async () => {
    const { id } = await json(submit(gateway, 'fail'));
    (await provider.next()).refuse(400);
    const failed = await becomes(gateway, id, 'failed');
    expect(failed).toMatchObject({ error: { code: 'provider_rejected_request' }, output: [] });
  });

  test('waits for its busy session, shows that it waits, and keeps its position', async () => {
    const session = { 'x-session-id': unique('busy') };
    const body = (text: string) => ({ model: 'groq/dictated', input: text });
    const first = gateway.post('/v1/responses', body('first'), session);
    const holding = await provider.next();
    const { id } = await json(submit(gateway, 'second', {}, session));
    const third = gateway.post('/v1/responses', body('third'), session);
    expect(await fetched(gateway, id)).toMatchObject({ status: 'queued', output: [] });
    const items = await json(gateway.fetch(`/v1/responses/${asText(id)}/input_items`));
    expect(items.data).toMatchObject([{ role: 'user', content: [{ text: 'second' }] }]);
    await expectRefusal(gateway.fetch(`/v1/responses/${asText(id)}`, { method: 'DELETE' }), 409, {
      code: 'response_running',
    });
    holding.say('1');
    holding.end();
    const second = await provider.next();
    expect(second.received).toEqual(['user: first', 'assistant: 1', 'user: second']);
    second.say('2');
    second.end();
    const last = await provider.next();
    expect(last.received).toEqual([...second.received, 'assistant: 2', 'user: third']);
    last.say('3');
    last.end();
    expect([(await first).status, (await third).status]).toEqual([200, 200]);
    await becomes(gateway, id, 'completed');
  });

  test('can continue the response before it', async () => {
    const first = await json(submit(gateway, 'first'));
    answer(await provider.next());
    await becomes(gateway, first.id, 'completed');
    const chained = { previous_response_id: first.id };
    const second = await json(submit(gateway, 'second', chained));
    const next = await provider.next();
    expect(next.received).toEqual(['user: first', 'assistant: one two', 'user: second']);
    answer(next);
    expect(await becomes(gateway, second.id, 'completed')).toMatchObject(chained);
  });
});

describe('background responses', () => {
  const env = { CLAWHOLD_TURNS_BACKGROUND: '2', CLAWHOLD_LIMITS_BACKGROUND_QUEUE: '3' };
  let provider: DictatedProvider;
  let gateway: TestGateway;
  beforeAll(async () => {
    provider = dictatedProvider();
    gateway = await testGateway({ env: { ...provider.env, ...env } });
  });
  afterAll(async () => {
    await gateway.stop();
    await provider.stop();
  });

  async function submitted(texts: string[]): Promise<unknown[]> {
    const ids: unknown[] = [];
    for (const text of texts) ids.push((await json(submit(gateway, text))).id);
    return ids;
  }

  test('run a few at a time, in the order of their requests', async () => {
    const texts = ['a', 'b', 'c', 'd', 'e'];
    const ids = await submitted(texts);
    const running = [await provider.next(), await provider.next()];
    const received = running.flatMap((call) => call.received);
    for (const waiting of [3, 2, 1]) {
      const states = await Promise.all(ids.map(async (id) => (await fetched(gateway, id)).status));
      expect(states.filter((status) => status === 'queued')).toHaveLength(waiting);
      expect(states.filter((status) => status === 'in_progress')).toHaveLength(2);
      answer(running.shift()!);
      const next = await provider.next();
      received.push(...next.received);
      running.push(next);
    }
    running.forEach(answer);
    for (const id of ids) await becomes(gateway, id, 'completed');
    expect(received).toEqual(texts.map((text) => `user: ${text}`));
  });

  test('are refused when too many wait, and accepted again later', async () => {
    const ids = await submitted(['a', 'b', 'c', 'd', 'e']);
    const running = [await provider.next(), await provider.next()];
    const refused = await submit(gateway, 'f');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(refused.headers.get('x-should-retry')).toBe('true');
    await expectRefusal(refused, 429, { code: 'queue_full' });
    const key = { 'idempotency-key': unique('full') };
    await expectRefusal(submit(gateway, 'f', {}, key), 429, { code: 'queue_full' });
    provider.answerAutomatically(answer);
    running.forEach(answer);
    for (const id of ids) await becomes(gateway, id, 'completed');
    const taken = await submit(gateway, 'f', {}, key);
    expect(taken.status).toBe(200);
    expect(taken.headers.get('x-clawhold-replayed')).toBeNull();
    await becomes(gateway, (await json(taken)).id, 'completed');
    provider.answerAutomatically(undefined);
  });

  test('can be cancelled while they wait, and never call a provider', async () => {
    const ids = await submitted(['a', 'b', 'c']);
    const running = [await provider.next(), await provider.next()];
    const before = provider.calls();
    expect((await fetched(gateway, ids[2])).status).toBe('queued');
    const gone = await json(cancel(gateway, ids[2]));
    expect(gone).toMatchObject({ id: ids[2], status: 'cancelled', output: [], error: null });
    expect((await cancel(gateway, ids[2])).status).toBe(200);
    expect(await fetched(gateway, ids[2])).toEqual(gone);
    expect(provider.calls()).toBe(before);
    const [fourth] = await submitted(['d']);
    answer(running.shift()!);
    const next = await provider.next();
    expect(next.received).toEqual(['user: d']);
    for (const call of [...running, next]) answer(call);
    for (const id of [ids[0], ids[1], fourth]) await becomes(gateway, id, 'completed');
  });

  test('leave the session free when they are cancelled while they wait for it', async () => {
    const session = { 'x-session-id': unique('waiting') };
    const first = await json(submit(gateway, 'first', {}, session));
    const call = await provider.next();
    const second = await json(submit(gateway, 'second', {}, session));
    const third = await json(submit(gateway, 'third', {}, session));
    expect(await json(cancel(gateway, second.id))).toMatchObject({ status: 'cancelled' });
    answer(call);
    const last = await provider.next();
    expect(last.received).toEqual(['user: first', 'assistant: one two', 'user: third']);
    answer(last);
    for (const { id } of [first, third]) await becomes(gateway, id, 'completed');
  });
});

describe('background responses of a gateway that is', () => {
  const env = { CLAWHOLD_TURNS_BACKGROUND: '1', CLAWHOLD_SHUTDOWN_DRAIN_MS: '50' };
  const ways = [
    ['stopped', (gateway: TestGateway) => gateway.stop()],
    ['killed', (gateway: TestGateway) => (gateway as { kill?(): Promise<void> }).kill!()],
  ] as const;

  test.each(ways)('%s are run by its successor, in their order', async (_, end) => {
    const provider = dictatedProvider();
    const dataDir = temporaryDirectory();
    const options = { env: { ...provider.env, ...env }, dataDir };
    const gateway = await spawnGateway(options);
    const session = unique('successor');
    const headers = { 'x-session-id': session };
    const ids: unknown[] = [];
    for (const text of ['first', 'second', 'third'])
      ids.push((await json(submit(gateway, text, {}, headers))).id);
    const cut = await provider.next();
    const single = await json(submit(gateway, 'single'));
    cut.say('one');
    await readerOf(await gateway.fetch(`/v1/responses/${asText(ids[0])}?stream=true`)).until('one');
    await end(gateway);
    const successor = await spawnGateway(options);
    for (const id of ids) expect((await fetched(successor, id)).status).toMatch(/^(queued|in_progress)$/);
    const received: string[][] = [];
    for (let calls = 0; calls < 4; calls++) {
      const call = await provider.next();
      received.push(call.received);
      // The first turn continues where it was cut.
      call.say(call.received.includes('assistant: one') ? ' two' : 'one two');
      call.end();
    }
    for (const id of [...ids, single.id]) {
      const done = await becomes(successor, id, 'completed');
      expect(done).toMatchObject({ output: [{ content: [{ text: 'one two' }] }] });
    }
    expect(received.filter((lines) => lines.at(-1) === 'user: single')).toHaveLength(1);
    await successor.stop();
    const branch = branchOf(await readLog(dataDir, (log) => log.named(session)));
    expect(textsOn(branch)).toEqual(['first', 'one two', 'second', 'one two', 'third', 'one two']);
    expect(branch.map(({ output }) => textOf(output))).toEqual(['one two', 'one two', 'one two']);
    expect(branch.map(({ id }) => `resp_${id}`)).toEqual(ids.map(asText));
    await provider.stop();
    rmSync(dataDir, { recursive: true });
  });
});
