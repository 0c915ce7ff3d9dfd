import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { eventually } from '../harness/eventually.ts';
import { type Journey, json, startJourney } from '../harness/journey.ts';
import { SocketClient } from '../harness/socket.ts';
import { type Collector, startCollector, valuesOf } from '../simulators/otlp/collector.ts';
import type { ReceivedSpan } from '../simulators/otlp/messages.ts';
import { asText } from '../simulators/provider/shape.ts';

/** Traces, metrics and logs of a gateway, as a collector gets them. */

setDefaultTimeout(20_000);

const SECRET = 'a secret that no trace may hold';
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';

let collector: Collector;
let journey: Journey;
beforeAll(async () => {
  collector = startCollector();
  journey = await startJourney({
    yaml: `
claws:
  openai: { trace_context: true }
telemetry:
  endpoint: ${collector.url}
  headers: { x-collector-key: abc }
  sample: 0
  metrics: true
  metrics_ms: 1000
  logs: true
log: { level: info }
`,
    env: {
      CLAWHOLD_LOG_LEVEL: 'info',
      OTEL_SERVICE_NAME: 'desk',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    },
  });
});
afterAll(async () => {
  await journey.end();
  collector.stop();
});

const traceparent = (trace: string, flags = '01') => ({ traceparent: `00-${trace}-${PARENT}-${flags}` });

const ask = (body: object, headers: Record<string, string> = {}) =>
  journey.gateway.post('/v1/responses', { model: 'openai/say-20', input: SECRET, ...body }, headers);

/** The spans of a trace, when all have come: the request's is there, and the turn's. */
const traceOf = (trace: string, names: RegExp[] = [/^POST /, /^turn/]): Promise<ReceivedSpan[]> =>
  eventually(
    'the trace has come',
    () => collector.spans.filter(({ traceId }) => traceId === trace),
    (spans) => names.every((name) => spans.some((span) => name.test(span.name))),
  );

const newTrace = () => crypto.randomUUID().replaceAll('-', '');
const named = (spans: ReceivedSpan[], name: string) => spans.find((span) => span.name === name)!;

