import { z } from 'zod';
import type { Tenant } from '../../core/request.ts';
import type { Exchange } from '../route.ts';
import { invalid, validate } from '../v1/fields.ts';

/** What the routes of the management API read of a query, and how they write times, money and pages. */

const LIMIT = 'expected a whole number from 1 to 100';
const number = (error: string) => z.coerce.number({ error });

export const tenantField = z
  .string()
  .min(1)
  .max(255)
  .optional()
  .describe("Whose data; the key's own tenant where absent.");

export const tenantSchema = z.object({ tenant: tenantField });

export const cursorSchema = z.object({
  tenant: tenantField,
  cursor: z.string().max(100).optional().describe('`next_cursor` of the page before.'),
  limit: number(LIMIT)
    .int({ error: LIMIT })
    .min(1, { error: LIMIT })
    .max(100, { error: LIMIT })
    .default(50)
    .describe('How many entries at most: 1 to 100.'),
});

const MOMENT = 'a time such as `2026-01-31T12:00:00Z`, a date, or an age such as `90m`, `24h` or `7d`';
const UNITS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A time that a query names: a time, a date in UTC, or an age. */
export const moment = z.string().max(40).optional();

/** The time of a `moment` in milliseconds since the epoch. */
export function momentOf(value: string | undefined, param: string, now: number): number | undefined {
  if (value === undefined) return undefined;
  const [, amount, unit] = /^(\d{1,6})([smhd])$/.exec(value) ?? [];
  if (amount !== undefined) return now - Number(amount) * UNITS[unit as keyof typeof UNITS];
  const time = /^\d{4}-\d\d-\d\d/.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(time)) throw invalid(param, MOMENT);
  return time;
}

/** The query as a schema reads it; an unknown parameter is refused: it would be ignored. */
export function queryOf<Schema extends z.ZodObject>(
  schema: Schema,
  query: URLSearchParams,
): z.output<Schema> {
  const known = Object.keys(schema.shape);
  for (const name of query.keys())
    if (!known.includes(name)) throw invalid(name, `one of ${known.join(', ')}`);
  return validate(schema, Object.fromEntries(query));
}

/** The tenant that a request is about. */
export const tenantOf = ({ caller }: Exchange, asked: string | undefined): Tenant =>
  (asked as Tenant | undefined) ?? caller.tenant;

/** A page as the store takes it. */
export function pageOf({ cursor, limit }: { cursor?: string; limit: number }) {
  return { limit, ...(cursor !== undefined && { after: parseCursor(cursor) }) };
}

function parseCursor(cursor: string): readonly [number, number] {
  const [at, place] = cursor.split('.').map(Number);
  if (!Number.isSafeInteger(at) || !Number.isSafeInteger(place))
    throw invalid('cursor', '`next_cursor` of a page');
  return [at!, place!];
}

interface Page<Entry> {
  entries: readonly Entry[];
  next?: readonly [number, number];
}

/** One page of a list. */
export const listOf = <Entry>({ entries, next }: Page<Entry>, view: (entry: Entry) => unknown) => ({
  object: 'list',
  data: entries.map(view),
  next_cursor: next ? next.join('.') : null,
});

export const iso = (ms: number): string => new Date(ms).toISOString();

/** The reply with an `ETag`, or 304 where the request has this version already. */
export function tagged(body: unknown, headers: Headers): Response {
  const tag = tagOf(body);
  const asked = headers.get('if-none-match');
  if (asked !== null && sameTag(asked, tag))
    return new Response(null, { status: 304, headers: { etag: tag } });
  return Response.json(body, { headers: { etag: tag } });
}

export const tagOf = (body: unknown): string => `"${Bun.hash(JSON.stringify(body)).toString(36)}"`;

/** Proxies make tags weak when they compress a reply. */
export const sameTag = (asked: string, tag: string): boolean =>
  asked === '*' || asked.replace(/^W\//, '') === tag;
