import type { Api } from '../api/api.ts';
import { Fault, faultOf } from '../core/errors.ts';
import type { Emit, GatewayEvent } from '../core/events.ts';
import type { Reload } from '../core/reload.ts';
import type { Caller } from '../core/request.ts';
import { adminRoutes, type OperatorParts } from './admin/routes.ts';
import { callerByCookie } from './admin/sign-in.ts';
import type { Authenticator } from './authenticator.ts';
import { type DashboardFiles, dashboardRoutes } from './dashboard.ts';
import type { Dialect } from './dialect.ts';
import { DIALECTS } from './dialects.ts';
import { errorResponse } from './envelope.ts';
import { googleMethodOf } from './google-method.ts';
import { type Health, healthRoutes } from './health.ts';
import { type MetricsSource, metricsRoute } from './metrics.ts';
import { openApiRoute } from './openapi-route.ts';
import { reloadRoute } from './reload.ts';
import type { Route, SettingsSource } from './route.ts';
import { isHalfUpgrade, type SocketRoute, socketHandlers, type Upgraded, upgradeLost } from './socket.ts';
import { type TraceSource, traceOf } from './trace.ts';
import { pinRoutes } from './v1/conversations/pin-routes.ts';
import { conversationRoutes } from './v1/conversations/routes.ts';
import { valueRoutes } from './v1/conversations/value-routes.ts';
import { embeddingRoutes } from './v1/embeddings/routes.ts';
import { modelRoutes } from './v1/models.ts';
import { OWN, OWN_HEADERS, REQUEST_ID, unknownHeader } from './v1/request-headers.ts';
import { ResponseSockets } from './v1/responses/websocket.ts';
import { turnRoutes } from './v1/turn-routes.ts';
import { WELCOME } from './welcome.ts';
import { noRoute } from './wrong-path.ts';

/** What the routes work with. */
export interface RouteParts extends OperatorParts {
  api: Api;
  settings: SettingsSource;
  health: Health;
  /** When the gateway started: the age of its models. Milliseconds since the epoch. */
  startedAt: number;
  /** The dialects that callers may speak; the gateway's own ones where absent. */
  dialects?: readonly Dialect[];
  /** Reads the configuration again. */
  reload(): Promise<Reload>;
  /** Absent: `/metrics` is not on this port. */
  metrics?: MetricsSource;
  dashboard: DashboardFiles;
}

/** What the server works with. */
export interface ServerParts extends RouteParts {
  host: string;
  /** 0 takes any free port. */
  port: number;
  /** Processes of one user share the port: the kernel divides its connections among them (Linux). */
  reusePort?: boolean;
  authenticator: Authenticator;
  /** Requests with a key wait for it; where it rejects, they fail with its reason. Absent: they are handled at once. */
  prepared?: Promise<unknown>;
  /** The trace of a request, from what its caller says of it. Absent: requests are in no trace. */
  trace?: TraceSource;
  /** Gets a `request-ended` for every request, also for each one on a WebSocket that fails. */
  emit: Emit;
}

/** The gateway's HTTP server, before it listens. */
export interface Server {
  /**
   * Answers a request like the running server, without a port. An upgrade to a WebSocket is answered like any
   * other request: it needs a connection.
   */
  fetch(request: Request): Promise<Response>;
  /** Takes the port and answers its requests. */
  listen(): RunningServer;
}

/** The server while it listens. */
export interface RunningServer {
  /** The port that was taken. */
  port: number;
  /**
   * Takes no more connections; WebSockets get `reason`, begin no more requests, and close when those that run
   * have ended. Resolves when the last request has been answered.
   */
  close(reason: Fault): Promise<void>;
  /** Ends all connections at once. */
  stop(): Promise<void>;
}

/** All routes of the gateway. */
export function routesOf(parts: RouteParts): Route[] {
  const { api, settings, health, startedAt, dialects = DIALECTS, reload, metrics } = parts;
  const routes = [
    ...dialects.flatMap((dialect) => turnRoutes(dialect, api, settings)),
    ...conversationRoutes(api, settings),
    ...valueRoutes(api, settings),
    ...pinRoutes(api),
    ...embeddingRoutes(api, settings),
    ...modelRoutes(api, startedAt, dialects),
    ...adminRoutes(api, settings, parts),
    ...dashboardRoutes(parts.dashboard),
    ...healthRoutes(health),
    reloadRoute(reload),
    ...(metrics ? [metricsRoute(metrics)] : []),
    WELCOME,
  ];
  return [...routes, openApiRoute(routes)];
}

/** The gateway as an HTTP server. */
export function openServer(parts: ServerParts): Server {
  const sockets = new ResponseSockets(parts);
  const handler = new RequestHandler(parts, new Router(routesOf(parts)), sockets);
  return {
    // Without Bun's server, no request becomes a WebSocket.
    fetch: (request) => handler.handle(request) as Promise<Response>,
    listen: () => listen(parts, handler, sockets),
  };
}

