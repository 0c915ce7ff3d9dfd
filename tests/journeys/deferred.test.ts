import { describe, expect, setDefaultTimeout, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { branchOf, readLog, textsOn } from '../faults/recorded.ts';
import { breakableConnection } from '../harness/breakable-connection.ts';
import { DIALECTS, type Dialect, FORMS, idIn, PATHS, pathOf, question, textIn } from '../harness/dialects.ts';
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
import { fetchInForm } from '../harness/google-request.ts';
import { json, sdk } from '../harness/journey.ts';
import { readerOf } from '../harness/reading.ts';
import { expectRefusal } from '../harness/refusal.ts';
import { asText, type Json } from '../simulators/provider/shape.ts';

/** The error that the dictated provider reports for each of its failures. */
const SERVER_ERROR = { provider_error: { type: 'server_error' } };

/** A longer timeout: a deferred turn waits at least a second, and processes start slowly on a busy machine. */
setDefaultTimeout(20_000);

const DEFER = { 'x-clawhold-when-down': 'defer' };

let count = 0;
const unique = (what: string) => `${what}-${++count}`;

function bodyOf(dialect: Dialect, text: string, rest: object = {}): object {
  const model = 'groq/dictated';
  return { model, ...FORMS[dialect].stored, ...question(dialect, text), ...rest };
}

const textOf = textIn;

function answer(call: DictatedCall): void {
  call.say('one');
  call.say(' two');
  call.end();
}

/** Waits until a deferred turn can be fetched whole. */
const whole = async (gateway: TestGateway, url: string): Promise<Json> => {
  const reply = await eventually(
    `${url} is there`,
    async () => {
      const looked = await gateway.fetch(url);
      return { status: looked.status, body: await json(looked) };
    },
    ({ status, body }) => status !== 202 && body.status !== 'queued' && body.status !== 'in_progress',
  );
  expect(reply.status).toBe(200);
  return reply.body;
};

interface Setup {
  provider: DictatedProvider;
  gateway: TestGateway;
}

/**
 * A test with its own gateway and provider. Deferred turns wait at least a second, so the tests run at the same
 * time.
 */
function journey(
  name: string,
  settings: Omit<TestGatewayOptions, 'provider'>,
  run: (setup: Setup) => Promise<void>,
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

/** Sends a turn whose provider is down, so that it is deferred. */
async function deferred(
  { provider, gateway }: Setup,
  dialect: Dialect,
  body: object,
  headers: Record<string, string> = {},
) {
  const asked = gateway.post(PATHS[dialect], body, { ...DEFER, ...headers });
  (await provider.next()).refuse(503);
  const reply = await asked;
  expect(reply.status).toBe(202);
  return { reply, url: reply.headers.get('location') ?? '' };
}

describe('a turn that may be deferred', () => {
  journey('is answered as usual if the provider is available', {}, async (setup) => {
    const { provider, gateway } = setup;
    for (const dialect of DIALECTS) {
      const asked = gateway.post(PATHS[dialect], bodyOf(dialect, 'hello'), DEFER);
      answer(await provider.next());
      expect(textOf(dialect, await json(asked))).toBe('one two');
    }
  });

  journey(
    'is accepted with 202, found at its location, and answered when the provider is available again',
    {},
    async (setup) => {
      const { provider, gateway } = setup;
      const turns = [];
      for (const dialect of DIALECTS) {
        for (const stream of [false, true])
          turns.push({
            dialect,
            ...(await deferred(setup, dialect, bodyOf(dialect, unique('later'), { stream }))),
          });
      }
      for (const { dialect, reply, url } of turns) {
        const id = reply.headers.get('x-clawhold-response-id') ?? '';
        const named = idIn(dialect, id);
        expect(url).toBe(pathOf(dialect, id));
        expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0);
        const body = await json(reply);
        const { kind, names } = FORMS[dialect].accepted;
        expect(body).toMatchObject({
          ...{ [names.id]: named, status: 'queued', [names.model]: 'groq/dictated' },
          ...kind,
        });
        const again = await gateway.fetch(url);
        expect(again.status).toBe(FORMS[dialect].accepted.status);
        expect(await json(again)).toEqual(body);
      }
      const streams = await Promise.all(turns.map(({ url }) => gateway.fetch(`${url}?stream=true`)));
      const readers = streams.map(readerOf);
      // The order in which they are answered does not matter.
      for (const _ of turns) answer(await provider.next());
      for (const [at, { dialect, url }] of turns.entries()) {
        expect(textOf(dialect, await whole(gateway, url))).toBe('one two');
        const seen = await readers[at]!.rest();
        expect(seen).toContain(FORMS[dialect].end);
      }
    },
  );

  journey('tries every candidate again and again, and can be cancelled while it waits', {}, async (setup) => {
    const { provider, gateway } = setup;
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
    journey(`keeps its position in its session (${dialect})`, {}, async (setup) => {
      const { provider, gateway } = setup;
      const session = { 'x-session-id': unique('session') };
      const first = await deferred(setup, dialect, bodyOf(dialect, 'first'), session);
      const behind = gateway.post(PATHS[dialect], bodyOf(dialect, 'second'), session);
      const later = await provider.next();
      expect(later.received).toEqual(['user: first']);
      answer(later);
      const second = await provider.next();
      expect(second.received).toEqual(['user: first', 'assistant: one two', 'user: second']);
      answer(second);
      expect((await behind).status).toBe(200);
      expect(textOf(dialect, await whole(gateway, first.url))).toBe('one two');
    });

  journey('is one turn for one idempotency key', {}, async (setup) => {
    const { provider, gateway } = setup;
    const key = { 'idempotency-key': unique('key') };
    const { reply, url } = await deferred(setup, 'responses', bodyOf('responses', 'keyed'), key);
    const again = await gateway.post('/v1/responses', bodyOf('responses', 'keyed'), { ...DEFER, ...key });
    expect(again.status).toBe(202);
    expect(again.headers.get('x-clawhold-replayed')).toBe('true');
    expect(await json(again)).toEqual(await json(reply));
    answer(await provider.next());
    const done = await whole(gateway, url);
    const later = await gateway.post('/v1/responses', bodyOf('responses', 'keyed'), { ...DEFER, ...key });
    expect(await json(later)).toEqual(done);
  });

  journey('can run in the background', {}, async (setup) => {
    const { provider, gateway } = setup;
    const client = sdk(gateway.url);
    const asked = { model: 'groq/dictated', input: 'background', background: true };
    const begun = await client.responses.create(asked, { headers: DEFER });
    expect(begun.status).toBe('queued');
    (await provider.next()).refuse(503);
    const waiting = await eventually(
      'it is deferred',
      () => client.responses.retrieve(begun.id),
      ({ status }) => status === 'queued',
    );
    expect(waiting.id).toBe(begun.id);
    answer(await provider.next());
    const done = await whole(gateway, `/v1/responses/${begun.id}`);
    expect(done).toMatchObject({ id: begun.id, status: 'completed' });
  });

  for (const dialect of DIALECTS) {
    journey(
      `runs although its client has disconnected, also with on-disconnect cancel (${dialect})`,
      {},
      async (setup) => {
        const { provider, gateway } = setup;
        const connection = await breakableConnection(gateway.url);
        const asked = fetchInForm(connection.url, PATHS[dialect], {
          method: 'POST',
          body: JSON.stringify(bodyOf(dialect, 'left')),
          headers: { authorization: `Bearer ${ROOT_KEY}`, ...DEFER, 'x-clawhold-on-disconnect': 'cancel' },
        });
        (await provider.next()).refuse(503);
        const reply = await asked;
        await reply.text();
        await connection.stop();
        answer(await provider.next());
        expect(textOf(dialect, await whole(gateway, reply.headers.get('location') ?? ''))).toBe('one two');
      },
    );
  }

  journey('fails as usual if it is not stored', {}, async (setup) => {
    const { provider, gateway } = setup;
    for (const dialect of DIALECTS) {
      const asked = gateway.post(PATHS[dialect], bodyOf(dialect, 'passing', { store: false }), DEFER);
      (await provider.next()).refuse(503);
      await expectRefusal(asked, 503, { code: 'provider_overloaded', ...SERVER_ERROR });
    }
  });

  journey('fails at once for a permanent error', {}, async (setup) => {
    const { provider, gateway } = setup;
    const asked = gateway.post('/v1/responses', bodyOf('responses', 'wrong'), DEFER);
    (await provider.next()).refuse(400);
    await expectRefusal(asked, 400, { code: 'provider_rejected_request', ...SERVER_ERROR });
  });

  journey('is not deferred without the header, and unknown header values are refused', {}, async (setup) => {
    const { provider, gateway } = setup;
    const unasked: Record<string, string>[] = [{}, { 'x-clawhold-when-down': 'fail' }];
    for (const headers of unasked) {
      const asked = gateway.post('/v1/responses', bodyOf('responses', 'now'), headers);
      (await provider.next()).refuse(503);
      await expectRefusal(asked, 503, { code: 'provider_overloaded', ...SERVER_ERROR });
    }
    const refused = { code: 'invalid_request', param: 'x-clawhold-when-down' };
    const headers = { 'x-clawhold-when-down': 'later' };
    await expectRefusal(gateway.post('/v1/responses', bodyOf('responses', 'x'), headers), 400, refused);
  });
});

for (const dialect of DIALECTS)
  journey(
    `fails with the provider's error when its time is over (${dialect})`,
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
      const url = reply.headers.get('location') ?? '';
      if (dialect === 'interactions')
        expect(await json(gateway.fetch(url))).toMatchObject({
          status: 'failed',
          errors: [{ code: 'UNAVAILABLE', message: expect.stringContaining('overloaded') }],
        });
      else if (dialect !== 'responses')
        await expectRefusal(gateway.fetch(url), 503, { code: 'provider_overloaded', ...SERVER_ERROR });
    },
  );

journey(
  'a provider with Retry-After is not called earlier',
  { env: { CLAWHOLD_TURNS_DEFER_MS: '5000' } },
  async ({ provider, gateway }) => {
    const asked = gateway.post('/v1/responses', bodyOf('responses', 'limited'), DEFER);
    (await provider.next()).refuse(429, { 'retry-after': '60' });
    await expectRefusal(asked, 429, { code: 'rate_limited', ...SERVER_ERROR });
    expect(provider.calls()).toBe(1);
  },
);

const PATIENT = 'sk-claw-test-patient-0123456789';
const yaml = `keys:\n  - name: patient\n    key: ${PATIENT}\n    turns: { when_down: defer }\n`;

journey(
  'a key of the configuration can defer by default, unless a request says otherwise',
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
      await expectRefusal(hasty, 503, { code: 'provider_overloaded', ...SERVER_ERROR });
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
  const urls: Record<string, string> = {};
  for (const dialect of DIALECTS) {
    const headers = { ...DEFER, 'x-session-id': `${dialect}-survivor` };
    const asked = gateway.post(PATHS[dialect], bodyOf(dialect, 'first'), headers);
    (await provider.next()).refuse(503);
    urls[dialect] = (await asked).headers.get('location') ?? '';
  }
  await end(gateway);
  const successor = await spawnGateway(options);
  for (const dialect of DIALECTS) {
    const waiting = await successor.fetch(urls[dialect]!);
    expect(waiting.status).toBe(FORMS[dialect].accepted.status);
  }
  for (const _dialect of DIALECTS) (await provider.next()).refuse(503);
  for (const _dialect of DIALECTS) answer(await provider.next());
  for (const dialect of DIALECTS) {
    expect(textOf(dialect, await whole(successor, urls[dialect]!))).toBe('one two');
  }
  await successor.stop();
  for (const dialect of DIALECTS) {
    const branch = branchOf(await readLog(dataDir, (log) => log.named(`${dialect}-survivor`)));
    expect(textsOn(branch)).toEqual(['first', 'one two']);
  }
  await provider.stop();
  rmSync(dataDir, { recursive: true });
});
