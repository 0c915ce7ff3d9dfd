import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type Journey, startJourney } from '../harness/journey.ts';
import { SocketClient } from '../harness/socket.ts';

let journey: Journey;
beforeAll(async () => {
  journey = await startJourney();
});
afterAll(() => journey.end());

const BODIES: [string, string, string][] = [
  ['nested 60,000 deep', `{"further":${'['.repeat(60_000)}${']'.repeat(60_000)}}`, '256 levels'],
  ['with a million keys', `{"further":{${'"k":0,'.repeat(1_000_000)}"k":0}}`, '200000 keys'],
];

describe.each(BODIES)('a body %s', (_what, body, limit) => {
  const refusal = {
    code: 'invalid_request',
    type: 'invalid_request_error',
    message: expect.stringContaining(limit),
  };

  test.each(['/v1/chat/completions', '/v1/responses', '/v1/conversations'])(
    'is refused at %s',
    async (path) => {
      const from = performance.now();
      const response = await journey.gateway.post(path, body);
      expect(response.status).toBe(400);
      expect(((await response.json()) as { error: unknown }).error).toMatchObject(refusal);
      expect(performance.now() - from).toBeLessThan(1000);
    },
  );

  test('is refused on a WebSocket, which goes on in order', async () => {
    const socket = await SocketClient.open(journey.gateway);
    socket.send(body);
    socket.create({ model: 'openai/echo', input: 'Hello', generate: false });
    expect(await socket.next()).toMatchObject({ type: 'error', status: 400, error: refusal });
    expect(await socket.next()).toMatchObject({ type: 'response.created' });
    socket.close();
  });
});
