import { describe, expect, setDefaultTimeout, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { branchOf, readLog, textsOn } from '../faults/recorded.ts';
import { breakableConnection } from '../harness/breakable-connection.ts';
import { type DictatedCall, type DictatedProvider, dictatedProvider } from '../harness/dictated.ts';
import { eventually } from '../harness/eventually.ts';
import {
  ROOT_KEY,
  spawnGateway,
  type TestGateway,
  type TestGatewayOptions,
  temporaryDirectory,
  testGateway,
} from '../harness/gateway.ts';
import { completionText, json, responseText, sdk } from '../harness/journey.ts';
import { readerOf } from '../harness/reading.ts';
import { expectRefusal } from '../harness/refusal.ts';
import { asText, type Json } from '../simulators/provider/shape.ts';

/** Providers are asked again after a second, and processes are slow to start on a busy machine. */
setDefaultTimeout(20_000);

const DIALECTS = ['chat', 'responses'] as const;
type Dialect = (typeof DIALECTS)[number];
const PATHS = { responses: '/v1/responses', chat: '/v1/chat/completions' };
const DEFER = { 'x-clawhold-when-down': 'defer' };

let count = 0;
const unique = (what: string) => `${what}-${++count}`;

function bodyOf(dialect: Dialect, text: string, rest: object = {}): object {
  const model = 'groq/dictated';
  return dialect === 'chat'
    ? { model, messages: [{ role: 'user', content: text }], store: true, ...rest }
    : { model, input: text, ...rest };
}

const textOf = (dialect: Dialect, answer: Json) =>
  dialect === 'chat' ? completionText(answer) : responseText(answer);

function answer(call: DictatedCall): void {
  call.say('one');
  call.say(' two');
  call.end();
}

/** Waits until a deferred turn can be fetched whole. */
const whole = async (gateway: TestGateway, place: string): Promise<Json> => {
  const reply = await eventually(
    `${place} is there`,
    async () => {
      const looked = await gateway.fetch(place);
      return { status: looked.status, body: await json(looked) };
    },
    ({ status, body }) => status !== 202 && body.status !== 'queued' && body.status !== 'in_progress',
  );
  expect(reply.status).toBe(200);
  return reply.body;
};

interface Site {
  provider: DictatedProvider;
  gateway: TestGateway;
}

/** A test that has a site of its own: what is put off takes a second at least, so they run side by side. */
function journey(
  name: string,
  settings: Omit<TestGatewayOptions, 'provider'>,
  run: (site: Site) => Promise<void>,
) {
  test.concurrent(name, async () => {
    const provider = dictatedProvider();
    const env = { ...provider.env, ...settings.env };
    const gateway = await testGateway({ ...settings, env });
    try {
      await run({ provider, gateway });
    } finally {
      await gateway.stop();
      await provider.stop();
    }
  });
}

/** A turn that found its provider down. */
async function deferred(
  { provider, gateway }: Site,
  dialect: Dialect,
  body: object,
  headers: Record<string, string> = {},
) {
  const asked = gateway.post(PATHS[dialect], body, { ...DEFER, ...headers });
  (await provider.next()).refuse(503);
  const reply = await asked;
  expect(reply.status).toBe(202);
  return { reply, place: reply.headers.get('location') ?? '' };
}

describe('a turn that may be put off', () => {
  journey('is answered as usual where the provider is there', {}, async (site) => {
    const { provider, gateway } = site;
    for (const dialect of DIALECTS) {
      const asked = gateway.post(PATHS[dialect], bodyOf(dialect, 'hello'), DEFER);
      answer(await provider.next());
      expect(textOf(dialect, await json(asked))).toBe('one two');
    }
  });

  journey(
    'is taken with 202, found where it says, and answered when the provider is back',
    {},
    async (site) => {
      const { provider, gateway } = site;
      const turns = [];
      for (const dialect of DIALECTS) {
        for (const stream of [false, true])
          turns.push({
            dialect,
            ...(await deferred(site, dialect, bodyOf(dialect, unique('later'), { stream }))),
          });
      }
      for (const { dialect, reply, place } of turns) {
        const id = reply.headers.get('x-clawhold-response-id') ?? '';
        const named = dialect === 'chat' ? id.replace('resp_', 'chatcmpl-') : id;
        expect(place).toBe(`${PATHS[dialect]}/${named}`);
        expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0);
        const body = await json(reply);
        expect(body).toMatchObject({ id: named, status: 'queued', model: 'groq/dictated' });
        expect(body.object).toBe(dialect === 'chat' ? 'chat.completion.accepted' : 'response');
        const again = await gateway.fetch(place);
        expect(again.status).toBe(dialect === 'chat' ? 202 : 200);
        expect(await json(again)).toEqual(body);
      }
      const streams = await Promise.all(turns.map(({ place }) => gateway.fetch(`${place}?stream=true`)));
      const readers = streams.map(readerOf);
      // They come back in whatever order.
      for (const _ of turns) answer(await provider.next());
      for (const [at, { dialect, place }] of turns.entries()) {
        expect(textOf(dialect, await whole(gateway, place))).toBe('one two');
        const seen = await readers[at]!.rest();
        expect(seen).toContain(dialect === 'chat' ? '[DONE]' : 'response.completed');
      }
    },
  );

  journey('tries every candidate, again and again, and is cancelled while it waits', {}, async (site) => {
    const { provider, gateway } = site;
    const models = { model: ['groq/first', 'groq/second'] };
    const asked = gateway.post('/v1/responses', bodyOf('responses', 'both', models), DEFER);
    const tried: unknown[] = [];
    for (let call = 0; call < 2; call++) {
      const next = await provider.next();
      tried.push(next.body.model);
      next.refuse(503);
    }
    const reply = await asked;
    expect(reply.status).toBe(202);
    const later = await provider.next();
    tried.push(later.body.model);
    later.refuse(503);
    const second = await provider.next();
    tried.push(second.body.model);
    expect(tried).toEqual(['first', 'second', 'first', 'second']);
    const { id } = await json(reply);
    const cancelled = await json(gateway.post(`/v1/responses/${asText(id)}/cancel`, {}));
    expect(cancelled).toMatchObject({ id, status: 'cancelled', output: [] });
    await second.disconnected;
  });

  for (const dialect of DIALECTS)
    journey(`keeps its place in its session (${dialect})`, {}, async (site) => {
      const { provider, gateway } = site;
      const session = { 'x-session-id': unique('session') };
      const first = await deferred(site, dialect, bodyOf(dialect, 'first'), session);
      const behind = gateway.post(PATHS[dialect], bodyOf(dialect, 'second'), session);
      const later = await provider.next();
      expect(later.received).toEqual(['user: first']);
      answer(later);
      const second = await provider.next();
      expect(second.received).toEqual(['user: first', 'assistant: one two', 'user: second']);
      answer(second);
      expect((await behind).status).toBe(200);
      expect(textOf(dialect, await whole(gateway, first.place))).toBe('one two');
    });

  journey('is one turn for one key', {}, async (site) => {
    const { provider, gateway } = site;
    const key = { 'idempotency-key': unique('key') };
    const { reply, place } = await deferred(site, 'responses', bodyOf('responses', 'keyed'), key);
    const again = await gateway.post('/v1/responses', bodyOf('responses', 'keyed'), { ...DEFER, ...key });
    expect(again.status).toBe(202);
    expect(again.headers.get('x-clawhold-replayed')).toBe('true');
    expect(await json(again)).toEqual(await json(reply));
    answer(await provider.next());
    const done = await whole(gateway, place);
    const later = await gateway.post('/v1/responses', bodyOf('responses', 'keyed'), { ...DEFER, ...key });
    expect(await json(later)).toEqual(done);
  });

  journey('runs in the background like any other', {}, async (site) => {
    const { provider, gateway } = site;
    const client = sdk(gateway.url);
    const asked = { model: 'groq/dictated', input: 'background', background: true };
    const begun = await client.responses.create(asked, { headers: DEFER });
    expect(begun.status).toBe('queued');
    (await provider.next()).refuse(503);
    const waiting = await eventually(
      'it is put off',
      () => client.responses.retrieve(begun.id),
      ({ status }) => status === 'queued',
    );
    expect(waiting.id).toBe(begun.id);
    answer(await provider.next());
    const done = await whole(gateway, `/v1/responses/${begun.id}`);
    expect(done).toMatchObject({ id: begun.id, status: 'completed' });
  });

  for (const dialect of DIALECTS) {
    journey(`runs though its client has gone, also where leaving cancels (${dialect})`, {}, async (site) => {
      const { provider, gateway } = site;
      const line = await breakableConnection(gateway.url);
      const asked = fetch(line.url + PATHS[dialect], {
        method: 'POST',
        body: JSON.stringify(bodyOf(dialect, 'left')),
        headers: { authorization: `Bearer ${ROOT_KEY}`, ...DEFER, 'x-clawhold-on-disconnect': 'cancel' },
      });
      (await provider.next()).refuse(503);
      const reply = await asked;
      await reply.text();
      await line.stop();
      answer(await provider.next());
      expect(textOf(dialect, await whole(gateway, reply.headers.get('location') ?? ''))).toBe('one two');
    });
  }

  journey('that is kept nowhere fails as ever', {}, async (site) => {
    const { provider, gateway } = site;
    for (const dialect of DIALECTS) {
      const asked = gateway.post(PATHS[dialect], bodyOf(dialect, 'passing', { store: false }), DEFER);
      (await provider.next()).refuse(503);
      await expectRefusal(asked, 503, { code: 'provider_overloaded' });
    }
  });

  journey('fails at once of what will not pass', {}, async (site) => {
    const { provider, gateway } = site;
    const asked = gateway.post('/v1/responses', bodyOf('responses', 'wrong'), DEFER);
    (await provider.next()).refuse(400);
    await expectRefusal(asked, 400, { code: 'provider_rejected_request' });
  });

  journey('is not put off unasked, and other words are refused', {}, async (site) => {
    const { provider, gateway } = site;
    const unasked: Record<string, string>[] = [{}, { 'x-clawhold-when-down': 'fail' }];
    for (const headers of unasked) {
      const asked = gateway.post('/v1/responses', bodyOf('responses', 'now'), headers);
      (await provider.next()).refuse(503);
      await expectRefusal(asked, 503, { code: 'provider_overloaded' });
    }
    const refused = { code: 'invalid_request', param: 'x-clawhold-when-down' };
    const headers = { 'x-clawhold-when-down': 'later' };
    await expectRefusal(gateway.post('/v1/responses', bodyOf('responses', 'x'), headers), 400, refused);
  });
});

