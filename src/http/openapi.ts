import { z } from 'zod';
import { PUBLISHED, type Reply, type RouteDoc } from './published.ts';
import type { Route } from './route.ts';
import { ErrorReply } from './v1/replies.ts';
import { REPLY_HEADERS } from './v1/reply-headers.ts';
import { type HeaderScope, REQUEST_HEADERS, type RequestHeader } from './v1/request-headers.ts';

/** The routes as an OpenAPI 3.1 document, made from the schemas and tables that the code itself uses. */

type Json = Record<string, unknown>;

/** A route that is in the document. */
export type DocumentedRoute = Route & { doc: RouteDoc };

/** The routes with documentation, sorted by path. */
export const documented = (routes: readonly Route[]): DocumentedRoute[] =>
  routes.filter((route): route is DocumentedRoute => route.doc !== undefined);

export function openApiDocument(routes: readonly Route[]): Json {
  const paths: Record<string, Json> = {};
  for (const route of documented(routes)) {
    const path = templateOf(route.path);
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Clawhold',
      version: '1',
      description:
        'The APIs of OpenAI in front of any provider. Unknown fields of a body are passed on to the provider.',
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }, { apiKey: [] }, { googleKey: [] }],
    paths,
    components: {
      schemas: componentSchemas(),
      parameters: Object.fromEntries(HEADERS.map((header) => [header.name, headerParameter(header)])),
      headers: Object.fromEntries(
        REPLY_HEADERS.map(({ name, what }) => [name, { description: what, schema: { type: 'string' } }]),
      ),
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' },
        googleKey: { type: 'apiKey', in: 'header', name: 'x-goog-api-key' },
        keyInQuery: { type: 'apiKey', in: 'query', name: 'key', description: 'For paths of `/v1beta`.' },
      },
    },
  };
}

/** `/v1/responses/:id` → `/v1/responses/{id}` */
export const templateOf = (path: string): string =>
  path.replace(/(?<=\/):(\w+)/g, '{$1}').replace('*', '{model}');

const REF = (id: string) => `#/components/schemas/${id}`;
const CONVERSION = { io: 'input', unrepresentable: 'any', override: withoutNoise } as const;

function componentSchemas(): Record<string, Json> {
  const { schemas } = z.toJSONSchema(PUBLISHED, { ...CONVERSION, uri: REF });
  // Sorted, because the order of the registry depends on which module is loaded first.
  const sorted = Object.entries(schemas).sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(sorted.map(([id, { $schema, $id, ...schema }]) => [id, schema as Json]));
}

/** Removes the limits of safe integers: they are no rule of the API. */
function withoutNoise({ jsonSchema }: { jsonSchema: Json }): void {
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
}

/** The reference to a schema by its name. */
function refTo(schema: z.ZodType): Json {
  const id = PUBLISHED.get(schema)?.id;
  if (id === undefined) throw new Error('A schema of a route has no published name.');
  return { $ref: REF(id) };
}

function operation({ access, doc, path, method }: DocumentedRoute): Json {
  const { what, body } = doc;
  return {
    operationId: `${method.toLowerCase()}${templateOf(path).replace(/\W+(\w)?/g, (_, letter = '') => letter.toUpperCase())}`,
    summary: what,
    ...(access === 'open' && { security: [] }),
    parameters: parametersOf(path, doc),
    ...(body && { requestBody: { content: { 'application/json': { schema: refTo(body) } } } }),
    responses: responsesOf(doc),
  };
}

function parametersOf(path: string, doc: RouteDoc): Json[] {
  const inPath = [...templateOf(path).matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const query = doc.query ? (z.toJSONSchema(doc.query, CONVERSION).properties as Record<string, Json>) : {};
  const inQuery = Object.entries(query).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    description,
    schema,
  }));
  const inHeader = HEADERS.filter(({ of }) => countsFor(of, doc)).map(({ name }) => ({
    $ref: `#/components/parameters/${name}`,
  }));
  return [...inPath, ...inQuery, ...inHeader];
}

/** All request headers except those with keys, which OpenAPI describes as security schemes. */
const KEYS = new Set(['authorization', 'x-api-key', 'x-goog-api-key']);
const HEADERS = REQUEST_HEADERS.filter(({ name }) => !KEYS.has(name));

const headerParameter = ({ name, what, values }: RequestHeader): Json => ({
  name,
  in: 'header',
  description: what,
  schema: { type: 'string', ...(values && { enum: values }) },
});

/** Whether the headers of this scope have an effect on the route. */
function countsFor(scope: HeaderScope, { turn, value, body, replies }: RouteDoc): boolean {
  switch (scope) {
    case 'all':
      return true;
    case 'turn':
      return turn === 'asked';
    case 'value':
      return value === 'write';
    case 'body':
      return body !== undefined;
    case 'stream':
      return replies.some(({ form }) => form === 'events');
  }
}

const MEDIA_TYPES: Record<Reply['form'], string> = {
  json: 'application/json',
  events: 'text/event-stream',
  text: 'text/html',
};

function responsesOf(doc: RouteDoc): Json {
  const responses: Record<string, { description: string; headers: Json; content: Json }> = {};
  for (const { status, form, schema } of doc.replies) {
    responses[status] ??= { description: 'The reply.', headers: headersOf(doc, false), content: {} };
    responses[status].content[MEDIA_TYPES[form]] = schema ? { schema: refTo(schema) } : {};
  }
  const content = { 'application/json': { schema: refTo(doc.failure ?? ErrorReply) } };
  return { ...responses, default: { description: 'An error.', headers: headersOf(doc, true), content } };
}

function headersOf(doc: RouteDoc, isError: boolean): Json {
  const shown = REPLY_HEADERS.filter(({ of }) =>
    of === 'error'
      ? isError
      : (of === 'turn' && doc.turn) || (of === 'value' && doc.value) || countsFor(of, doc),
  );
  return Object.fromEntries(shown.map(({ name }) => [name, { $ref: `#/components/headers/${name}` }]));
}
