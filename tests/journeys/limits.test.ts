import { afterEach, describe, expect, test } from 'bun:test';
import { DIALECTS, type Dialect, errorIn, FORMS, PATHS, question } from '../harness/dialects.ts';
import { eventually } from '../harness/eventually.ts';
import { OTHER_KEY, ROOT_KEY } from '../harness/gateway.ts';
import { type Journey, json, serverEvents, startJourney } from '../harness/journey.ts';
import { expectRefusal } from '../harness/refusal.ts';
import { SocketClient } from '../harness/socket.ts';
import { asJson, asList, type Json } from '../simulators/provider/shape.ts';

let journey: Journey;
afterEach(() => journey.end());

const OTHER = `keys: [{ name: other, key: ${OTHER_KEY}, tenant: other, limits: { requests_per_minute: 3 } }]`;

async function start(rateLimits: string): Promise<void> {
  journey = await startJourney({ yaml: `rate_limits: ${rateLimits}\n${OTHER}\n` });
}

const bodyIn = (dialect: Dialect, fields: Json = {}): Json => ({
  model: 'openai/say-2',
  ...question(dialect, 'Hi'),
  // Where turns are stored without a word, they outlive their client.
  ...(Object.keys(FORMS[dialect].stored).length === 0 && { store: false }),
  ...fields,
});

const ask = (dialect: Dialect, fields: Json = {}, headers: Record<string, string> = {}) =>
  journey.gateway.post(PATHS[dialect], bodyIn(dialect, fields), headers);

const KINDS = ['requests', 'tokens'] as const;

/** What the headers of limits say: limit, what is left, and when all is left again. */
function quotaOf(
  headers: Headers | Json,
  kind: (typeof KINDS)[number],
  dialect: Dialect = 'chat',
): (string | undefined)[] {
  const read = (name: string) =>
    headers instanceof Headers ? (headers.get(name) ?? undefined) : (headers[name] as string | undefined);
  return ['limit', 'remaining', 'reset'].map((part) => read(FORMS[dialect].quotaHeader(kind, part)));
}

/** Asks with a request that costs the least, and reads what is left of the tokens. */
async function tokensLeft(): Promise<number> {
  const reply = await ask('chat', { max_completion_tokens: 1, model: 'openai/say-1' });
  await reply.text();
  return Number(reply.headers.get('x-ratelimit-remaining-tokens'));
}

const SECONDS = FORMS.chat.reset;