for (const dialect of DIALECTS)
  journey(
    `when its time is up, it fails with what the provider said (${dialect})`,
    { env: { CLAWHOLD_TURNS_DEFER_MS: '2900' } },
    async ({ provider, gateway }) => {
      const session = { 'x-session-id': unique('session') };
      const asked = gateway.post(PATHS[dialect], bodyOf(dialect, 'first'), { ...DEFER, ...session });
      (await provider.next()).refuse(503);
      const reply = await asked;
      expect(reply.status).toBe(202);
      const behind = gateway.post(PATHS[dialect], bodyOf(dialect, 'second'), session);
      (await provider.next()).refuse(503);
      const next = await provider.next();
      expect(next.received).toEqual(['user: second']);
      answer(next);
      expect((await behind).status).toBe(200);
      const id = reply.headers.get('x-clawhold-response-id') ?? '';
      const failed = await json(gateway.fetch(`/v1/responses/${id}`));
      expect(failed).toMatchObject({
        id,
        status: 'failed',
        error: { code: 'provider_overloaded' },
        output: [],
      });
      const place = reply.headers.get('location') ?? '';
      if (dialect === 'chat') await expectRefusal(gateway.fetch(place), 503, { code: 'provider_overloaded' });
    },
  );

journey(
  'a provider that says when to come back is not asked before',
  { env: { CLAWHOLD_TURNS_DEFER_MS: '5000' } },
  async ({ provider, gateway }) => {
    const asked = gateway.post('/v1/responses', bodyOf('responses', 'limited'), DEFER);
    (await provider.next()).refuse(429, { 'retry-after': '60' });
    await expectRefusal(asked, 429, { code: 'rate_limited' });
    expect(provider.calls()).toBe(1);
  },
);

