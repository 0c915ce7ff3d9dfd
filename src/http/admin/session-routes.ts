import { z } from 'zod';
import type { Admin } from '../../api/admin/admin.ts';
import { Fault } from '../../core/errors.ts';
import { conversationId, parseResponseId, sessionOf, type TurnId } from '../../core/ids.ts';
import type { Tenant } from '../../core/request.ts';
import { json, published, type RouteDoc } from '../published.ts';
import type { Exchange, Handler, Route, SettingsSource } from '../route.ts';
import { invalid, metadata, validate } from '../v1/fields.ts';
import { readBody, sessionRef } from '../v1/request.ts';
import {
  cursorSchema,
  listOf,
  moment,
  momentOf,
  pageOf,
  queryOf,
  sameTag,
  tagged,
  tagOf,
  tenantOf,
  tenantSchema,
} from './fields.ts';
import { SearchList, SessionDetail, SessionList, Tree, TurnList } from './session-schemas.ts';
import { detailView, hitView, nodeView, sessionView, turnView } from './views.ts';

const PATH = '/admin/v1/sessions';

type Sessions = Admin['sessions'];

/** Sessions of any tenant: to find, to read, to change. */
export function sessionRoutes({ sessions }: Admin, settings: SettingsSource): Route[] {
  const access = 'root';
  const one = `${PATH}/:id`;
  return [
    { method: 'GET', path: PATH, access, doc: LIST, handle: list(sessions) },
    { method: 'GET', path: '/admin/v1/search', access, doc: SEARCH, handle: search(sessions) },
    { method: 'GET', path: one, access, doc: RETRIEVE, handle: retrieve(sessions) },
    { method: 'PATCH', path: one, access, doc: CHANGE, handle: change(sessions, settings) },
    { method: 'DELETE', path: one, access, doc: REMOVE, handle: remove(sessions) },
    { method: 'GET', path: `${one}/tree`, access, doc: TREE, handle: tree(sessions) },
    { method: 'GET', path: `${one}/turns`, access, doc: TURNS, handle: turns(sessions) },
    { method: 'POST', path: `${one}/rewind`, access, doc: REWIND, handle: rewind(sessions, settings) },
  ];
}

const word = (what: string) => z.string().min(1).max(512).optional().describe(what);
const amount = (what: string) => z.coerce.number().min(0).optional().describe(what);

/** The query of a list of sessions. */
export const listQuery = cursorSchema.extend({
  name: word('The name, or its beginning followed by `*`.'),
  key: word('A turn was asked with this key.'),
  user: word('A turn was asked for this end user.'),
  model: word('A turn was answered by this model, as `provider/model`.'),
  claw: word('A turn was answered by this claw, as `provider` or `provider@instance`.'),
  alias: word('A turn asked for this alias.'),
  tag: word('The session has this tag.'),
  state: z.enum(['completed', 'incomplete', 'failed', 'cancelled']).optional().describe('A turn ended so.'),
  error: word('A turn failed with this code.'),
  since: moment.describe('The latest turn ended then or later: a time, a date, or an age such as `24h`.'),
  until: moment.describe('The latest turn ended before.'),
  min_cost: amount('US dollars of the whole session.'),
  max_cost: amount('US dollars of the whole session.'),
  min_tokens: amount('Tokens of all its calls.'),
  max_tokens: amount('Tokens of all its calls.'),
});

const searchQuery = cursorSchema.extend({
  q: z
    .string()
    .min(1)
    .max(500)
    .describe(
      'Words that a turn must have; `"quoted words"` in this order; `begin*` any word that begins so.',
    ),
  session: word('Only in this session, by its id.'),
});

const turnsQuery = cursorSchema.extend({
  turn: word('Ends the branch; the head of the session where absent.'),
  order: z.enum(['asc', 'desc']).default('asc').describe('`asc`: from the root; `desc`: from the end.'),
});

const changeSchema = published(
  'AdminSessionChange',
  z.strictObject({
    name: z
      .string()
      .regex(/^[\x21-\x7e]{1,255}$/, 'expected 1 to 255 visible ASCII characters without spaces')
      .refine((name) => !name.startsWith('conv_'), 'expected a name that does not begin with `conv_`')
      .nullish()
      .describe('`null` removes the name.'),
    tags: z
      .array(z.string().min(1).max(64))
      .max(32)
      .optional()
      .describe('Replaces all tags: at most 32 of up to 64 characters.'),
    metadata: metadata.optional().describe('Replaces all pairs.'),
  }),
);
const rewindSchema = published(
  'AdminRewind',
  z.strictObject({ turn: z.string().describe('The turn that becomes the head.') }),
);
const removeQuery = tenantSchema.extend({
  erase: z
    .enum(['true', 'false'])
    .optional()
    .describe(
      '`true`: the content is erased from the store, too; also that of a session that is deleted already, by its id.',
    ),
});
const Removed = published(
  'AdminSessionDeleted',
  z.strictObject({ object: z.literal('session.deleted'), id: z.string(), erased: z.boolean() }),
);

