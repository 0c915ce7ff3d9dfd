import { z } from 'zod';
import type { Admin } from '../../api/admin/admin.ts';
import { HOUR_MS, USAGE_DIMENSIONS, type UsageDimension } from '../../core/usage-sums.ts';
import { json, type RouteDoc } from '../published.ts';
import type { Handler, Route } from '../route.ts';
import { invalid } from '../v1/fields.ts';
import { listOf, moment, momentOf, queryOf } from './fields.ts';
import { TenantList, UsageList } from './gateway-schemas.ts';
import { usageView } from './views.ts';

/** Sums of usage. */
export function usageRoutes(admin: Admin): Route[] {
  return [
    { method: 'GET', path: '/admin/v1/usage', access: 'root', doc: USAGE, handle: usage(admin) },
    { method: 'GET', path: '/admin/v1/tenants', access: 'root', doc: TENANTS, handle: tenants(admin) },
  ];
}

const TIMES = { hour: 1, day: 24 } as const;
const BY = [...USAGE_DIMENSIONS, ...Object.keys(TIMES)];
const DEFAULT_AGE = '7d';
/** A longer time would take too long to add up. */
const MOST_HOURS = 366 * 24;

const name = (what: string) => z.string().max(512).optional().describe(what);
const usageQuery = z.object({
  since: moment.describe('A time, a date, or an age such as `24h`; `7d` where absent. Whole hours count.'),
  until: moment.describe('Now where absent.'),
  by: z
    .string()
    .max(100)
    .optional()
    .describe(
      `What has rows of its own, separated by commas: ${BY.map((word) => `\`${word}\``).join(', ')}.`,
    ),
  tenant: name('Only this tenant; all where absent.'),
  key: name('Only turns of this key.'),
  user: name('Only turns for this end user.'),
  model: name('Only turns that this model answered, as `provider/model`.'),
  claw: name('Only turns that this claw answered.'),
  alias: name('Only turns that asked for this alias.'),
  format: z.enum(['json', 'csv']).default('json'),
});

const USAGE: RouteDoc = {
  what: 'Sums of requests, tokens, cost and latency, by any names and times. Turns that are not kept count too.',
  query: usageQuery,
  replies: [json(UsageList)],
};
const TENANTS: RouteDoc = { what: 'Lists the tenants that have sessions.', replies: [json(TenantList)] };

function usage(admin: Admin): Handler {
  return async ({ query }) => {
    const { since = DEFAULT_AGE, until, by = '', format, ...where } = queryOf(usageQuery, query);
    const now = Date.now();
    const fromHour = Math.floor(momentOf(since, 'since', now)! / HOUR_MS);
    const untilHour = Math.ceil((momentOf(until, 'until', now) ?? now + 1) / HOUR_MS);
    if (untilHour - fromHour > MOST_HOURS) throw invalid('since', 'at most 366 days');
    const words = by === '' ? [] : by.split(',').map((word) => word.trim());
    for (const word of words) if (!BY.includes(word)) throw invalid('by', `words of ${BY.join(', ')}`);
    const times = words.flatMap((word) => (word in TIMES ? [TIMES[word as keyof typeof TIMES]] : []));
    const rows = await admin.usage({
      ...{ fromHour, untilHour, where },
      by: USAGE_DIMENSIONS.filter((kind) => words.includes(kind)),
      ...(times.length > 0 && { hours: Math.min(...times) }),
    });
    const views = rows.sort(byTimeAndCost).map(usageView);
    if (format === 'csv') return csv(views, words);
    return Response.json(listOf({ entries: views }, (row) => row));
  };
}

type Rows = Awaited<ReturnType<Admin['usage']>>;
const byTimeAndCost = (a: Rows[number], b: Rows[number]) =>
  (a.hour ?? 0) - (b.hour ?? 0) || b.cost - a.cost || b.turns - a.turns;

/** RFC 4180. A cell that a spreadsheet would take for a formula begins with an apostrophe. */
function csv(rows: readonly ReturnType<typeof usageView>[], words: readonly string[]): Response {
  const named = words.filter((word): word is UsageDimension =>
    USAGE_DIMENSIONS.some((kind) => kind === word),
  );
  const head = [
    ...(words.some((word) => word in TIMES) ? ['from'] : []),
    ...named,
    ...['turns', 'failed_turns', 'input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_write_tokens'],
    ...['reasoning_tokens', 'cache_share', 'cost_usd'],
    ...['total_p50_ms', 'total_p95_ms', 'total_p99_ms', 'first_token_p50_ms', 'first_token_p95_ms'],
    'first_token_p99_ms',
  ];
  const lines = rows.map(({ total_ms: total, first_token_ms: first, ...row }) => {
    const cells: Record<string, unknown> = {
      ...row,
      ...{ total_p50_ms: total.p50, total_p95_ms: total.p95, total_p99_ms: total.p99 },
      ...{ first_token_p50_ms: first.p50, first_token_p95_ms: first.p95, first_token_p99_ms: first.p99 },
    };
    return head.map((column) => cell(cells[column])).join(',');
  });
  const text = [head.join(','), ...lines, ''].join('\r\n');
  return new Response(text, { headers: { 'content-type': 'text/csv; charset=utf-8' } });
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return String(value);
  const text = /^[=+\-@\t\r]/.test(String(value)) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const tenants =
  (admin: Admin): Handler =>
  async () =>
    Response.json(listOf({ entries: await admin.tenants() }, (id) => ({ object: 'tenant', id })));