describe.each(DIALECTS)('requests per minute on %s', (dialect) => {
  test.each([false, true])('are limited and told in headers (streamed: %p)', async (stream) => {
    await start('{ per_key: { requests_per_minute: 2 } }');
    for (const left of ['1', '0']) {
      const reply = await ask(dialect, { stream });
      expect(reply.status).toBe(200);
      expect(quotaOf(reply.headers, 'requests', dialect)).toEqual([
        '2',
        left,
        expect.stringMatching(FORMS[dialect].reset),
      ]);
      expect(quotaOf(reply.headers, 'tokens', dialect)).toEqual([undefined, undefined, undefined]);
      await reply.text();
    }
    const reply = await ask(dialect, { stream });
    const { headers } = reply;
    expect(Number(headers.get('retry-after'))).toBeWithin(55, 62);
    expect(headers.get('x-should-retry')).toBe('true');
    expect(quotaOf(headers, 'requests', dialect)).toEqual([
      '2',
      '0',
      expect.stringMatching(FORMS[dialect].reset),
    ]);
    await expectRefusal(reply, 429, {
      code: 'rate_limit_exceeded',
      message: /^The limit of the key "root" is reached: 2 of 2 requests per minute are used\. Send again/,
    });
    expect(journey.provider.requests).toHaveLength(2);
  });

  test('leave nothing behind where they are refused', async () => {
    await start('{ per_key: { requests_per_minute: 1 } }');
    await (await ask(dialect)).text();
    const headers = { 'x-clawhold-session-id': 'trip', 'idempotency-key': 'once' };
    expect((await ask(dialect, {}, headers)).status).toBe(429);
    expect((await journey.gateway.fetch('/v1/conversations/trip')).status).toBe(404);
    // The key is not used: another body may have it.
    const other = await ask(dialect, { metadata: { a: 'b' } }, headers);
    expect(errorIn(await json(other))).toMatchObject({ code: 'rate_limit_exceeded' });
  });

  test('are not counted for replays, for invalid requests and for requests that are no turns', async () => {
    await start('{ per_key: { requests_per_minute: 3 } }');
    const again = { 'idempotency-key': 'again' };
    const first = await ask(dialect, {}, again);
    const text = await first.text();
    for (let i = 0; i < 3; i++) {
      const replay = await ask(dialect, {}, again);
      expect(replay.headers.get('x-clawhold-replayed')).toBe('true');
      expect(quotaOf(replay.headers, 'requests')).toEqual([undefined, undefined, undefined]);
      expect(await replay.text()).toBe(text);
    }
    expect((await ask(dialect, { model: 'no-such-model' })).status).toBe(404);
    expect((await ask(dialect, FORMS[dialect].limit(-1))).status).toBe(400);
    expect((await ask(dialect, {}, { 'x-clawhold-session-id': 'conv_unknown' })).status).toBe(404);
    await journey.gateway.fetch('/v1/models');
    const next = await ask(dialect);
    expect(next.headers.get(FORMS[dialect].quotaHeader('requests', 'remaining'))).toBe('1');
  });

  test('count for each user of a tenant', async () => {
    await start('{ per_user: { requests_per_minute: 1 } }');
    const of = async (fields: Json, key = ROOT_KEY) => {
      const init = { authorization: `Bearer ${key}` };
      return (await ask(dialect, fields, init)).status;
    };
    expect(await of(FORMS[dialect].user('ann'))).toBe(200);
    expect(await of(FORMS[dialect].user('ann'))).toBe(429);
    expect(await of({ user: 'ann' })).toBe(429);
    expect(await of({ user: 'ben' })).toBe(200);
    expect(await of({ user: 'ben' })).toBe(429);
    expect(await of({ user: 'ann' }, OTHER_KEY)).toBe(200);
    expect(await of({})).toBe(200);
    expect(await of({})).toBe(200);
  });
});

describe('limits', () => {
  test('of a key, a model and the gateway hold together', async () => {
    await start(
      '{ global: { requests_per_minute: 5 }, per_model: { openai/say-1: { requests_per_minute: 1 } } }',
    );
    const asOther = { authorization: `Bearer ${OTHER_KEY}` };
    const status = async (model: string, headers = {}) => (await ask('chat', { model }, headers)).status;
    expect(await status('openai/say-1')).toBe(200);
    expect(await status('openai/say-1', asOther)).toBe(429);
    for (let i = 0; i < 3; i++) expect(await status('openai/say-2', asOther)).toBe(200);
    expect(await status('openai/say-2', asOther)).toBe(429);
    expect(await status('openai/say-2')).toBe(200);
    const refused = asJson((await json(ask('chat'))).error);
    expect(refused.message).toContain('The limit of this gateway is reached: 5 of 5 requests per minute');
  });

  test('are not in headers where none is configured', async () => {
    await start('{ per_model: { other: { requests_per_minute: 1 } } }');
    const reply = await ask('chat');
    expect([...reply.headers.keys()].filter((name) => name.startsWith('x-ratelimit'))).toEqual([]);
  });

  test('are not in the headers of a turn that is fetched', async () => {
    await start('{ per_key: { requests_per_minute: 9 } }');
    const reply = await ask('responses', { store: true, background: true });
    expect(reply.headers.get('x-ratelimit-remaining-requests')).toBe('8');
    const { id } = await json(reply);
    const fetched = await journey.gateway.fetch(`/v1/responses/${id}?stream=true`);
    expect(fetched.headers.get('x-ratelimit-remaining-requests')).toBeNull();
    await fetched.text();
  });

  test('are never passed by 64 callers at the same time', async () => {
    await start('{ global: { requests_per_minute: 20 } }');
    const replies = await Promise.all(
      Array.from({ length: 64 }, (_, index) => ask(index % 2 ? 'chat' : 'responses')),
    );
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(20);
    expect(replies.filter(({ status }) => status === 429)).toHaveLength(44);
    expect(journey.provider.requests).toHaveLength(20);
  });
});

