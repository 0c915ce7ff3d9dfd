import { z } from 'zod';
import type { ModelViews } from '../../dialect.ts';
import { count, validate } from '../fields.ts';
import { ANTHROPIC_VERSION } from '../request-headers.ts';

/** https://platform.claude.com/docs/en/api/models/list */
const page = z.object({
  limit: count(1, 1000),
  after_id: z.string().optional(),
  before_id: z.string().optional(),
});
const USUAL = 20;

/** `GET /v1/models` as Anthropic's API has it, for requests that name a version of that API. */
export const messageModels: ModelViews = {
  isAsked: (headers) => headers.has(ANTHROPIC_VERSION.name),
  one: (id, startedAt) => ({
    type: 'model',
    id,
    display_name: id,
    created_at: new Date(startedAt).toISOString(),
  }),
  list(names, startedAt, query) {
    const given = query.get('limit');
    const wanted = validate(page, {
      ...Object.fromEntries(query),
      limit: given === null ? undefined : Number(given),
    });
    const { limit = USUAL, after_id, before_id } = wanted;
    const most = limit ?? USUAL;
    const start = after_id === undefined ? 0 : names.indexOf(after_id) + 1;
    const end = before_id === undefined ? names.length : Math.max(0, names.indexOf(before_id));
    const found =
      before_id === undefined ? names.slice(start, start + most) : names.slice(Math.max(0, end - most), end);
    const hasMore = before_id === undefined ? start + most < names.length : end - most > 0;
    return {
      data: found.map((id) => messageModels.one(id, startedAt)),
      has_more: hasMore,
      first_id: found[0] ?? null,
      last_id: found.at(-1) ?? null,
    };
  },
};
