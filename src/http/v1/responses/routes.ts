import { Fault } from '../../../core/errors.ts';
import { parseResponseId, responseId, sessionOf, type TurnId } from '../../../core/ids.ts';
import type { Item } from '../../../core/items.ts';
import type { Caller, Intent, Outcome } from '../../../core/turn.ts';
import { placedItems } from '../../../session/codec.ts';
import { wholeTurn } from '../../../session/large-content.ts';
import type { TurnRow } from '../../../session/store.ts';
import type { Ask } from '../../../turn/ask.ts';
import { Cancelled, type LiveTurn } from '../../../turn/live-turn.ts';
import { run } from '../../../turn/run.ts';
import { readBody } from '../../body.ts';
import type { Exchange, Handler, Route } from '../../exchange.ts';
import type { Gateway } from '../../gateway.ts';
import { begun, receiptHeaders, replyWhole, stopWithClient } from '../../reply.ts';
import { streamTurn } from '../../sse.ts';
import { pageOf, pageQuery } from '../pages.ts';
import { parseResponseRequest, referencedPlace } from './parse.ts';
import { outputItem, response } from './response.ts';
import { ResponseStream } from './stream.ts';

export function responseRoutes(gateway: Gateway): Route[] {
  const path = '/v1/responses';
  return [
    { method: 'POST', path, handle: create(gateway) },
    { method: 'GET', path: `${path}/:id`, handle: retrieve(gateway) },
    { method: 'DELETE', path: `${path}/:id`, handle: remove(gateway) },
    { method: 'POST', path: `${path}/:id/cancel`, handle: cancel(gateway) },
    { method: 'GET', path: `${path}/:id/input_items`, handle: inputItems(gateway) },
  ];
}

function create(gateway: Gateway): Handler {
  return async ({ request, caller }) => {
    const { body } = await readBody(request, gateway.bodyLimit);
    const parsed = parseResponseRequest(body, request.headers, caller);
    const ask = { ...parsed, items: await resolveReferences(parsed.items, caller, gateway) };
    const live = await run(ask, caller, gateway);
    stopWithClient(live, request);
    if (ask.background && !ask.stream) return Response.json(responseOf(live, live.intent));
    if (!ask.stream) return replyWhole(live, (turn) => responseOf(live, turn));
    return reply(live, ask);
  };
}

async function reply(live: LiveTurn, ask: Ask): Promise<Response> {
  const receipt = await begun(live);
  const writer = new ResponseStream(live.intent, ask.keep, live.session);
  return streamTurn(live, writer, receipt ? receiptHeaders(live, receipt) : {});
}

function responseOf(
  live: LiveTurn,
  turn: Omit<Intent, 'standing'> & Partial<Outcome>,
): Record<string, unknown> {
  return response({ turn, store: live.keep, session: live.session });
}

/** `item_reference`s are replaced by what they name. */
async function resolveReferences(items: Item[], caller: Caller, gateway: Gateway): Promise<Item[]> {
  if (!items.some((item) => (item.type as string) === 'item_reference')) return items;
  return Promise.all(
    items.map(async (item) => {
      const place = referencedPlace(item);
      return place ? gateway.sessions.item(caller.tenant, place) : item;
    }),
  );
}

function notFound(id: string): Fault {
  return new Fault('response_not_found', `Response with id '${id}' not found.`);
}

function turnId({ params }: Exchange): TurnId {
  const id = parseResponseId(params.id!);
  if (!id) throw notFound(params.id!);
  return id;
}

async function storedRow(gateway: Gateway, exchange: Exchange): Promise<TurnRow> {
  const id = turnId(exchange);
  const row = await gateway.store.readTurn(exchange.caller.tenant, id);
  if (!row || row.deleted || row.model === '') throw notFound(responseId(id));
  return row;
}

async function stored(gateway: Gateway, exchange: Exchange): Promise<Record<string, unknown>> {
  const row = await storedRow(gateway, exchange);
  const { tenant } = exchange.caller;
  const [turn, session] = await Promise.all([
    wholeTurn(row, gateway.blobs),
    gateway.store.findSession(tenant, { id: sessionOf(row.id) }),
  ]);
  return response({ turn, store: true, session });
}

function retrieve(gateway: Gateway): Handler {
  return async (exchange) => {
    const live = gateway.running.get(exchange.caller.tenant, turnId(exchange));
    if (!live?.keep) return Response.json(await stored(gateway, exchange));
    return Response.json(responseOf(live, live.intent));
  };
}

function remove(gateway: Gateway): Handler {
  return async (exchange) => {
    const { id } = await storedRow(gateway, exchange);
    await gateway.store.amendTurn(exchange.caller.tenant, id, { deleted: true });
    return Response.json({ id: responseId(id), object: 'response', deleted: true });
  };
}

/** Stops a running response; cancelling a cancelled one is no mistake. */
function cancel(gateway: Gateway): Handler {
  return async (exchange) => {
    const { tenant } = exchange.caller;
    const live = gateway.running.get(tenant, turnId(exchange));
    if (live?.keep) {
      live.stop(new Cancelled('The caller cancelled the turn.'));
      return Response.json(responseOf(live, await live.ended));
    }
    const ended = await stored(gateway, exchange);
    if (ended.status !== 'cancelled') {
      throw new Fault('not_cancellable', `Response ${ended.id} is ${ended.status} already.`);
    }
    return Response.json(ended);
  };
}

function inputItems(gateway: Gateway): Handler {
  return async (exchange) => {
    const query = pageQuery(exchange.query, 'desc');
    const row = await storedRow(gateway, exchange);
    const turn = await wholeTurn(row, gateway.blobs);
    const items = placedItems(turn, row.hidden).flatMap(({ side, item }) =>
      side === 'i' ? [outputItem(item)] : [],
    );
    return Response.json(pageOf(items, query));
  };
}