function listen(
  { host, port, reusePort }: ServerParts,
  handler: RequestHandler,
  sockets: SocketRoute,
): RunningServer {
  const server = Bun.serve<Upgraded>({
    hostname: host,
    port,
    reusePort,
    // Streams may be silent for as long as a model thinks.
    idleTimeout: 0,
    // `readBody` counts the bytes, so that the refusal is in the caller's dialect.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    fetch: (request, bun) => handler.handle(request, bun),
    websocket: socketHandlers(sockets),
  });
  return {
    port: server.port!,
    close(reason) {
      const closed = server.stop();
      sockets.retire(reason);
      return closed;
    },
    stop: () => server.stop(true),
  };
}

type RequestEnded = Extract<GatewayEvent, { type: 'request-ended' }>;
type BunServer = Bun.Server<Upgraded>;

const NO_QUERY = new URLSearchParams();

/** Handles every request: authenticates its caller, and lets its route answer. A failure becomes an error reply. */
class RequestHandler {
  /** Undefined once requests need not wait for it. */
  private preparing: Promise<unknown> | undefined;

  constructor(
    private readonly parts: ServerParts,
    private readonly router: Router,
    private readonly sockets: SocketRoute,
  ) {
    this.preparing = parts.prepared;
    const open = () => {
      this.preparing = undefined;
    };
    parts.prepared?.then(open, () => {});
  }

  /** Resolves to nothing where the connection has become a WebSocket of `bun`. */
  async handle(request: Request, bun?: BunServer): Promise<Response | undefined> {
    const startedAt = performance.now();
    const { url, headers } = request;
    const start = url.indexOf('/', url.indexOf('//') + 2);
    const mark = url.indexOf('?', start);
    const path = mark === -1 ? url.slice(start) : url.slice(start, mark);
    const match = this.router.find(request.method, path);
    const record: RequestEnded = {
      type: 'request-ended',
      requestId: headers.get(REQUEST_ID.name)?.slice(0, 128) || `req_${Bun.randomUUIDv7('base64url')}`,
      method: request.method,
      path: match?.route.path ?? path,
      route: match?.route.path,
      status: 500,
      startedAt,
      durationMs: 0,
      trace: traceOf(headers, this.parts.trace),
    };
    let response: Response | undefined;
    try {
      // Bun joins the values of headers that come twice (RFC 9112, section 3.2: such a request is a 400).
      if (headers.get('host')?.includes(','))
        throw new Fault('invalid_request', 'The request has more than one Host header.');
      if (match?.route.access === 'open') {
        record.isOpen = true;
        response = await match.route.handle(request);
      } else if (match?.route.access === 'machine') {
        const { route } = match;
        record.isOpen = true;
        if (!route.opens(headers)) await this.expectRoot(headers, record);
        response = await route.handle(request);
      } else {
        const query = mark === -1 ? NO_QUERY : new URLSearchParams(url.slice(mark));
        const inQuery = match?.route.hasKeyInQuery ? query.get('key') : null;
        const known =
          callerByCookie(request, path, this.parts.signIns) ??
          this.parts.authenticator.authenticate(headers, inQuery);
        const { requestId, trace } = record;
        const caller = {
          ...(known instanceof Promise ? await known : known),
          requestId,
          receivedAt: startedAt,
          trace,
        };
        record.key = caller.key;
        refuseUnknownHeaders(headers);
        if (this.preparing) await this.preparing;
        if (match) {
          if (match.route.access === 'root' && !caller.isRoot) throw rootKeyRequired(path);
          response = await match.route.handle({ request, params: match.params, query, caller });
        } else if (!bun || !this.isUpgraded(request, bun, record, caller)) {
          throw isHalfUpgrade(request, path, this.sockets.path)
            ? upgradeLost(path)
            : noRoute(request.method, path, this.router);
        }
      }
    } catch (error) {
      record.fault = faultOf(error, 'The gateway failed to handle this request.');
      response = (match?.route.error ?? this.router.errorAt(path))(record.fault, record.requestId);
    }
    response?.headers.set('x-request-id', record.requestId);
    if (match?.route.requestIdHeader) response?.headers.set(match.route.requestIdHeader, record.requestId);
    record.status = response?.status ?? 101;
    record.durationMs = performance.now() - startedAt;
    this.parts.emit(record);
    return response;
  }

  private async expectRoot(headers: Headers, record: RequestEnded): Promise<void> {
    const { key, isRoot } = await this.parts.authenticator.authenticate(headers);
    record.key = key;
    if (!isRoot) throw new Fault('root_key_required', 'Only the root key can read this.');
  }