describe.each(DIALECTS)('tokens per minute on %s', (dialect) => {
  const most = (tokens: number): Json => FORMS[dialect].limit(tokens);

  test('are held from an estimate and settled after the answer', async () => {
    await start('{ global: { tokens_per_minute: 10000 } }');
    const before = await tokensLeft();
    const reply = await ask(dialect, { stream: true, ...most(4_000), model: 'openai/say-2+delay-300' });
    const held = Number(reply.headers.get(FORMS[dialect].quotaHeader('tokens', 'remaining')));
    expect(before - held).toBeGreaterThan(4_000);
    expect(quotaOf(reply.headers, 'tokens', dialect)).toEqual([
      '10000',
      String(held),
      expect.stringMatching(FORMS[dialect].reset),
    ]);
    await reply.text();
    expect(await tokensLeft()).toBeGreaterThan(before - 200);
  });

  test('that are used beyond the estimate count, too', async () => {
    await start('{ global: { tokens_per_minute: 2000 } }');
    const whole = await json(ask(dialect, { model: 'openai/say-1500' }));
    const total = FORMS[dialect].tokens(whole);
    expect(total).toBeGreaterThan(1_000);
    const reply = await ask(dialect, { model: 'openai/say-1', ...most(16) });
    if (total < 1_900)
      expect(Number(reply.headers.get(FORMS[dialect].quotaHeader('tokens', 'remaining')))).toBeLessThan(
        1_000,
      );
    else expect(reply.status).toBe(429);
  });

  test('count with the history of the session', async () => {
    await start('{ global: { tokens_per_minute: 100000 } }');
    const session = { 'x-clawhold-session-id': 'long' };
    const long = 'many words '.repeat(2_000);
    const first = question(dialect, long);
    await (await ask(dialect, { ...first, store: true }, session)).text();
    const before = await tokensLeft();
    const second = question(dialect, 'And?');
    const running = await ask(
      dialect,
      { ...second, store: true, stream: true, model: 'openai/say-3+pace-200' },
      session,
    );
    expect(before - (await tokensLeft())).toBeGreaterThan(3_000);
    await running.text();
    expect(before - (await tokensLeft())).toBeGreaterThan(3_000);
  });

  test('of a turn that failed are given back', async () => {
    await start('{ global: { tokens_per_minute: 10000 } }');
    const before = await tokensLeft();
    const reply = await ask(dialect, { ...most(5_000), model: 'openai/status-400' });
    expect(reply.status).toBe(400);
    expect(reply.headers.get(FORMS[dialect].quotaHeader('tokens', 'limit'))).toBe('10000');
    expect(await tokensLeft()).toBeGreaterThan(before - 100);
  });

  test('refuse a request that is larger than a whole minute allows', async () => {
    await start('{ global: { tokens_per_minute: 1000 } }');
    const reply = await ask(dialect, most(2_000));
    expect(reply.headers.get('x-should-retry')).toBe('false');
    expect(reply.headers.get('retry-after')).toBeNull();
    await expectRefusal(reply, 429, { code: 'request_over_limit', message: /1000 tokens per minute/ });
  });
});