describe('the trace of a turn', () => {
  test('has the request, the steps of its turn and its call, each under its parent', async () => {
    const reply = await ask(
      { stream: true },
      { ...traceparent(TRACE), 'x-session-id': 'traced', tracestate: 'a=b' },
    );
    await reply.text();
    const spans = await traceOf(TRACE);
    const request = named(spans, 'POST /v1/responses');
    const turn = named(spans, 'turn openai/say-20');
    const answer = named(spans, 'answer');
    const call = named(spans, 'chat say-20');
    expect(spans.map(({ name }) => name).sort()).toEqual(
      [
        ...[
          'POST /v1/responses',
          'answer',
          'assemble context',
          'chat say-20',
          'commit turn',
          'journal intent',
        ],
        ...['receive request', 'resume session', 'turn openai/say-20'],
      ].sort(),
    );
    expect([request.parentSpanId, turn.parentSpanId, call.parentSpanId]).toEqual([
      PARENT,
      request.spanId,
      answer.spanId,
    ]);
    for (const name of ['resume session', 'assemble context', 'journal intent', 'commit turn', 'answer'])
      expect(named(spans, name).parentSpanId).toBe(turn.spanId);
    expect([request.kind, turn.kind, call.kind]).toEqual([2, 1, 3]);
    expect(request.traceState).toBe('a=b');
    expect(valuesOf(request.attributes)).toMatchObject({
      ...{ 'http.request.method': 'POST', 'http.route': '/v1/responses', 'http.response.status_code': 200 },
    });
    expect(valuesOf(call.attributes)).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'say-20',
      'gen_ai.response.model': expect.any(String),
      'gen_ai.response.finish_reasons': ['stop'],
      'gen_ai.usage.input_tokens': expect.any(Number),
      'gen_ai.usage.output_tokens': 20,
      'gen_ai.conversation.id': expect.stringMatching(/^conv_/),
      'gen_ai.response.time_to_first_chunk': expect.any(Number),
    });
    expect(valuesOf(turn.attributes)).toMatchObject({
      'clawhold.key': 'root',
      'clawhold.turn.state': 'completed',
      'gen_ai.conversation.id': valuesOf(call.attributes)['gen_ai.conversation.id']!,
    });
    expect(JSON.stringify(spans)).not.toContain(SECRET);
    expect(collector.resource).toMatchObject({
      'service.name': 'desk',
      'deployment.environment.name': 'test',
    });
    expect(collector.headers['x-collector-key']).toBe('abc');
  });

  test('goes on at a provider that wants it, and at no other', async () => {
    const trace = newTrace();
    await (await ask({}, traceparent(trace))).text();
    const call = named(await traceOf(trace), 'chat say-20');
    const sent = journey.provider.requests.at(-1)!;
    expect(sent.headers.traceparent).toBe(`00-${trace}-${call.spanId}-01`);
    await (await ask({ model: 'groq/say-5' }, traceparent(newTrace()))).text();
    expect(journey.provider.requests.at(-1)!.headers.traceparent).toBeUndefined();
  });

  test('has every call and its error', async () => {
    const trace = newTrace();
    const body = { model: 'groq/status-500', models: ['openai/say-5'] };
    const reply = await journey.gateway.post(
      '/v1/chat/completions',
      { ...body, messages: [{ role: 'user', content: SECRET }] },
      traceparent(trace),
    );
    expect(reply.status).toBe(200);
    await reply.text();
    const calls = (await traceOf(trace)).filter(({ name }) => name.startsWith('chat '));
    expect(calls.map(({ name, status }) => [name, status?.code])).toEqual([
      ['chat status-500', 2],
      ['chat status-500', 2],
      ['chat say-5', undefined],
    ]);
    expect(valuesOf(calls[0]!.attributes)).toMatchObject({
      'error.type': 'provider_error',
      'clawhold.attempt': 1,
    });
  });
});

describe('the trace of a turn without a request of its own', () => {
  test('on a WebSocket is one for each message, under the span that opened the socket', async () => {
    const trace = newTrace();
    const socket = await SocketClient.open(journey.gateway, { headers: traceparent(trace) });
    for (let message = 0; message < 2; message++) await socket.ask({ model: 'openai/say-5', input: 'Hi.' });
    const turns = await eventually(
      'both turns have come',
      () => collector.spans.filter(({ traceId, name }) => traceId === trace && name.startsWith('turn ')),
      (found) => found.length === 2,
    );
    expect(turns.map(({ parentSpanId }) => parentSpanId)).toEqual([PARENT, PARENT]);
    expect(new Set(turns.map(({ spanId }) => spanId)).size).toBe(2);
    socket.close();
  });

  test('in the background is under the request that began it', async () => {
    const trace = newTrace();
    await (await ask({ background: true, model: 'openai/say-5+pace-20' }, traceparent(trace))).text();
    const spans = await traceOf(trace);
    expect(named(spans, 'turn openai/say-5+pace-20').parentSpanId).toBe(
      named(spans, 'POST /v1/responses').spanId,
    );
    expect(named(spans, 'wait for slot')).toBeDefined();
  });
});

describe('without a decision of the caller', () => {
  test('a turn that failed is sent, and one that did not is not', async () => {
    const count = collector.spans.length;
    await (await ask({})).text();
    await (await ask({ model: 'deepseek/status-500' })).text();
    await eventually(
      'the failed turn has come',
      () => collector.spans.slice(count),
      (spans) => spans.some(({ name }) => name === 'turn deepseek/status-500'),
    );
    const spans = collector.spans.slice(count);
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
    expect(spans.some(({ name, parentSpanId }) => name === 'POST /v1/responses' && !parentSpanId)).toBe(true);
  });

  test('a caller that says no is obeyed', async () => {
    const trace = newTrace();
    await (await ask({}, traceparent(trace, '00'))).text();
    await (await ask({}, traceparent(newTrace()))).text();
    await Bun.sleep(1_500);
    expect(collector.spans.filter(({ traceId }) => traceId === trace)).toEqual([]);
  });

  test('a header that is not valid is ignored', async () => {
    const reply = await ask(
      { model: 'deepseek/status-500' },
      { traceparent: `00-${'0'.repeat(32)}-${PARENT}-01` },
    );
    await reply.text();
    expect(reply.status).toBe(502);
  });
});