  /** Makes the connection a WebSocket; false where the request asks for none, or the path takes none. */
  private isUpgraded(request: Request, bun: BunServer, record: RequestEnded, caller: Caller): boolean {
    if (record.path !== this.sockets.path) return false;
    if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket') return false;
    const onFailure = (fault: Fault, durationMs: number) =>
      this.parts.emit({ ...record, status: fault.kind.status, durationMs, fault });
    // Bun would agree to the first subprotocol that is offered. The gateway speaks none, and clients put keys there.
    request.headers.delete('sec-websocket-protocol');
    const opening = { headers: new Headers(request.headers), caller, onFailure };
    return bun.upgrade(request, { headers: { 'x-request-id': record.requestId }, data: { opening } });
  }
}

const rootKeyRequired = (path: string): Fault =>
  new Fault('root_key_required', `Only the root key can call ${path}.`);

function refuseUnknownHeaders(headers: Headers): void {
  for (const name of headers.keys()) {
    if (name.startsWith(OWN) && !OWN_HEADERS.has(name)) throw unknownHeader(name);
  }
}

interface Match {
  route: Route;
  params: Readonly<Record<string, string>>;
}

/** The routes of one pattern, by their methods. */
interface Pattern {
  expression: RegExp;
  /** The names of the expression's groups, in order. */
  names: readonly string[];
  routes: Map<string, Route>;
}

/** Finds the route of a method and a path. */
class Router {
  private readonly exact = new Map<string, Map<string, Match>>();
  private readonly patterns = new Map<string, Pattern>();

  /** The APIs that have all paths below a prefix. */
  private readonly below: { prefix: string; route: Route }[] = [];

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      const [prefix] = /^\/v1beta\/|^\/v1\/messages\//.exec(route.path) ?? [];
      if (prefix !== undefined && route.error) this.below.push({ prefix, route });
      if (/\/:|\*/.test(route.path)) this.addPattern(route);
      else this.addExact(route);
    }
  }

  find(method: string, path: string): Match | undefined {
    // Bun leaves the body of a reply to HEAD out.
    const asked = method === 'HEAD' ? 'GET' : method;
    const exact = this.exact.get(path);
    if (exact) return exact.get(asked);
    for (const { expression, names, routes } of this.patterns.values()) {
      const found = expression.exec(path);
      if (!found) continue;
      const route = routes.get(asked);
      if (!route) continue;
      const params = paramsOf(names, found);
      if (route.fits?.(params) ?? true) return { route, params };
    }
    return undefined;
  }

  get exactPaths(): string[] {
    return [...this.exact.keys()];
  }

  /** The methods that callers may use at a path. Routes without a key are not named. */
  methodsAt(path: string): string[] {
    const routes = this.routesAt(path).filter(({ access }) => access !== 'open');
    return [...new Set(routes.map(({ method }) => method))];
  }

  /** The form of errors at a path where no route takes the method: that of the API that the path belongs to. */
  errorAt(path: string): NonNullable<Route['error']> {
    const at = this.routesAt(path)[0] ?? this.below.find(({ prefix }) => isBelow(path, prefix))?.route;
    return at?.error ?? errorResponse;
  }

  private routesAt(path: string): Route[] {
    const exact = this.exact.get(path);
    if (exact) return [...exact.values()].map(({ route }) => route);
    return [...this.patterns.values()].flatMap(({ expression, names, routes }) => {
      const found = expression.exec(path);
      if (!found) return [];
      const params = paramsOf(names, found);
      return [...routes.values()].filter(({ fits }) => fits?.(params) ?? true);
    });
  }

  private addExact(route: Route): void {
    const methods = this.exact.get(route.path) ?? new Map<string, Match>();
    this.exact.set(route.path, methods.set(route.method, { route, params: {} }));
  }

  private addPattern(route: Route): void {
    const { path, method } = route;
    const pattern = this.patterns.get(path) ?? patternOf(path);
    pattern.routes.set(method, route);
    this.patterns.set(path, pattern);
  }
}

/** Google's API has some of its paths below `/v1/`, too. */
const isBelow = (path: string, prefix: string): boolean =>
  path.startsWith(prefix) || (prefix === '/v1beta/' && googleMethodOf(path) !== undefined);

/** Literal parts of our paths have no characters that an expression would read in another way. */
function patternOf(path: string): Pattern {
  const names: string[] = [];
  const source = path.replace(/(?<=\/):(\w+)|\*/g, (whole, name?: string) => {
    names.push(name ?? whole);
    return name ? '([^/]+)' : '(.*)';
  });
  return { expression: new RegExp(`^${source}$`), names, routes: new Map() };
}

function paramsOf(names: readonly string[], found: RegExpExecArray): Record<string, string> {
  const params: Record<string, string> = {};
  names.forEach((name, index) => {
    params[name] = decoded(found[index + 1]!);
  });
  return params;
}

/** Text that is not well encoded gets replacement characters, which are in no id and no name. */
function decoded(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text.replaceAll('%', '\ufffd');
  }
}
