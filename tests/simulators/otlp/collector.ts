import { REQUESTS, type ReceivedLog, type ReceivedMetric, type ReceivedSpan } from './messages.ts';

/** An attribute's value without its type. */
export type Value = string | number | boolean | Value[];

/** A collector that takes OTLP over HTTP and refuses what a real one could not decode. */
export interface Collector {
  url: string;
  spans: ReceivedSpan[];
  metrics: ReceivedMetric[];
  logs: ReceivedLog[];
  /** The resource of the last request, and its headers. */
  resource: Record<string, Value>;
  headers: Record<string, string>;
  /** What is wrong with the requests that were refused. */
  refused: string[];
  requests: number;
  stop(): void;
}

export function startCollector(): Collector {
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      collector.requests++;
      const { pathname } = new URL(request.url);
      const schema = REQUESTS[pathname as keyof typeof REQUESTS];
      if (!schema || request.headers.get('content-type') !== 'application/json')
        return refuse(`${pathname} ${request.headers.get('content-type')}`);
      const bytes = new Uint8Array(await request.arrayBuffer());
      const plain = request.headers.get('content-encoding') === 'gzip' ? Bun.gunzipSync(bytes) : bytes;
      const read = schema.safeParse(JSON.parse(new TextDecoder().decode(plain)));
      if (!read.success) return refuse(read.error.message);
      collector.headers = request.headers.toJSON() as Record<string, string>;
      take(read.data);
      return Response.json({});
    },
  });
  const refuse = (why: string) => {
    collector.refused.push(why);
    return Response.json({ code: 3, message: why }, { status: 400 });
  };
  const take = (data: object) => {
    for (const { resource, ...scopes } of Object.values(data)[0]) {
      collector.resource = valuesOf(resource.attributes);
      for (const scope of Object.values<{ spans?: []; metrics?: []; logRecords?: [] }[]>(scopes).flat()) {
        collector.spans.push(...(scope.spans ?? []));
        collector.metrics.push(...(scope.metrics ?? []));
        collector.logs.push(...(scope.logRecords ?? []));
      }
    }
  };
  const collector: Collector = {
    url: `http://127.0.0.1:${server.port}`,
    ...{ spans: [], metrics: [], logs: [], resource: {}, headers: {}, refused: [], requests: 0 },
    stop: () => void server.stop(true),
  };
  return collector;
}

/** Attributes as an object. */
export function valuesOf(attributes: ReceivedSpan['attributes']): Record<string, Value> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, plainValue(value)]));
}

function plainValue(value: unknown): Value {
  const [[kind, inner] = []] = Object.entries(value as object);
  if (kind === 'intValue') return Number(inner);
  if (kind === 'arrayValue') return (inner as { values: unknown[] }).values.map(plainValue);
  return inner as Value;
}
