import { z } from 'zod';
import type { Admin } from '../../api/admin/admin.ts';
import type { Delta } from '../../core/delta.ts';
import { Fault } from '../../core/errors.ts';
import { conversationId, responseId } from '../../core/ids.ts';
import type { TurnView } from '../../core/turn-view.ts';
import { events, json, published, type RouteDoc } from '../published.ts';
import type { Handler, Route } from '../route.ts';
import { LAST_EVENT_ID } from '../v1/request-headers.ts';
import { outputItem } from '../v1/responses/response.ts';
import {
  cursorSchema,
  iso,
  listOf,
  pageOf,
  queryOf,
  tagged,
  tenantField,
  tenantOf,
  tenantSchema,
} from './fields.ts';
import { turnIdOf } from './session-routes.ts';
import { FailedTurnList, RunningTurnList, Turn, TurnDelta } from './session-schemas.ts';
import { eventStream } from './sse.ts';
import { failedView, readable, runningView, turnView } from './views.ts';

const PATH = '/admin/v1/turns';

/** Turns of any tenant: those that run, those that failed, one with everything. */
export function adminTurnRoutes({ turns, sessions }: Admin): Route[] {
  const access = 'root';
  const one = `${PATH}/:id`;
  return [
    { method: 'GET', path: `${PATH}/running`, access, doc: RUNNING, handle: running(turns) },
    { method: 'GET', path: `${PATH}/failed`, access, doc: FAILED, handle: failed(turns) },
    { method: 'GET', path: one, access, doc: RETRIEVE, handle: retrieve(sessions) },
    { method: 'POST', path: `${one}/cancel`, access, doc: CANCEL, handle: cancel(turns) },
    { method: 'GET', path: `${one}/events`, access, doc: FOLLOW, handle: follow(turns) },
  ];
}

const runningQuery = z.object({
  tenant: tenantField.describe('Only turns of this tenant; all where absent.'),
});
const followQuery = tenantSchema.extend({
  after: z.coerce
    .number()
    .int()
    .min(-1)
    .optional()
    .describe('The number of the last event that the reader has. `Last-Event-ID` comes before it.'),
});
const Cancelled = published(
  'AdminTurnCancelled',
  z.strictObject({ object: z.literal('turn.cancelled'), id: z.string(), state: z.string() }),
);

const RUNNING: RouteDoc = {
  what: 'Lists the turns that run in this process, oldest first, also those that are not kept and those that wait.',
  query: runningQuery,
  replies: [json(RunningTurnList)],
};
const FAILED: RouteDoc = {
  what: 'Lists the stored turns that did not complete, the latest first: failed, cut, cancelled, or never begun.',
  query: cursorSchema,
  replies: [json(FailedTurnList)],
};
const RETRIEVE: RouteDoc = {
  what: 'Fetches a stored turn with its items, its receipt and its calls.',
  query: tenantSchema,
  replies: [json(Turn)],
};
const CANCEL: RouteDoc = {
  what: 'Stops a running turn, in whichever process it runs.',
  query: tenantSchema,
  replies: [json(Cancelled)],
};
const FOLLOW: RouteDoc = {
  what: 'Streams what a turn was asked and the parts of its answer, from the beginning, while it runs and after. The last event is `ended`.',
  query: followQuery,
  replies: [events(TurnDelta)],
};

type Turns = Admin['turns'];

function running(turns: Turns): Handler {
  return async ({ query }) => {
    const { tenant } = queryOf(runningQuery, query);
    const entries = await turns.running(tenant as Parameters<Turns['running']>[0]);
    return Response.json(listOf({ entries }, runningView));
  };
}

function failed(turns: Turns): Handler {
  return async (exchange) => {
    const { tenant, ...page } = queryOf(cursorSchema, exchange.query);
    return Response.json(listOf(await turns.failures(tenantOf(exchange, tenant), pageOf(page)), failedView));
  };
}

function retrieve(sessions: Admin['sessions']): Handler {
  return async (exchange) => {
    const tenant = tenantOf(exchange, queryOf(tenantSchema, exchange.query).tenant);
    const id = turnIdOf(exchange.params.id!, 'id');
    const found = await sessions.turn(tenant, id);
    if (!found) throw new Fault('turn_not_found', `Turn '${responseId(id)}' not found.`);
    return tagged(turnView(found), exchange.request.headers);
  };
}

function cancel(turns: Turns): Handler {
  return async (exchange) => {
    const tenant = tenantOf(exchange, queryOf(tenantSchema, exchange.query).tenant);
    const { id, state } = await turns.cancel(tenant, turnIdOf(exchange.params.id!, 'id'));
    return Response.json({ object: 'turn.cancelled', id: responseId(id), state });
  };
}

function follow(turns: Turns): Handler {
  return async (exchange) => {
    const { tenant, after = -1 } = queryOf(followQuery, exchange.query);
    const last = exchange.request.headers.get(LAST_EVENT_ID.name);
    const seen = (last !== null && /^\d{1,15}$/.test(last) ? Number(last) : after) + 1;
    const view = await turns.view(tenantOf(exchange, tenant), turnIdOf(exchange.params.id!, 'id'));
    return eventStream(exchange.request.signal, (gone) => deltasOf(view, seen, gone));
  };
}

/** What a turn was asked, its deltas from number `from` on, and its end. */
async function* deltasOf(view: TurnView, from: number, gone: AbortSignal) {
  let seen = from;
  yield { event: 'asked', data: askedView(view) };
  while (!gone.aborted && (await view.more(seen))) {
    while (seen < view.log.length) yield { id: seen, event: 'delta', data: shown(view.log[seen++]!) };
  }
  if (gone.aborted) return;
  const ended = await view.ended.then(
    ({ state, error }) => ({ state, error: error?.code ?? null }),
    () => ({ state: 'failed', error: 'stream_interrupted' }),
  );
  yield { event: 'ended', data: { type: 'ended', ...ended } };
}

const askedView = ({ asked: { id, session, input, createdAt } }: TurnView) => ({
  type: 'asked',
  session: conversationId(session),
  created_at: iso(createdAt),
  input: input.map((item, index) => outputItem(readable(item, id, 'i', index))),
});

/** What only a provider can read is left out. */
function shown(delta: Delta): Delta {
  if (delta.type !== 'item-end') return delta;
  const { native: _, ...rest } = delta;
  if (rest.item?.type !== 'reasoning') return rest;
  const { encrypted_content: __, ...item } = rest.item;
  return { ...rest, item };
}