const PATIENT = 'sk-claw-test-patient-0123456789';
const yaml = `keys:\n  - name: patient\n    key: ${PATIENT}\n    turns: { when_down: defer }\n`;

journey(
  'a key of the configuration puts its turns off, unless a request says otherwise',
  { yaml },
  async ({ provider, gateway }) => {
    const authorization = { authorization: `Bearer ${PATIENT}` };
    const ask = (headers: Record<string, string>) =>
      gateway.post('/v1/responses', bodyOf('responses', 'patient'), headers);
    const patient = ask(authorization);
    (await provider.next()).refuse(503);
    expect((await patient).status).toBe(202);
    const { id } = await json(patient);
    await gateway.post(`/v1/responses/${asText(id)}/cancel`, {});
    const others: Record<string, string>[] = [{ ...authorization, 'x-clawhold-when-down': 'fail' }, {}];
    for (const headers of others) {
      const hasty = ask(headers);
      (await provider.next()).refuse(503);
      await expectRefusal(hasty, 503, { code: 'provider_overloaded' });
    }
  },
);

const ways = [
  ['stopped', (gateway: TestGateway) => gateway.stop()],
  ['killed', (gateway: TestGateway) => (gateway as { kill?(): Promise<void> }).kill!()],
] as const;

test.concurrent.each(ways)('a gateway that is %s leaves deferred turns to its successor', async (_, end) => {
  const provider = dictatedProvider();
  const dataDir = temporaryDirectory();
  const options = { dataDir, env: { ...provider.env, CLAWHOLD_SHUTDOWN_DRAIN_MS: '50' } };
  const gateway = await spawnGateway(options);
  const places: Record<string, string> = {};
  for (const dialect of DIALECTS) {
    const headers = { ...DEFER, 'x-session-id': `${dialect}-survivor` };
    const asked = gateway.post(PATHS[dialect], bodyOf(dialect, 'first'), headers);
    (await provider.next()).refuse(503);
    places[dialect] = (await asked).headers.get('location') ?? '';
  }
  await end(gateway);
  const successor = await spawnGateway(options);
  for (const dialect of DIALECTS) {
    const waiting = await successor.fetch(places[dialect]!);
    expect(waiting.status).toBe(dialect === 'chat' ? 202 : 200);
  }
  for (const _dialect of DIALECTS) (await provider.next()).refuse(503);
  for (const _dialect of DIALECTS) answer(await provider.next());
  for (const dialect of DIALECTS) {
    expect(textOf(dialect, await whole(successor, places[dialect]!))).toBe('one two');
  }
  await successor.stop();
  for (const dialect of DIALECTS) {
    const branch = branchOf(await readLog(dataDir, (log) => log.named(`${dialect}-survivor`)));
    expect(textsOn(branch)).toEqual(['first', 'one two']);
  }
  await provider.stop();
  rmSync(dataDir, { recursive: true });
});
