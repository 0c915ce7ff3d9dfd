import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { ERRORS, type ErrorCode } from '../../src/core/error-catalogue.ts';
import { callFailureOf, Fault } from '../../src/core/errors.ts';
import { asking, KINDS } from '../harness/asking.ts';
import { type DictatedProvider, dictatedProvider } from '../harness/dictated.ts';
import { eventually } from '../harness/eventually.ts';
import { OTHER_KEY, type TestGateway, testGateway } from '../harness/gateway.ts';
import { json, responseText } from '../harness/journey.ts';
import { SocketClient } from '../harness/socket.ts';
import { type Provider, startProvider } from '../simulators/provider/provider.ts';
import { asJson, asList, asText } from '../simulators/provider/shape.ts';

/** What happens when models fail or are slow, and how users test it. */

const YAML = `
keys: [{ name: other, key: ${OTHER_KEY}, tenant: other }]
claws:
  anthropic: { models: [{ id: pace-3+say-9, input_price: 10, output_price: 50 }] }
  openai: { models: [{ id: delay-400+say-9, input_price: 1, output_price: 2 }] }
aliases:
  pair: [openai/echo, anthropic/echo]
  fixed: { models: [openai/echo, gemini/echo], last_resort: { answer: Please try again later. } }
  local: { models: [openai/status-503], last_resort: { model: gemini/say-4 } }
  long: { models: [openai/context], too_long: [gemini/echo] }
  strict: { models: [anthropic/refuse], refused: [gemini/echo] }
  stricter: { models: [anthropic/refuse, groq/echo], refused: [openai/refuse] }
  hedged:
    models: [openai/delay-400+say-9, anthropic/pace-3+say-9]
    hedge: true
    hedge_after_ms: 30
  hedged-cut:
    models: [openai/delay-400+say-9, anthropic/once-cut-3+pace-1+say-9, gemini/say-9]
    hedge: true
    hedge_after_ms: 30
  patient: { models: [openai/once-status-429+retry-1+echo, gemini/echo], patience_ms: 1500 }
  hasty: { models: [openai/once-status-429+retry-1+say-2, gemini/echo], patience_ms: 0 }
  timed: { models: [openai/delay-3000+echo, gemini/echo], timeouts: { first_token_ms: 50 } }
`;

let provider: Provider;
let gateway: TestGateway;
beforeAll(async () => {
  provider = startProvider();
  gateway = await testGateway({ provider: provider.url, yaml: YAML });
});
afterAll(async () => {
  await gateway.stop();
  provider.stop();
});
beforeEach(() => provider.reset());

const WORDS = 'word1 word2 word3 word4 word5 word6 word7 word8 word9';
const calls = () => provider.requests.map(({ model }) => model);

const OWN: readonly string[] = ['hedge_lost', 'gateway_stopped'];
const CODES = (Object.keys(ERRORS) as ErrorCode[]).filter(
  (code) => callFailureOf(new Fault(code, '')) && !OWN.includes(code),
);

