import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { eventually } from '../harness/eventually.ts';
import { OTHER_KEY } from '../harness/gateway.ts';
import { type Journey, startJourney } from '../harness/journey.ts';

/** What `/metrics` says of real traffic, and who may read it. */

const METRICS_KEY = 'sk-claw-test-metrics-0123456789';
const hasPromtool = Bun.which('promtool') !== null;

let journey: Journey;
beforeAll(async () => {
  journey = await startJourney({
    yaml: `
keys: [{ name: other, key: ${OTHER_KEY}, tenant: other }]
metrics: { key: ${METRICS_KEY} }
claws:
  openai: { models: [{ id: say-20, input_price: 1, output_price: 10 }] }
`,
  });
});
afterAll(() => journey.end());

const scrape = async (headers: Record<string, string> = {}) =>
  (await journey.gateway.fetch('/metrics', { headers })).text();

/** The value of a series, as it is written. */
function valueIn(text: string, series: string): number {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1));
}

const chat = (model: string, more: object = {}, headers: Record<string, string> = {}) =>
  journey.gateway.post(
    '/v1/chat/completions',
    { model, messages: [{ role: 'user', content: 'Hi.' }], ...more },
    headers,
  );

test('counts requests, turns, calls, tokens and money', async () => {
  const before = await scrape();
  await (await chat('openai/say-20', {}, { 'x-session-id': 'counted' })).text();
  await (await chat('openai/say-20', { stream: true })).text();
  await (await chat('groq/status-500')).text();
  const after = await eventually(
    'the stream has ended',
    scrape,
    (text) => valueIn(text, 'clawhold_turns_total{state="completed"}') === 2,
  );
  const grew = (series: string) => valueIn(after, series) - (valueIn(before, series) || 0);
  const claw = 'provider="openai",model="say-20"';
  expect(grew('clawhold_turns_total{state="failed",code="provider_error"}')).toBe(1);
  expect(grew('clawhold_http_requests_total{method="POST",route="/v1/chat/completions",status="200"}')).toBe(
    2,
  );
  expect(grew('clawhold_http_requests_total{method="POST",route="/v1/chat/completions",status="502"}')).toBe(
    1,
  );
  expect(grew(`clawhold_calls_total{${claw},code="ok"}`)).toBe(2);
  expect(grew('clawhold_calls_total{provider="groq",model="status-500",code="provider_error"}')).toBe(2);
  expect(grew('clawhold_retries_total{provider="groq",model="status-500",code="provider_error"}')).toBe(1);
  expect(grew(`clawhold_tokens_total{${claw},kind="output"}`)).toBe(40);
  expect(grew(`clawhold_time_to_first_token_seconds_count{${claw}}`)).toBe(1);
  const input = grew(`clawhold_tokens_total{${claw},kind="input"}`);
  expect(grew(`clawhold_cost_dollars_total{${claw}}`)).toBeCloseTo((input + 400) / 1e6, 9);
  expect(grew('clawhold_key_cost_dollars_total{key="root"}')).toBeCloseTo((input + 400) / 1e6, 9);
  expect(grew('clawhold_turn_overhead_seconds_count')).toBe(3);
  expect(grew('clawhold_sessions_created_total')).toBe(1);
  expect(
    grew('clawhold_store_operation_duration_seconds_count{port="log",operation="commitTurn"}'),
  ).toBeGreaterThan(0);
  expect(valueIn(after, 'clawhold_turns_running')).toBe(0);
});

test('the own time of a turn leaves out that of its provider', async () => {
  const before = await scrape();
  await (await chat('openai/say-20+pace-40', { stream: true })).text();
  const count = 'clawhold_turn_duration_seconds_count';
  const after = await eventually(
    'the turn has ended',
    scrape,
    (text) => valueIn(text, count) > valueIn(before, count),
  );
  const grew = (series: string) => valueIn(after, series) - valueIn(before, series);
  expect(grew('clawhold_turn_duration_seconds_sum')).toBeGreaterThan(0.7);
  expect(grew('clawhold_turn_overhead_seconds_sum')).toBeLessThan(0.6);
});

test('an unknown path has no route of its own', async () => {
  await journey.gateway.fetch('/a/path/that/nobody/knows');
  const text = await scrape();
  expect(text).not.toContain('nobody');
  expect(valueIn(text, 'clawhold_http_requests_total{method="GET",route="none",status="404"}')).toBe(1);
});

test('is OpenMetrics where the scraper prefers it', async () => {
  const reply = await journey.gateway.fetch('/metrics', {
    headers: { accept: 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5' },
  });
  const text = await reply.text();
  expect(reply.headers.get('content-type')).toBe(
    'application/openmetrics-text; version=1.0.0; charset=utf-8',
  );
  expect(text.endsWith('# EOF\n')).toBe(true);
  expect(text).toContain('# TYPE clawhold_turns counter\n');
  expect(text).toContain('clawhold_turns_total{state="completed"}');
});

test.skipIf(!hasPromtool)('is as promtool wants it (skipped without Prometheus)', async () => {
  const child = Bun.spawn(['promtool', 'check', 'metrics'], {
    stdin: new Blob([await scrape()]),
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const said = (await child.stdout.text()) + (await child.stderr.text());
  expect([await child.exited, said]).toEqual([0, '']);
});

describe('the key', () => {
  const status = async (headers: Record<string, string>) =>
    (await fetch(`${journey.gateway.url}/metrics`, { headers })).status;

  test('of the metrics opens them, and nothing else', async () => {
    const own = { authorization: `Bearer ${METRICS_KEY}` };
    expect(await status(own)).toBe(200);
    expect((await fetch(`${journey.gateway.url}/v1/models`, { headers: own })).status).toBe(401);
  });

  test('of a caller does not open them, and neither does none', async () => {
    expect(await status({ authorization: `Bearer ${OTHER_KEY}` })).toBe(403);
    expect(await status({})).toBe(401);
  });
});

test('a port of their own takes them from the port of the gateway', async () => {
  const apart = await startJourney({ yaml: 'metrics: { port: 0 }\n' });
  try {
    expect((await apart.gateway.fetch('/metrics')).status).toBe(404);
    const reply = await fetch(apart.gateway.metricsUrl);
    expect([reply.status, (await reply.text()).includes('clawhold_build_info')]).toEqual([200, true]);
    expect((await fetch(apart.gateway.metricsUrl.replace('/metrics', '/v1/models'))).status).toBe(404);
  } finally {
    await apart.end();
  }
});