test('metrics come with the names of the conventions, where there are some', async () => {
  const found = (name: string) => collector.metrics.findLast((metric) => metric.name === name);
  await eventually(
    'the metrics have come',
    () => found('gen_ai.client.operation.duration')?.histogram?.dataPoints ?? [],
    (points) => points.length > 0,
  );
  const [point] = found('gen_ai.client.operation.duration')!.histogram!.dataPoints;
  expect(valuesOf(point!.attributes)).toMatchObject({
    ...{ 'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': expect.any(String) },
  });
  expect(found('clawhold_turns_total')?.sum?.isMonotonic).toBe(true);
  expect(found('clawhold_turns_running')?.gauge?.dataPoints).toHaveLength(1);
});

test('the lines of the log come with the trace of their turn, and without content', async () => {
  const trace = newTrace();
  const reply = await json(ask({}, traceparent(trace)));
  const lines = await eventually(
    'the lines have come',
    () => collector.logs.filter(({ traceId }) => traceId === trace),
    (found) => found.length === 2,
  );
  const bodies = lines.map(({ body }) => (body as { stringValue: string }).stringValue).sort();
  expect(bodies).toEqual(['request', 'turn ended']);
  const turn = lines.find(({ body }) => (body as { stringValue: string }).stringValue === 'turn ended')!;
  expect(`resp_${asText(valuesOf(turn.attributes).turn)}`).toBe(asText(reply.id));
  expect(valuesOf(turn.attributes)).toMatchObject({
    ...{ key: 'root', model: 'openai/say-20', ownMs: expect.any(Number), providerMs: expect.any(Number) },
  });
  expect(JSON.stringify(collector.logs)).not.toContain(SECRET);
});

test('everything that came could be decoded', () => {
  expect(collector.refused).toEqual([]);
});

test('content is sent only on request', async () => {
  const other = startCollector();
  const open = await startJourney({
    yaml: `telemetry: { endpoint: '${other.url}', sample: 1, content: true }\n`,
  });
  try {
    await (await open.gateway.post('/v1/responses', { model: 'openai/say-5', input: SECRET })).text();
    const turn = await eventually(
      'the turn has come',
      () => other.spans.find(({ name }) => name.startsWith('turn ')),
      (found) => found !== undefined,
    );
    const { 'gen_ai.input.messages': input, 'gen_ai.output.messages': output } = valuesOf(turn!.attributes);
    expect(JSON.parse(asText(input))).toEqual([{ role: 'user', parts: [{ type: 'text', content: SECRET }] }]);
    expect(JSON.parse(asText(output))[0]).toMatchObject({ role: 'assistant', parts: [{ type: 'text' }] });
  } finally {
    await open.end();
    other.stop();
  }
});

test('a collector that is down costs a counter', async () => {
  const gone = startCollector();
  gone.stop();
  const alone = await startJourney({ yaml: `telemetry: { endpoint: '${gone.url}', sample: 1 }\n` });
  try {
    const reply = await alone.gateway.post('/v1/responses', { model: 'openai/say-5', input: 'Hi.' });
    expect(reply.status).toBe(200);
    await eventually(
      'the spans are dropped',
      async () => (await alone.gateway.fetch('/metrics')).text(),
      (text) => /clawhold_telemetry_dropped_total\{signal="traces",reason="not_taken"\} \d+/.test(text),
    );
  } finally {
    const startedAt = performance.now();
    await alone.end();
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  }
});