const LIST: RouteDoc = {
  what: 'Lists the sessions of a tenant, those with the latest turn first. All filters must hold.',
  query: listQuery,
  replies: [json(SessionList)],
};
const SEARCH: RouteDoc = {
  what: 'Searches what was said in the sessions of a tenant, the latest turn first.',
  query: searchQuery,
  replies: [json(SearchList)],
};
const RETRIEVE: RouteDoc = {
  what: 'Fetches a session by its id or name, with its values and pins.',
  query: tenantSchema,
  replies: [json(SessionDetail)],
};
const CHANGE: RouteDoc = {
  what: 'Renames or tags a session, or replaces its metadata.',
  query: tenantSchema,
  body: changeSchema,
  replies: [json(SessionDetail)],
};
const REMOVE: RouteDoc = {
  what: 'Deletes a session with its turns: nobody can fetch them any more.',
  query: removeQuery,
  replies: [json(Removed)],
};
const TREE: RouteDoc = {
  what: 'Lists all turns of a session without their content.',
  query: tenantSchema,
  replies: [json(Tree)],
};
const TURNS: RouteDoc = {
  what: 'Lists the turns of a branch with their content.',
  query: turnsQuery,
  replies: [json(TurnList)],
};
const REWIND: RouteDoc = {
  what: 'Makes an earlier turn the head of its session: the next turn follows it. No turn is lost.',
  query: tenantSchema,
  body: rewindSchema,
  replies: [json(SessionDetail)],
};

type ListFilter = Omit<z.output<typeof listQuery>, 'tenant' | 'cursor' | 'limit'>;

/** The filter as the store takes it. */
export function filterOf(asked: ListFilter): Parameters<Sessions['list']>[1] {
  const { since, until, min_cost, max_cost, min_tokens, max_tokens, ...traits } = asked;
  const now = Date.now();
  const nano = (usd: number | undefined) => (usd === undefined ? undefined : Math.round(usd * 1e9));
  return {
    ...traits,
    since: momentOf(since, 'since', now),
    until: momentOf(until, 'until', now),
    minCost: nano(min_cost),
    maxCost: nano(max_cost),
    minTokens: min_tokens,
    maxTokens: max_tokens,
  };
}

function list(sessions: Sessions): Handler {
  return async (exchange) => {
    const { tenant, cursor, limit, ...asked } = queryOf(listQuery, exchange.query);
    const page = pageOf({ cursor, limit });
    const found = await sessions.list(tenantOf(exchange, tenant), filterOf(asked), page);
    return Response.json(listOf(found, sessionView));
  };
}

/** Words and quoted phrases. */
function phrasesOf(text: string): string[] {
  const phrases = [...text.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => (quoted ?? word)!.trim());
  const searchable = phrases.filter((phrase) => /[\p{L}\p{N}]/u.test(phrase));
  if (searchable.length === 0) throw invalid('q', 'at least one word');
  for (const phrase of searchable)
    if (phrase.endsWith('*') && phrase.length < 4) throw invalid('q', 'at least three characters before `*`');
  return searchable;
}

function search(sessions: Sessions): Handler {
  return async (exchange) => {
    const { tenant, q, session, ...page } = queryOf(searchQuery, exchange.query);
    const of = tenantOf(exchange, tenant);
    const within =
      session === undefined ? undefined : await sessions.summary(of, sessionRef(session, 'session'));
    const query = { phrases: phrasesOf(q), ...(within && { session: within.id }), ...pageOf(page) };
    return Response.json(listOf(await sessions.search(of, query), hitView));
  };
}

/** The tenant and the session that a request is about. */
async function locate(sessions: Sessions, exchange: Exchange, asked: string | undefined) {
  const tenant = tenantOf(exchange, asked);
  const summary = await sessions.summary(tenant, sessionRef(exchange.params.id, 'id'));
  return { tenant, summary };
}

const detail = async (sessions: Sessions, tenant: Tenant, id: Parameters<Sessions['detail']>[1]) =>
  detailView(await sessions.detail(tenant, id));

function retrieve(sessions: Sessions): Handler {
  return async (exchange) => {
    const tenant = tenantOf(exchange, queryOf(tenantSchema, exchange.query).tenant);
    const ref = sessionRef(exchange.params.id, 'id');
    return tagged(await detail(sessions, tenant, ref), exchange.request.headers);
  };
}

