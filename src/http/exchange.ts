import type { Caller } from '../core/turn.ts';

/** A request that came through the door. */
export interface Exchange {
  request: Request;
  /** Path parameters, decoded. */
  params: Record<string, string>;
  query: URLSearchParams;
  caller: Caller;
}

export type Handler = (exchange: Exchange) => Response | Promise<Response>;

export interface Route {
  method: 'GET' | 'POST' | 'DELETE';
  /** As `Bun.serve` reads it: `/v1/responses/:id`. */
  path: string;
  handle: Handler;
}

/** A route that needs no key: health, and nothing that tells about tenants. */
export interface OpenRoute {
  path: string;
  handle: () => Response | Promise<Response>;
}
