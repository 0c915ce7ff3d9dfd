import { z } from 'zod';
import { openApiDocument } from './openapi.ts';
import { json, published } from './published.ts';
import type { Route } from './route.ts';

const OpenApi = published('OpenApi', z.looseObject({ openapi: z.string() }));

/**
 * Serves the OpenAPI document of `routes` and of this route itself. The document is the same for every caller
 * and needs no key.
 */
export function openApiRoute(routes: readonly Route[]): Route {
  let text: string | undefined;
  const route: Route = {
    method: 'GET',
    path: '/openapi.json',
    access: 'open',
    doc: { what: 'The OpenAPI 3.1 document of these routes.', replies: [json(OpenApi)] },
    handle() {
      text ??= JSON.stringify(openApiDocument([...routes, route]));
      return new Response(text, { headers: { 'content-type': 'application/json' } });
    },
  };
  return route;
}
