import { hash, timingSafeEqual } from 'node:crypto';
import { Fault } from '../core/errors.ts';
import { errorResponse } from './envelope.ts';
import type { Route } from './route.ts';

/** The metrics as text, and who may read them. */
export interface MetricsSource {
  /** In the format that the header `Accept` asks for. */
  read(accept: string | null): Promise<{ contentType: string; text: string }>;
  /** A key that opens only the metrics; it may change with the configuration. */
  key(): string | undefined;
}

const METRICS_PATH = '/metrics';

/** `/metrics` on the port of the gateway. */
export const metricsRoute = (source: MetricsSource): Route => ({
  method: 'GET',
  path: METRICS_PATH,
  access: 'machine',
  doc: {
    what: 'The metrics of the gateway, for Prometheus. Needs the root key, or the key of `metrics.key`.',
    replies: [{ status: 200, form: 'text' }],
  },
  opens: (headers) => hasKey(headers, source),
  handle: (request) => metricsText(request, source),
});

/** `/metrics` on a port of its own. It needs a key only where the configuration has one for the metrics. */
export function listenForMetrics(
  source: MetricsSource,
  at: { host: string; port: number; reusePort: boolean },
): Bun.Server<undefined> {
  return Bun.serve({
    hostname: at.host,
    port: at.port,
    reusePort: at.reusePort,
    fetch(request) {
      const isAsked = new URL(request.url).pathname === METRICS_PATH;
      if (!isAsked || (request.method !== 'GET' && request.method !== 'HEAD'))
        return errorResponse(new Fault('not_found', `There is only GET ${METRICS_PATH} on this port.`));
      if (source.key() !== undefined && !hasKey(request.headers, source))
        return errorResponse(new Fault('invalid_key', 'The metrics need the key of `metrics.key`.'));
      return metricsText(request, source);
    },
  });
}

async function metricsText(request: Request, source: MetricsSource): Promise<Response> {
  const { contentType, text } = await source.read(request.headers.get('accept'));
  return new Response(text, { headers: { 'content-type': contentType, 'cache-control': 'no-store' } });
}

function hasKey(headers: Headers, source: MetricsSource): boolean {
  const key = source.key();
  const given =
    /^bearer +(\S+) *$/i.exec(headers.get('authorization') ?? '')?.[1] ?? headers.get('x-api-key');
  return (
    key !== undefined && given !== null && given !== undefined && timingSafeEqual(digest(given), digest(key))
  );
}

/** Digests have one length, so that the comparison takes the same time for every key. */
const digest = (key: string): Buffer => hash('sha256', key, 'buffer');
