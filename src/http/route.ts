import type { Fault } from '../core/errors.ts';
import type { Caller } from '../core/request.ts';
import type { RouteDoc } from './published.ts';

/** What the configuration says about requests. It may change while the gateway runs. */
export interface HttpSettings {
  /** The largest body of a request, and the largest message of a WebSocket, in bytes. */
  bodyBytes: number;
  /** How long the body of a request may take to arrive, in milliseconds. */
  bodyMs: number;
  /** How long a WebSocket may be open, in milliseconds. */
  socketMs: number;
  /** The request headers that rules of aliases read. */
  ruleHeaders: readonly string[];
}

/** The settings as they are now. */
export type SettingsSource = () => HttpSettings;

/** A request whose caller is known. */
export interface Exchange {
  request: Request;
  /** Path parameters, decoded; the rest of the path is under `*`. */
  params: Readonly<Record<string, string>>;
  query: URLSearchParams;
  caller: Caller;
}

/** Answers a request that its route fits. What it throws becomes an error in the caller's dialect. */
export type Handler = (exchange: Exchange) => Response | Promise<Response>;

interface Endpoint {
  /** A route for GET answers HEAD, too. */
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /**
   * An exact path, or a pattern: `:name` stands for one segment that is not empty, `*` for any text, also with
   * slashes. Of several patterns that fit a path, the first one counts; an exact path comes before all patterns.
   */
  path: string;
  /** Whether a path that the pattern fits is one of the route; absent where all are. */
  fits?(params: Readonly<Record<string, string>>): boolean;
  /** What the reference and the OpenAPI document say about the route. A route without it is in neither. */
  doc?: RouteDoc;
  /** How the route tells of a failure; OpenAI's envelope where absent. */
  error?(fault: Fault, requestId: string): Response;
  /** As `Dialect.requestIdHeader`. */
  requestIdHeader?: string;
  /** As `Dialect.hasKeyInQuery`. */
  hasKeyInQuery?: true;
}

/** What the gateway does for a method and a path, and what a request needs for it. */
export type Route = Endpoint &
  /** `root`: the root key. */
  (
    | { access: 'key' | 'root'; handle: Handler }
    /**
     * Needs no key. Only for health, the page at `/`, the OpenAPI document, the files of the dashboard, and to
     * sign in there. The reply must not reveal anything about tenants.
     */
    | { access: 'open'; handle(request: Request): Response | Promise<Response> }
    /** Needs the root key, or a key of the route's own, which opens nothing else: for programs that watch the gateway. */
    | {
        access: 'machine';
        /** Whether the request has the route's own key. */
        opens(headers: Headers): boolean;
        handle(request: Request): Response | Promise<Response>;
      }
  );