describe.each(KINDS)('%s, streamed: %p', (dialect, stream) => {
  const ask = asking(() => gateway, dialect, stream);
  const simulate = (text: string) => ({ 'x-clawhold-simulate': text });

  test.each(CODES)('a simulated failure of one model and of all: %s', async (code) => {
    const one = await ask({ model: 'pair' }, simulate(`openai/*=${code}`));
    const meaning = callFailureOf(new Fault(code, ''))!;
    if (meaning.concerns === 'request') expect(one.error?.code).toBe(code);
    else
      expect(one).toMatchObject({
        status: 200,
        by: 'anthropic/echo',
        route: expect.stringContaining('fallback'),
      });
    const all = await ask({ model: 'pair' }, simulate(`*=${code}`));
    expect(all).toMatchObject({ status: ERRORS[code].status, error: { code } });
    expect(asList(all.error?.attempts).at(-1)).toMatchObject({ code });
    expect(calls()).toEqual(meaning.concerns === 'request' ? [] : ['echo']);
    // A later request is not affected.
    expect(await ask({ model: 'pair' })).toMatchObject({ status: 200, by: 'openai/echo' });
  });

  test.each(CODES)('a simulated failure in the middle of the answer ends cleanly: %s', async (code) => {
    const models = { model: 'openai/pace-1+say-9', fallbacks: ['gemini/pace-1+say-9'] };
    const { text, error, status } = await ask(models, simulate(`openai/*=${code}@2`));
    if (error) {
      expect(error.code).toBe(code);
      expect(WORDS.startsWith(text)).toBe(true);
    } else expect([status, text] as unknown[]).toEqual([200, WORDS]);
    if (callFailureOf(new Fault(code, ''))!.rescuable) expect(error).toBeUndefined();
  });

  test.each([
    'openai/*',
    '=provider_error',
    'openai/*=nothing',
    'a=invalid_request',
    'a=hedge_lost',
    'a=provider_error@x',
    '',
  ])('a simulation that says nothing is refused: %p', async (text) => {
    const reply = await ask({ model: 'pair' }, simulate(text));
    expect(reply).toMatchObject({
      status: 400,
      error: { code: 'invalid_request', param: 'x-clawhold-simulate' },
    });
  });

  test('only the root key simulates failures', async () => {
    const headers = { ...simulate('*=provider_error'), authorization: `Bearer ${OTHER_KEY}` };
    expect(await ask({ model: 'pair' }, headers)).toMatchObject({
      status: 403,
      error: { code: 'root_key_required' },
    });
    expect(calls()).toEqual([]);
  });

  test('a fixed answer is the last resort, and is degraded', async () => {
    const reply = await ask(
      { model: 'fixed' },
      simulate('openai/*=provider_overloaded, gemini/*=rate_limited'),
    );
    expect(reply).toMatchObject({ status: 200, text: 'Please try again later.', by: 'local/fixed-answer' });
    expect(reply.headers.get('x-clawhold-degraded')).toBe('true');
    expect(reply.headers.get('x-clawhold-attempted-retries')).toBe('2');
    const usual = await ask({ model: 'fixed' });
    expect([usual.by, usual.headers.get('x-clawhold-degraded')] as unknown[]).toEqual(['openai/echo', null]);
  });

  test('another model is the last resort, and the session goes on', async () => {
    const session = { 'x-session-id': `resort-${dialect}-${stream}` };
    for (let turn = 0; turn < 2; turn++) {
      const reply = await ask({ model: 'local' }, session);
      expect(reply).toMatchObject({ by: 'gemini/say-4', text: 'word1 word2 word3 word4' });
      expect(reply.headers.get('x-clawhold-degraded')).toBe('true');
    }
  });

  test('a degraded answer is replayed as it was', async () => {
    const headers = { 'idempotency-key': `degraded-${dialect}-${stream}` };
    const body = { model: 'local' };
    const first = await ask(body, headers);
    const again = await ask(body, headers);
    expect(again.headers.get('x-clawhold-replayed')).toBe('true');
    expect(again.raw).toBe(first.raw);
    expect(again.by).toBe(first.by);
    expect(again.headers.get('x-clawhold-degraded')).toBe('true');
    expect(calls()).toHaveLength(2);
  });

  test('chains are called for long conversations and for refused content', async () => {
    expect(await ask({ model: 'long' })).toMatchObject({ status: 200, by: 'gemini/echo' });
    expect(await ask({ model: 'strict' })).toMatchObject({ status: 200, by: 'gemini/echo' });
    const other = await ask({ model: 'anthropic/refuse', fallbacks: ['gemini/echo'] });
    expect(other.by).toBe('anthropic/refuse');
    const both = await ask({ model: 'stricter' });
    expect(both).toMatchObject({ status: 200, by: 'openai/refuse', error: undefined });
  });

  test('patience and time limits of an alias decide between waiting and the next model', async () => {
    expect((await ask({ model: 'patient' })).by).toBe('openai/once-status-429+retry-1+echo');
    expect((await ask({ model: 'hasty' })).by).toBe('gemini/echo');
    // An answer that is not streamed has no first token before its end.
    if (stream) expect((await ask({ model: 'timed' })).by).toBe('gemini/echo');
  });

  test('a hedge answers, the slow call is cancelled, and both are in the cost', async () => {
    const key = { 'idempotency-key': `hedged-${dialect}-${stream}` };
    const reply = await ask({ model: 'hedged' }, key);
    expect(reply).toMatchObject({ status: 200, by: 'anthropic/pace-3+say-9', text: WORDS });
    expect(reply.headers.get('x-clawhold-attempted-retries')).toBeNull();
    expect(reply.attempts).toMatchObject([
      { model: 'openai/delay-400+say-9', estimated: true, error: 'hedge_lost', output_tokens: 0 },
      { model: 'anthropic/pace-3+say-9', output_tokens: 9 },
    ]);
    const costs = reply.attempts.map(({ cost_usd }) => cost_usd as number);
    expect(Math.min(...costs)).toBeGreaterThan(0);
    await eventually(
      'the slow call is cancelled',
      () => provider.requests.map(({ aborted }) => aborted),
      (aborted) => aborted[0] === true,
    );
    const again = await ask({ model: 'hedged' }, key);
    expect(again.raw).toBe(reply.raw);
    expect(calls()).toHaveLength(2);
  });

  test('an answer that breaks off after a hedge is continued', async () => {
    const reply = await ask({ model: 'hedged-cut' });
    expect(reply).toMatchObject({ status: 200, text: WORDS });
    // The call of an answer that is not streamed breaks off before the gateway has any of it.
    const broken = stream ? ['stream_interrupted'] : [];
    expect(reply.attempts.map(({ error }) => error)).toEqual(['hedge_lost', ...broken, undefined]);
    expect(reply.error).toBeUndefined();
  });

  test('a hedge is not made beyond the attempts of the request', async () => {
    const reply = await ask({ model: 'hedged' }, { 'x-clawhold-attempts': '1' });
    expect(reply).toMatchObject({ by: 'openai/delay-400+say-9', text: WORDS, attempts: [] });
    expect(calls()).toHaveLength(1);
  });

  test('an error lists all calls, without secrets and addresses', async () => {
    const reply = await ask({
      model: 'openai/status-500',
      fallbacks: ['gemini/status-503', 'anthropic/auth'],
    });
    expect(reply.error?.attempts).toMatchObject([
      { model: 'openai/status-500', code: 'provider_error', status: 500, ms: expect.any(Number) },
      { model: 'openai/status-500', code: 'provider_error', status: 500 },
      { model: 'gemini/status-503', code: 'provider_overloaded', status: 503 },
      { model: 'anthropic/auth', code: 'provider_auth_failed', status: 401 },
    ]);
    expect(reply.raw).not.toContain('sk-');
    expect(reply.raw).not.toContain(provider.url);
  });
});

