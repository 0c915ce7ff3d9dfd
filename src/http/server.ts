import { Fault, faultOf } from '../core/errors.ts';
import type { RequestRecord } from '../events/request-events.ts';
import type { Keyring } from '../security/keys.ts';
import { errorResponse } from './envelope.ts';
import type { OpenRoute, Route } from './exchange.ts';
import { type SocketRoute, socketHandlers, type Upgraded } from './socket.ts';

export interface ServerParts {
  host: string;
  port: number;
  keyring: Keyring;
  routes: readonly Route[];
  sockets: SocketRoute;
  /** The allow-list: all that answers without a key. */
  open: readonly OpenRoute[];
  onRequest(record: RequestRecord): void;
}

type BunHandler = (request: Bun.BunRequest) => Promise<Response>;
type Server = Bun.Server<Upgraded>;

/**
 * Starts the server. Every route passes one door: authentication first, then its handler; whatever is
 * thrown leaves as an error of the catalogue.
 */
export function serve(parts: ServerParts): Server {
  return Bun.serve<Upgraded>({
    hostname: parts.host,
    port: parts.port,
    // Streams may be silent for as long as a model thinks.
    idleTimeout: 0,
    // The door counts bodies itself, to answer in the caller's dialect.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    routes: routeTable(parts),
    fetch: (request, server) =>
      door(parts, request, undefined, (record) =>
        isUpgraded(parts, request, server, record) ? undefined : unknownRoute(parts, request),
      ),
    websocket: socketHandlers(parts.sockets),
  });
}

function routeTable(parts: ServerParts): Record<string, Record<string, BunHandler>> {
  const table: Record<string, Record<string, BunHandler>> = {};
  for (const { path, handle } of parts.open) {
    table[path] = { GET: (request) => door(parts, request, undefined, handle) };
  }
  for (const route of parts.routes) {
    table[route.path] ??= {};
    table[route.path]![route.method] = (request) => enter(parts, route, request);
  }
  return table;
}

function enter(parts: ServerParts, route: Route, request: Bun.BunRequest): Promise<Response> {
  return door(parts, request, route, (record) => {
    const caller = { ...parts.keyring.authenticate(request.headers), requestId: record.requestId };
    record.key = caller.key;
    const mark = request.url.indexOf('?');
    const query = new URLSearchParams(mark === -1 ? '' : request.url.slice(mark));
    return route.handle({ request, params: request.params as Record<string, string>, query, caller });
  });
}

/** `handle` answers with nothing where the connection has become a WebSocket. */
async function door<Answer extends Response | undefined>(
  parts: ServerParts,
  request: Request,
  route: Route | undefined,
  handle: (record: RequestRecord) => Answer | Promise<Answer>,
): Promise<Answer | Response> {
  const startedAt = performance.now();
  const record: RequestRecord = {
    requestId: request.headers.get('x-request-id')?.slice(0, 128) || `req_${Bun.randomUUIDv7('base64url')}`,
    method: request.method,
    path: route?.path ?? pathOf(request.url),
    status: 500,
    durationMs: 0,
  };
  let response: Answer | Response;
  try {
    response = await handle(record);
  } catch (error) {
    record.fault = faultOf(error, 'The gateway failed to handle this request.');
    response = errorResponse(record.fault);
  }
  response?.headers.set('x-request-id', record.requestId);
  record.status = response?.status ?? 101;
  record.durationMs = performance.now() - startedAt;
  parts.onRequest(record);
  return response;
}

function pathOf(url: string): string {
  const start = url.indexOf('/', url.indexOf('//') + 2);
  const end = url.indexOf('?', start);
  return start === -1 ? '/' : url.slice(start, end === -1 ? undefined : end);
}

/** Takes a WebSocket through the same door; false where none is asked for here. */
function isUpgraded(parts: ServerParts, request: Request, server: Server, record: RequestRecord): boolean {
  if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket') return false;
  if (record.path !== parts.sockets.path) return false;
  const { requestId } = record;
  const caller = { ...parts.keyring.authenticate(request.headers), requestId };
  record.key = caller.key;
  const onFailure = (fault: Fault, durationMs: number) =>
    parts.onRequest({ ...record, status: fault.kind.status, durationMs, fault });
  const opening = { headers: new Headers(request.headers), caller, onFailure };
  return server.upgrade(request, { headers: { 'x-request-id': requestId }, data: { opening } });
}

/** Unknown paths ask for a key too: without one, nothing can be learned of what is here. */
function unknownRoute(parts: ServerParts, request: Request): Response {
  parts.keyring.authenticate(request.headers);
  const path = pathOf(request.url);
  const isHere = (route: { path: string }) =>
    new RegExp(`^${route.path.replace(/:\w+/g, '[^/]+').replace(/\*$/, '.*')}$`).test(path);
  const allowed = parts.routes.filter(isHere).map(({ method }) => method);
  if (allowed.length === 0) throw new Fault('not_found', `There is nothing at ${request.method} ${path}.`);
  const response = errorResponse(new Fault('method_not_allowed', `${path} does not take ${request.method}.`));
  response.headers.set('allow', allowed.join(', '));
  return response;
}
