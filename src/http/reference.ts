import { z } from 'zod';
import { type DocumentedRoute, documented, templateOf } from './openapi.ts';
import { PUBLISHED, type Reply } from './published.ts';
import type { Route } from './route.ts';
import { REPLY_HEADERS } from './v1/reply-headers.ts';
import { type HeaderScope, REQUEST_HEADERS } from './v1/request-headers.ts';

/** One page with all routes, parameters and headers, made from the tables and schemas that the code uses. */

const INTRODUCTION = `\
# Reference

Every route, parameter and header. The gateway serves the same as an OpenAPI 3.1 document at \`GET /openapi.json\`; [openapi.json](openapi.json) is a copy of it. [errors.md](errors.md) has the codes of errors, [providers.md](providers.md) the providers, and [configuration.md](configuration.md) the settings.

- A key is sent as \`Authorization: Bearer <key>\`, \`x-api-key: <key>\` or \`x-goog-api-key: <key>\`.
- Fields of a body that are not listed here are sent on to a provider that has the same API.
- A header \`x-clawhold-…\` that is not listed here is refused.

\`bun src/composition/write-docs.ts\` writes this page.
`;

export function referenceText(routes: readonly Route[]): string {
  const shown = documented(routes);
  return [
    INTRODUCTION,
    `## Routes\n\n${routeTable(shown)}`,
    ...shown.filter(({ doc }) => doc.body ?? doc.query).map(parameterSection),
    `## Headers of requests\n\n${requestHeaderTable()}`,
    `## Headers of replies\n\n${replyHeaderTable()}`,
  ].join('\n');
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return `${[line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')}\n`;
};

const nameOf = ({ method, path }: Route): string => `${method} ${templateOf(path)}`;

function routeTable(routes: readonly DocumentedRoute[]): string {
  const rows = routes.map((route) => [
    `\`${nameOf(route)}\``,
    route.doc.what,
    { key: 'yes', root: 'root', machine: 'root', open: 'no' }[route.access],
    route.doc.replies.map(replyText).join(', '),
  ]);
  return table(['route', 'what it does', 'key', 'reply'], rows);
}

function replyText({ status, form, schema }: Reply): string {
  const id = schema && PUBLISHED.get(schema)?.id;
  const name = id === undefined ? form : `\`${id}\``;
  const text = form === 'events' ? `events of ${name}` : name;
  return status === 200 ? text : `${status} ${text}`;
}

function parameterSection(route: DocumentedRoute): string {
  const { body, query } = route.doc;
  const parts = [
    ...(query ? [`Query:\n\n${fieldTable(query)}`] : []),
    ...(body ? [`Body:${bodyText(body)}`] : []),
  ];
  return `## ${nameOf(route)}\n\n${parts.join('\n')}`;
}

/** A body that is not an object with certain fields has only a description. */
function bodyText(body: z.ZodType): string {
  return body instanceof z.ZodUnknown ? ` ${body.description}\n` : `\n\n${fieldTable(body)}`;
}

interface FieldSchema {
  description?: string;
  type?: string | string[];
  anyOf?: FieldSchema[];
  enum?: unknown[];
  const?: unknown;
  minimum?: number;
  maximum?: number;
  items?: FieldSchema;
  default?: unknown;
  $ref?: string;
}

function fieldTable(schema: z.ZodType): string {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  const rows = Object.entries(properties).map(([name, field]) => {
    const { description = '', ...rest } = field as FieldSchema;
    return [`\`${name}\``, typeText(rest), required.includes(name) ? 'yes' : 'no', description];
  });
  return table(['field', 'type', 'required', 'what it does'], rows);
}

/** `null` means the same as absent in every field, so the page does not name it. */
function typeText(schema: FieldSchema): string {
  const { anyOf, type, items, $ref, default: fallback } = schema;
  const kinds = anyOf?.map(typeText) ?? [schema.enum ? schema.enum.join(', ') : plainType(type)];
  const named = $ref ? [`\`${$ref.split('/').at(-1)}\``] : items ? [`array of ${typeText(items)}`] : kinds;
  const text = [...new Set(named.filter((kind) => kind !== ''))].join(' or ');
  const isLimited = Math.abs(schema.minimum ?? Infinity) < 2 ** 40 && schema.maximum !== undefined;
  const limits = isLimited ? `, ${schema.minimum} to ${schema.maximum}` : '';
  return `${text}${limits}${fallback === undefined ? '' : `, default ${fallback}`}`;
}

function plainType(type: FieldSchema['type']): string {
  const kinds = [type ?? 'any'].flat().filter((kind) => kind !== 'null');
  return kinds.map((kind) => (kind === 'integer' ? 'whole number' : kind)).join(' or ');
}

const SCOPES: Record<HeaderScope, string> = {
  all: 'all requests',
  turn: 'requests for a turn',
  body: 'requests with a body',
  stream: 'requests for a stream',
  value: 'changes of a value',
};

function requestHeaderTable(): string {
  const rows = REQUEST_HEADERS.map(({ name, values, of, what }) => [
    `\`${name}\``,
    values ? values.map((value) => `\`${value}\``).join(', ') : 'text',
    SCOPES[of],
    what,
  ]);
  return table(['header', 'value', 'has an effect on', 'what it does'], rows);
}

function replyHeaderTable(): string {
  const kinds = {
    ...SCOPES,
    error: 'errors',
    all: 'all replies',
    turn: 'turns',
    body: 'writes',
    stream: 'streams',
    value: 'values of conversations',
  };
  return table(
    ['header', 'comes with', 'what it says'],
    REPLY_HEADERS.map(({ name, of, what }) => [`\`${name}\``, kinds[of], what]),
  );
}