describe('over a WebSocket', () => {
  test('hedges, last resorts and simulated failures are the same', async () => {
    const socket = await SocketClient.open(gateway, {
      headers: { 'x-clawhold-simulate': 'groq/*=provider_error' },
    });
    const hedged = await socket.ask({ model: 'hedged', input: 'Hello' });
    expect(responseText(hedged)).toBe(WORDS);
    expect(asList(asJson(hedged.clawhold).attempts).map(({ error }) => error)).toEqual([
      'hedge_lost',
      undefined,
    ]);
    expect(await socket.ask({ model: 'local', input: 'Hello' })).toMatchObject({ model: 'gemini/say-4' });
    expect(await socket.ask({ model: 'groq/echo', models: ['gemini/echo'], input: 'Hello' })).toMatchObject({
      model: 'gemini/echo',
    });
    expect(await socket.ask({ model: 'groq/echo', input: 'Hello' })).toMatchObject({
      ...{ code: 'provider_error', attempts: [{ model: 'groq/echo' }, { model: 'groq/echo' }] },
    });
    socket.close();
  });
});

test('a hedge begins when a call is slower than the recent ones, and not before enough of them are known', async () => {
  const dictated = dictatedProvider();
  const hedging = await testGateway({
    provider: provider.url,
    env: dictated.env,
    yaml: 'aliases: { usual: { models: [groq/a, openai/echo], hedge: true } }',
  });
  const body = { model: 'usual', messages: [{ role: 'user', content: 'Hello' }], stream: true };
  const ask = async () => {
    const reply = await hedging.post('/v1/chat/completions', body);
    await reply.text();
    return reply.headers.get('x-clawhold-model-id');
  };
  const slow = ask();
  const first = await dictated.next();
  await Bun.sleep(100);
  first.say('Late.');
  first.end();
  expect(await slow).toBe('groq/a');
  dictated.answerAutomatically((call) => {
    call.say('At once.');
    call.end();
  });
  for (let turn = 0; turn < 80; turn++) await ask();
  dictated.answerAutomatically(undefined);
  const hedged = ask();
  const silent = await dictated.next();
  expect(await hedged).toBe('openai/echo');
  await silent.disconnected;
  await hedging.stop();
  await dictated.stop();
});

describe('a turn that waits', () => {
  let dictated: DictatedProvider;
  let waiting: TestGateway;
  beforeEach(async () => {
    dictated = dictatedProvider();
    waiting = await testGateway({
      provider: provider.url,
      env: { ...dictated.env },
      // Shorter than the first wait of a deferred turn: the time begins anew after it.
      yaml: `
timeouts: { turn_ms: 800 }
aliases: { pool: { strategy: round_robin, models: [groq/a, groq/b], last_resort: { model: groq/z } } }`,
    });
  });
  afterEach(async () => {
    await waiting.stop();
    await dictated.stop();
  });

  const ended = (id: string) =>
    eventually(
      'the turn has ended',
      () => json(waiting.fetch(`/v1/responses/${id}`)),
      ({ status }) => status === 'completed' || status === 'failed' || status === 'incomplete',
    );

  test('in the background has an alias, too', async () => {
    dictated.answerAutomatically((call) => {
      if (call.body.model === 'a') call.refuse(503);
      else {
        call.say(`from ${asText(call.body.model)}`);
        call.end();
      }
    });
    const started = await json(
      waiting.post('/v1/responses', { model: 'pool', input: 'Hello', background: true }),
    );
    const turn = await ended(asText(started.id));
    expect([turn.status, responseText(turn), turn.model] as unknown[]).toEqual([
      'completed',
      'from b',
      'groq/b',
    ]);
  });

  test('is routed again after each wait, and an answer that breaks off is continued', async () => {
    let refusals = 0;
    let broken = 0;
    dictated.answerAutomatically((call) => {
      if (refusals++ < 3) return call.refuse(503);
      call.say(broken === 0 ? 'one ' : 'two');
      if (broken++ === 0) call.breakOff();
      else call.end();
    });
    const headers = { 'x-clawhold-when-down': 'defer' };
    const request = { model: 'pool', input: 'Hello', background: true };
    const started = await json(waiting.post('/v1/responses', request, headers));
    const turn = await ended(asText(started.id));
    expect([turn.status, responseText(turn)] as unknown[]).toEqual(['completed', 'one two']);
    expect(asList(asJson(turn.clawhold).attempts)).toHaveLength(2);
  });
});
