import { describe, expect, test } from 'bun:test';
import { Bounds } from '../../../src/observe/metrics/label-values.ts';
import { Registry } from '../../../src/observe/metrics/registry.ts';
import { Outbox } from '../../../src/observe/otlp/outbox.ts';
import { telemetryHeaders, telemetrySettings } from '../../../src/observe/otlp/settings.ts';
import { Tracer } from '../../../src/observe/traces/tracer.ts';

const CONFIGURED = {
  ...{ headers: { a: '1' }, serviceName: 'desk', metricsMs: 60_000 },
  ...{ traces: true, metrics: false, logs: false },
};

describe('the settings', () => {
  test('have no address without one', () => {
    expect(telemetrySettings(CONFIGURED, {}, '1').urls).toEqual({});
  });

  test('follow the variables of OpenTelemetry', () => {
    const settings = telemetrySettings(
      CONFIGURED,
      {
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://one:4318/',
        OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://two/logs',
        OTEL_LOGS_EXPORTER: 'otlp',
        OTEL_RESOURCE_ATTRIBUTES: 'team=a%20b,service.name=other',
        OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
        OTEL_TRACES_SAMPLER_ARG: '0.25',
        OTEL_EXPORTER_OTLP_TIMEOUT: '500',
      },
      '1.2',
    );
    expect(settings).toMatchObject({
      urls: { traces: 'http://one:4318/v1/traces', logs: 'http://two/logs' },
      resource: { team: 'a b', 'service.name': 'other', 'service.version': '1.2' },
      ...{ sample: 0.25, timeoutMs: 500 },
    });
    expect(settings.urls.metrics).toBeUndefined();
  });

  test('have nothing where the variables say so', () => {
    const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://one' };
    expect(telemetrySettings(CONFIGURED, { ...endpoint, OTEL_SDK_DISABLED: 'true' }, '1').urls).toEqual({});
    expect(telemetrySettings(CONFIGURED, { ...endpoint, OTEL_TRACES_EXPORTER: 'none' }, '1').urls).toEqual(
      {},
    );
  });

  test('add headers', () => {
    const env = { OTEL_EXPORTER_OTLP_HEADERS: 'b=2, c=3%2C4' };
    expect(telemetryHeaders(CONFIGURED, env)).toEqual({ a: '1', b: '2', c: '3,4' });
  });
});

describe('the outbox', () => {
  const counts = () => {
    const registry = new Registry(new Bounds({}, 64));
    const sent = registry.counter('sent_total', 'Sent.', 'signal');
    return { sent, dropped: registry.counter('dropped_total', 'Dropped.', 'signal', 'reason') };
  };
  const outbox = <Entry = number>(port: number, of: ReturnType<typeof counts>) =>
    new Outbox<Entry>({
      ...{ signal: 'traces', url: `http://127.0.0.1:${port}/`, headers: () => ({}), counts: of },
      settings: { timeoutMs: 1_000, compresses: true },
      body: (entries) => JSON.stringify(entries),
    });

  test('holds a bounded number of entries, and counts the others', async () => {
    const of = counts();
    const waiting = outbox(1, of);
    for (let entry = 0; entry < 5_000; entry++) waiting.put(entry);
    expect(of.dropped.series()).toEqual([{ labels: ['traces', 'full'], value: 904 }]);
    await waiting.close();
  });

  test('holds a bounded size of entries, and sends large ones in several batches', async () => {
    const sizes: number[] = [];
    const server = Bun.serve({
      port: 0,
      async fetch(request) {
        sizes.push(
          (JSON.parse(new TextDecoder().decode(Bun.gunzipSync(await request.arrayBuffer()))) as []).length,
        );
        return new Response();
      },
    });
    const of = counts();
    const waiting = outbox<string>(server.port!, of);
    for (let entry = 0; entry < 20; entry++) waiting.put('x'.repeat(1024 * 1024));
    expect(of.dropped.series()).toEqual([{ labels: ['traces', 'full'], value: 4 }]);
    await waiting.close();
    expect(sizes).toEqual([4, 4, 4, 4]);
    server.stop(true);
  });

  test('sends what waits when it is closed, and counts what was rejected', async () => {
    const got: number[] = [];
    const server = Bun.serve({
      port: 0,
      async fetch(request) {
        got.push(
          ...(JSON.parse(new TextDecoder().decode(Bun.gunzipSync(await request.arrayBuffer()))) as number[]),
        );
        return Response.json({ partialSuccess: { rejectedSpans: '2' } });
      },
    });
    const of = counts();
    const waiting = outbox(server.port!, of);
    for (let entry = 0; entry < 600; entry++) waiting.put(entry);
    await waiting.close();
    expect(got).toHaveLength(600);
    expect(of.sent.series()[0]!.value).toBe(596);
    expect(of.dropped.series()).toEqual([{ labels: ['traces', 'rejected'], value: 4 }]);
    server.stop(true);
  });

  test('gives up within a bounded time when its collector hangs', async () => {
    const server = Bun.serve({ port: 0, fetch: () => new Promise<Response>(() => {}) });
    const waiting = outbox(server.port!, counts());
    waiting.put(1);
    const startedAt = performance.now();
    await waiting.close();
    expect(performance.now() - startedAt).toBeLessThan(4_000);
    server.stop(true);
  });
});

test('the share of traces that are sent is that of the settings', () => {
  const tracer = new Tracer(
    () => ({ sample: 0.25, slowMs: 1, content: false }),
    () => {},
  );
  const traces = Array.from({ length: 4_000 }, () => tracer.begin({ parent: null, state: null }));
  const share = traces.filter(({ isSampled }) => isSampled).length / traces.length;
  expect(share).toBeGreaterThan(0.2);
  expect(share).toBeLessThan(0.3);
});