test('tokens of 64 callers at the same time do not pass the limit', async () => {
  const LIMIT = 4_000;
  await start(`{ global: { tokens_per_minute: ${LIMIT} } }`);
  let used = 0;
  let refused = 0;
  const call = async (dialect: Dialect) => {
    const reply = await ask(dialect, { model: 'openai/say-30' });
    if (reply.status === 429) refused++;
    else used += FORMS[dialect].tokens(await json(reply));
  };
  const caller = async (_: unknown, index: number) => {
    for (let times = 0; times < 5; times++) await call(DIALECTS[index % DIALECTS.length]!);
  };
  await Promise.all(Array.from({ length: 64 }, caller));
  expect(refused).toBeGreaterThan(64);
  expect(used).toBeGreaterThan(200);
  // Every answer is shorter than the 500 tokens of its estimate.
  expect(used).toBeLessThanOrEqual(LIMIT);
});

describe.each(DIALECTS)('streams at the same time on %s', (dialect) => {
  const SLOW = { stream: true, model: 'openai/say-50+pace-100' };

  test('are limited until the client leaves', async () => {
    await start('{ per_key: { streams: 1 } }');
    const leaving = new AbortController();
    const running = await journey.gateway.fetch(PATHS[dialect], {
      method: 'POST',
      body: JSON.stringify(bodyIn(dialect, SLOW)),
      signal: leaving.signal,
    });
    const reader = running.body!.getReader();
    await reader.read();
    const refused = await ask(dialect, SLOW);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    await expectRefusal(refused, 429, {
      code: 'rate_limit_exceeded',
      message: /^The limit of the key "root" is reached: 1 of 1 streams at a time are used/,
    });
    expect((await ask(dialect)).status).toBe(200);
    leaving.abort();
    await eventually(
      'the stream is free',
      async () => {
        const reply = await ask(dialect, { stream: true });
        await reply.text();
        return reply.status;
      },
      (status) => status === 200,
    );
  });

  test('are free after their end, however they end', async () => {
    await start('{ per_key: { streams: 1 } }');
    for (const model of ['say-3', 'cut-1', 'status-400', 'error-1', 'reset', 'say-3', 'filter']) {
      const reply = await ask(dialect, { stream: true, model: `openai/${model}` });
      expect({ model, isLimited: reply.status === 429 }).toEqual({ model, isLimited: false });
      await reply.text();
    }
  });
});

describe('on a WebSocket', () => {
  test('limits refuse a response, and tell what is left', async () => {
    await start('{ per_key: { requests_per_minute: 1, tokens_per_minute: 5000, streams: 3 } }');
    const socket = await SocketClient.open(journey.gateway);
    socket.create(bodyIn('responses'));
    const { headers } = await socket.until('clawhold:response.headers');
    expect(quotaOf(asJson(headers), 'requests')).toEqual(['1', '0', expect.stringMatching(SECONDS)]);
    expect(quotaOf(asJson(headers), 'tokens')).toEqual([
      '5000',
      expect.stringMatching(/^4\d\d\d$/),
      expect.stringMatching(SECONDS),
    ]);
    await socket.until('response.completed');
    socket.create(bodyIn('responses'));
    const refused = await socket.next();
    expect(refused).toMatchObject({
      type: 'error',
      status: 429,
      error: { code: 'rate_limit_exceeded', type: 'rate_limit_error' },
    });
    expect(asJson(refused.headers)).toMatchObject({ 'retry-after': expect.any(String) });
    expect(quotaOf(asJson(refused.headers), 'requests')[1]).toBe('0');
    socket.close();
  });
});

test('a refused stream is an error in the form of its dialect, not a stream', async () => {
  await start('{ per_key: { requests_per_minute: 1 } }');
  const { events } = serverEvents(await (await ask('responses', { stream: true })).text());
  expect(asList(events).length).toBeGreaterThan(2);
  const refused = await journey.client.chat.completions
    .create({ model: 'openai/say-1', stream: true, messages: [{ role: 'user', content: 'Hi' }] })
    .then(
      () => undefined,
      (error: unknown) => error,
    );
  expect(refused).toMatchObject({ status: 429, code: 'rate_limit_exceeded', type: 'rate_limit_error' });
});