/** Refuses a change of another version than `If-Match` names. */
async function expectVersion(
  sessions: Sessions,
  tenant: Tenant,
  ref: { id: Parameters<Sessions['rewind']>[1] },
  headers: Headers,
): Promise<void> {
  const asked = headers.get('if-match');
  if (asked === null) return;
  const tag = tagOf(await detail(sessions, tenant, ref));
  if (!sameTag(asked, tag))
    throw new Fault('session_changed', `Session '${conversationId(ref.id)}' has changed.`, {
      headers: { etag: tag },
    });
}

function change(sessions: Sessions, settings: SettingsSource): Handler {
  return async (exchange) => {
    const { headers } = exchange.request;
    const asked = queryOf(tenantSchema, exchange.query).tenant;
    const { body } = await readBody(exchange.request, settings());
    const wanted = validate(changeSchema, body);
    const { tenant, summary } = await locate(sessions, exchange, asked);
    const ref = { id: summary.id };
    await expectVersion(sessions, tenant, ref, headers);
    await sessions.change(tenant, summary.id, wanted);
    return tagged(await detail(sessions, tenant, ref), new Headers());
  };
}

function remove(sessions: Sessions): Handler {
  return async (exchange) => {
    const { tenant: asked, erase } = queryOf(removeQuery, exchange.query);
    const erased = erase === 'true';
    const tenant = tenantOf(exchange, asked);
    const id = await sessions.removable(tenant, sessionRef(exchange.params.id, 'id'), erased);
    await expectVersion(sessions, tenant, { id }, exchange.request.headers);
    await sessions.remove(tenant, id, erased);
    return Response.json({ object: 'session.deleted', id: conversationId(id), erased });
  };
}

function tree(sessions: Sessions): Handler {
  return async (exchange) => {
    const { tenant, summary } = await locate(
      sessions,
      exchange,
      queryOf(tenantSchema, exchange.query).tenant,
    );
    const { head } = sessionView(summary);
    const nodes = (await sessions.outline(tenant, summary.id)).map(nodeView);
    const body = { object: 'tree', session: conversationId(summary.id), head, turns: nodes };
    return tagged(body, exchange.request.headers);
  };
}

/** A turn that a request names. */
export function turnIdOf(text: string, param: string): TurnId {
  const id = parseResponseId(text);
  if (!id) throw new Fault('turn_not_found', `Turn '${text}' not found.`, { param });
  return id;
}

/** A turn of the session. */
export function turnIn(session: string, text: string): TurnId {
  const id = turnIdOf(text, 'turn');
  if (sessionOf(id) !== session)
    throw new Fault('turn_not_found', `The session has no turn '${text}'.`, { param: 'turn' });
  return id;
}

/** The branch that ends in a turn, from its root; without a turn, in the head or in the latest turn. */
export async function branchOf(
  sessions: Sessions,
  tenant: Tenant,
  summary: Awaited<ReturnType<Sessions['summary']>>,
  turn: TurnId | undefined,
): Promise<TurnId[]> {
  const outline = await sessions.outline(tenant, summary.id);
  const parents = new Map(outline.map(({ id, parent }) => [id, parent]));
  const branch: TurnId[] = [];
  const tip = turn ?? summary.head ?? outline.at(-1)?.id ?? null;
  for (let id = tip; id !== null && parents.has(id); id = parents.get(id) ?? null) branch.push(id);
  return branch.reverse();
}

function turns(sessions: Sessions): Handler {
  return async (exchange) => {
    const { tenant: asked, turn, order, cursor, limit } = queryOf(turnsQuery, exchange.query);
    const { tenant, summary } = await locate(sessions, exchange, asked);
    const tip = turn === undefined ? undefined : turnIn(summary.id, turn);
    const branch = await branchOf(sessions, tenant, summary, tip);
    if (order === 'desc') branch.reverse();
    const start = pageOf({ cursor, limit }).after?.[1] ?? 0;
    const entries = await sessions.turns(tenant, branch.slice(start, start + limit));
    const next = start + limit < branch.length ? ([0, start + limit] as const) : undefined;
    return Response.json(listOf({ entries, ...(next && { next }) }, turnView));
  };
}

function rewind(sessions: Sessions, settings: SettingsSource): Handler {
  return async (exchange) => {
    const asked = queryOf(tenantSchema, exchange.query).tenant;
    const { body } = await readBody(exchange.request, settings());
    const { turn } = validate(rewindSchema, body);
    const { tenant, summary } = await locate(sessions, exchange, asked);
    await expectVersion(sessions, tenant, { id: summary.id }, exchange.request.headers);
    await sessions.rewind(tenant, summary.id, turnIn(summary.id, turn));
    return tagged(await detail(sessions, tenant, { id: summary.id }), new Headers());
  };
}
