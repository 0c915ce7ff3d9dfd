import { z } from 'zod';
import { validate } from './fields.ts';

const LIMIT = 'expected a whole number from 1 to 100';

/** The query parameters of a list. */
export const pageSchema = z.object({
  after: z.string().optional().describe('The id of the last entry of the page before.'),
  limit: z.coerce
    .number({ error: LIMIT })
    .int({ error: LIMIT })
    .min(1, { error: LIMIT })
    .max(100, { error: LIMIT })
    .default(20)
    .describe('How many entries: 1 to 100.'),
  order: z.enum(['asc', 'desc']).optional().describe('`asc`: the oldest first; `desc`: the newest first.'),
});

export interface PageQuery {
  /** Exclusive. */
  after?: string;
  limit: number;
  order: 'asc' | 'desc';
}

export function pageQuery(query: URLSearchParams, order: 'asc' | 'desc'): PageQuery {
  const {
    after,
    limit,
    order: asked,
  } = validate(pageSchema, {
    after: query.get('after') ?? undefined,
    limit: query.get('limit') ?? undefined,
    order: query.get('order') ?? undefined,
  });
  return { after, limit, order: asked ?? order };
}

/** One page of a list, as in all lists of these APIs. */
export function page(data: Record<string, unknown>[], more: boolean): Record<string, unknown> {
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: more,
  };
}

/** The page that a query asks for, of a list that is complete and in ascending order. */
export function pageOf(
  all: readonly Record<string, unknown>[],
  { after, limit, order }: PageQuery,
): Record<string, unknown> {
  const ordered = order === 'asc' ? all : all.toReversed();
  const start = after === undefined ? 0 : ordered.findIndex(({ id }) => id === after) + 1;
  return page(ordered.slice(start, start + limit), ordered.length > start + limit);
}
