import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { eventually } from '../harness/eventually.ts';
import { type SpawnedGateway, spawnGateway } from '../harness/gateway.ts';
import { type Provider, startProvider } from '../simulators/provider/provider.ts';
import { asJson, asText, type Json } from '../simulators/provider/shape.ts';

/** A longer timeout, because processes start slowly on a busy machine. */
setDefaultTimeout(20_000);

const YAML = `claws:
  openai: { models: [{ id: say-5, context: 2000 }] }
  gemini: { models: [{ id: say-5, context: 4000 }] }
`;
const SECRET = 'a secret that no log may hold';

let provider: Provider;
let gateway: SpawnedGateway;
beforeAll(async () => {
  provider = startProvider();
  const env = { CLAWHOLD_LOG_LEVEL: 'debug' };
  gateway = await spawnGateway({ provider: provider.url, env, yaml: YAML });
});
afterAll(async () => {
  await gateway.stop();
  provider.stop();
});

/** The lines that the log has of a request, as soon as it is complete. */
async function logOf(requestId: string): Promise<Json[]> {
  const lines = () =>
    gateway
      .log()
      .split('\n')
      .filter((line) => line.includes(requestId))
      .map((line) => asJson(JSON.parse(line)));
  return eventually('the request is logged', lines, (found) => found.some(({ msg }) => msg === 'turn ended'));
}

const ask = (requestId: string, body: object, headers: Record<string, string> = {}) =>
  gateway.post(
    '/v1/chat/completions',
    { messages: [{ role: 'user', content: SECRET }], ...body },
    { 'x-request-id': requestId, ...headers },
  );

test('the end of a turn names the model that answered, or the calls that failed', async () => {
  await ask('req_answered', { model: 'groq/status-500', fallbacks: ['openai/say-5'] });
  expect((await logOf('req_answered')).find(({ msg }) => msg === 'turn ended')).toMatchObject({
    ...{ model: 'groq/status-500', provider: 'openai', answeredModel: 'say-5' },
  });
  await ask('req_failed', { model: 'groq/status-500', fallbacks: ['deepseek/status-401'] });
  const failed = (await logOf('req_failed')).find(({ msg }) => msg === 'turn ended');
  const after = (call: string) => expect.stringMatching(new RegExp(`^${call} after \\d+ ms$`));
  expect(failed?.failedCalls).toEqual([
    after('groq/status-500: provider_error'),
    after('groq/status-500: provider_error'),
    after('deepseek/status-401: provider_auth_failed'),
  ]);
});

test('calls and their failures are logged with their turn, and no content is', async () => {
  const model = 'groq/status-500';
  const reply = await ask('req_calls', { model, fallbacks: ['deepseek/status-503', 'openai/say-5'] });
  expect(reply.headers.get('x-clawhold-attempted-retries')).toBe('3');
  const lines = await logOf('req_calls');
  const told = lines.map(({ msg, provider: claw, code, next }) =>
    [msg, claw, code, next].filter(Boolean).map(asText).join(' '),
  );
  expect(told).toEqual([
    'turn started',
    'call started groq',
    'call failed groq provider_error retry',
    'call started groq',
    'call failed groq provider_error next-candidate',
    'call started deepseek',
    'call failed deepseek provider_overloaded next-candidate',
    'call started openai',
    'turn ended openai',
    'request',
  ]);
  expect(new Set(lines.flatMap(({ turn }) => turn ?? [])).size).toBe(1);
  const ofTurn = lines.filter(({ turn }) => turn);
  expect(new Set(ofTurn.map(({ session }) => session)).size).toBe(1);
  expect(asText(ofTurn[0]?.turn)).toStartWith(asText(ofTurn[0]?.session));
  expect(new Set(ofTurn.map(({ key }) => key))).toEqual(new Set(['root']));
  expect(gateway.log()).not.toContain(SECRET);
});

test('what was left out for a candidate is logged', async () => {
  const session = { 'x-session-id': 'long' };
  for (let turn = 0; turn < 8; turn++) {
    const messages = [{ role: 'user', content: 'The quick brown fox jumps over the lazy dog. '.repeat(24) }];
    await ask(`req_fill_${turn}`, { model: 'gemini/say-5', messages, max_tokens: 100 }, session);
  }
  await ask('req_truncated', { model: 'openai/say-5', max_tokens: 100 }, session);
  const truncated = (await logOf('req_truncated')).find(({ msg }) => msg === 'context truncated');
  expect(truncated).toMatchObject({ provider: 'openai', model: 'say-5' });
  expect(truncated!.droppedTokens).toBeGreaterThan(0);
});

test('a deferred turn is logged with its pause', async () => {
  const headers = { 'x-session-id': 'deferred', 'x-clawhold-when-down': 'defer' };
  const reply = await ask('req_deferred', { model: 'groq/once-status-503+say-2' }, headers);
  expect(reply.status).toBe(202);
  const deferred = (await logOf('req_deferred')).find(({ msg }) => msg === 'turn deferred');
  expect(deferred).toMatchObject({ code: 'provider_overloaded', pauseMs: 1000 });
});
