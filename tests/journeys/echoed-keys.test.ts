import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../harness/eventually.ts';
import { OTHER_KEY, ROOT_KEY, type SpawnedGateway, spawnGateway } from '../harness/gateway.ts';

/** A provider that repeats the keys of its requests in its errors. */

const KEY = 'sk-own-provider-0123456789abcdef';
const OTHER = 'sk-another-provider-0123456789';
const SECOND = 'sk-second-instance-0123456789';
const EVENTS = { 'content-type': 'text/event-stream' };
const PROTOCOLS = ['openai-chat', 'openai-responses', 'anthropic', 'gemini'] as const;

/** What a stream of each protocol reports a failure with. */
const FAILURE: Record<(typeof PROTOCOLS)[number], (message: string) => string> = {
  'openai-chat': (message) =>
    `data: ${JSON.stringify({ error: { message, code: `server_error ${KEY}` } })}\n\n`,
  'openai-responses': (message) =>
    `event: error\ndata: ${JSON.stringify({ type: 'error', code: 'server_error', message })}\n\n`,
  anthropic: (message) =>
    `event: error\ndata: ${JSON.stringify({ type: 'error', error: { type: 'api_error', message } })}\n\n`,
  gemini: (message) => `data: ${JSON.stringify({ error: { code: 500, status: 'INTERNAL', message } })}\n\n`,
};

const provider = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch(request) {
    const { headers, url } = request;
    const sent = ['authorization', 'x-api-key', 'x-goog-api-key'].map((name) => headers.get(name) ?? '');
    const message = `Refused: ${sent.join(' ')} and ${OTHER} and ${SECOND} and ${OTHER_KEY} and ${ROOT_KEY}`;
    const [, way, protocol] = new URL(url).pathname.split('/') as [string, string, keyof typeof FAILURE];
    if (way === 'stream') return new Response(FAILURE[protocol](message), { headers: EVENTS });
    if (way === 'text') return new Response(message, { status: 400 });
    if (way === 'malformed') return new Response(`data: {${message}\n\n`, { headers: EVENTS });
    const error = {
      message,
      type: 'invalid_request_error',
      code: 400,
      status: 'INVALID_ARGUMENT',
      param: `x.${KEY}`,
    };
    return Response.json({ type: 'error', error }, { status: 400 });
  },
});

const WAYS = ['json', 'text', 'stream', 'malformed'];
const claw = (way: string, protocol: string) => `  ${way}-${protocol}:
    protocol: ${protocol}
    base_url: ${provider.url.origin}/${way}/${protocol}
    instances: [{ api_key: ${KEY} }, { api_key: ${SECOND} }]
    models: [{ id: m }]
`;

let gateway: SpawnedGateway;
beforeAll(async () => {
  const claws = WAYS.flatMap((way) => PROTOCOLS.map((protocol) => claw(way, protocol)));
  gateway = await spawnGateway({
    env: { GROQ_API_KEY: OTHER, CLAWHOLD_LOG_LEVEL: 'debug' },
    yaml: `keys:\n  - { name: other, key: ${OTHER_KEY} }\nclaws:\n${claws.join('')}`,
  });
});
afterAll(async () => {
  await gateway.stop();
  await provider.stop(true);
});

const SECRETS = [KEY, OTHER, SECOND, OTHER_KEY, ROOT_KEY];
const secretsIn = (text: string) => SECRETS.filter((secret) => text.includes(secret.slice(0, 16)));

describe.each(WAYS)('a failure as %s', (way) => {
  test.each(PROTOCOLS)('of %s shows no key to the caller', async (protocol) => {
    const model = `${way}-${protocol}/m`;
    const chat = { model, stream: true, messages: [{ role: 'user', content: 'Hello' }] };
    const answers = [
      await (await gateway.post('/v1/chat/completions', chat)).text(),
      await (await gateway.post('/v1/responses', { model, stream: true, input: 'Hello' })).text(),
      await storedAnswer(model),
    ];
    for (const text of answers) {
      expect(secretsIn(text)).toEqual([]);
      // Not every protocol repeats text that it cannot read.
      if (way === 'json' || way === 'stream') expect(text).toContain('[redacted]');
    }
  });
});

/** The turn as it is stored. */
async function storedAnswer(model: string): Promise<string> {
  const accepted = await gateway.post('/v1/responses', { model, background: true, input: 'Hello' });
  const { id } = (await accepted.json()) as { id: string };
  const read = async () => (await gateway.fetch(`/v1/responses/${id}`)).text();
  return eventually('the turn has failed', read, (text) => text.includes('"status":"failed"'));
}

test('neither the log nor the data folder has a key', async () => {
  await Bun.sleep(500);
  expect(secretsIn(gateway.log())).toEqual([]);
  expect(gateway.log()).toContain('"code":"provider_');
  for (const entry of readdirSync(gateway.dataDir, { recursive: true, withFileTypes: true })) {
    if (entry.isFile())
      expect(secretsIn(readFileSync(join(entry.parentPath, entry.name), 'latin1'))).toEqual([]);
  }
});
