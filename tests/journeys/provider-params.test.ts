import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type Journey, json, serverEvents, startJourney } from '../harness/journey.ts';
import { SocketClient } from '../harness/socket.ts';
import { asJson } from '../simulators/provider/shape.ts';

/** The parameter that a provider refuses: as the provider names it, and as the caller names it. */

let journey: Journey;
beforeAll(async () => {
  journey = await startJourney();
});
afterAll(() => journey.end());

const REFUSED = {
  openai: { code: 'unsupported_value', type: 'invalid_request_error', param: 'temperature' },
  groq: { code: 'unsupported_value', type: 'invalid_request_error', param: 'temperature' },
  anthropic: { type: 'invalid_request_error', param: 'temperature' },
  gemini: { type: 'INVALID_ARGUMENT', param: 'generation_config.temperature' },
} as const;
const PROVIDERS = Object.keys(REFUSED) as (keyof typeof REFUSED)[];
const body = (provider: string) => ({ model: `${provider}/rigid`, temperature: 0.5 });
const error = (provider: keyof typeof REFUSED) => ({
  message: expect.stringContaining('emperature') as string,
  type: 'invalid_request_error',
  param: 'temperature',
  code: 'provider_rejected_request',
  provider_error: expect.objectContaining({ ...REFUSED[provider], status: 400 }) as object,
  attempts: [expect.objectContaining({ code: 'provider_rejected_request', status: 400 })],
});

describe.each(PROVIDERS)('a parameter that %s refuses is named', (provider) => {
  test('in JSON errors of both dialects', async () => {
    const { gateway } = journey;
    for (const stream of [false, true]) {
      const chat = { ...body(provider), stream, messages: [{ role: 'user', content: 'Hi' }] };
      const asked = await gateway.post('/v1/chat/completions', chat);
      expect([asked.status, (await json(asked)).error]).toEqual([400, error(provider)]);
      const other = await gateway.post('/v1/responses', { ...body(provider), stream, input: 'Hi' });
      expect([other.status, (await json(other)).error]).toEqual([400, error(provider)]);
    }
  });

  test('in the exceptions of the SDK', async () => {
    const { client } = journey;
    const asked = { ...body(provider), messages: [{ role: 'user' as const, content: 'Hi' }] };
    const thrown: unknown = await client.chat.completions.create(asked).catch((reason) => reason);
    expect(thrown).toMatchObject({ param: 'temperature', error: error(provider) });
  });

  test('in a background response, when it is fetched', async () => {
    const { gateway } = journey;
    const { id } = await json(
      gateway.post('/v1/responses', { ...body(provider), background: true, input: 'Hi' }),
    );
    const { type: _, ...failed } = error(provider);
    const events = serverEvents(await (await gateway.fetch(`/v1/responses/${id}?stream=true`)).text()).events;
    expect(events.at(-1)?.event).toBe('response.failed');
    expect(asJson(events.at(-1)?.data.response).error).toEqual(failed);
    expect((await json(gateway.fetch(`/v1/responses/${id}`))).error).toEqual(failed);
  });

  test('over a WebSocket', async () => {
    const socket = await SocketClient.open(journey.gateway);
    socket.create({ ...body(provider), input: 'Hi' });
    expect(await socket.next()).toMatchObject({ type: 'error', status: 400, error: error(provider) });
    socket.close();
  });
});
