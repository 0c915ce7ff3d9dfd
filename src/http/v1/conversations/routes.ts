import { z } from 'zod';
import { Fault } from '../../../core/errors.ts';
import {
  conversationId,
  newSessionId,
  type Place,
  parseItemId,
  type SessionId,
  sessionOf,
  type TurnId,
} from '../../../core/ids.ts';
import type { Caller, Session, Tenant } from '../../../core/turn.ts';
import { type PlacedItem, placedItems } from '../../../session/codec.ts';
import { wholeTurn } from '../../../session/large-content.ts';
import { sessionNotFound } from '../../../session/sessions.ts';
import { append } from '../../../turn/append.ts';
import { readBody } from '../../body.ts';
import type { Exchange, Handler, Route } from '../../exchange.ts';
import type { Gateway } from '../../gateway.ts';
import { replyOnce } from '../../reply.ts';
import { metadata, validate } from '../fields.ts';
import { identityOf } from '../identity.ts';
import { page, pageQuery } from '../pages.ts';
import { sessionRef } from '../request-state.ts';
import { parseItems } from '../responses/parse.ts';
import { outputItem } from '../responses/response.ts';

/** OpenAI's limit on items per call. */
const MAX_ITEMS = 20;

export function conversationRoutes(gateway: Gateway): Route[] {
  const path = '/v1/conversations';
  return [
    { method: 'POST', path, handle: create(gateway) },
    {
      method: 'GET',
      path: `${path}/:id`,
      handle: async (exchange) => Response.json(view(await find(gateway, exchange))),
    },
    { method: 'POST', path: `${path}/:id`, handle: update(gateway) },
    { method: 'DELETE', path: `${path}/:id`, handle: remove(gateway) },
    { method: 'POST', path: `${path}/:id/items`, handle: addItems(gateway) },
    { method: 'GET', path: `${path}/:id/items`, handle: listItems(gateway) },
    { method: 'GET', path: `${path}/:id/items/:item`, handle: getItem(gateway) },
    { method: 'DELETE', path: `${path}/:id/items/:item`, handle: removeItem(gateway) },
  ];
}

/** OpenAI API description, `ConversationResource`. */
function view(session: Session): Record<string, unknown> {
  return {
    id: conversationId(session.id),
    object: 'conversation',
    created_at: Math.floor(session.createdAt / 1000),
    metadata: session.metadata,
  };
}

function find(gateway: Gateway, { params, caller }: Exchange): Promise<Session> {
  return gateway.sessions.find(caller.tenant, sessionRef(params.id, 'conversation_id'));
}

const createSchema = z.looseObject({
  items: z.array(z.unknown()).max(MAX_ITEMS).nullish(),
  metadata: metadata.nullish(),
});

function create(gateway: Gateway): Handler {
  return async ({ request, caller }) => {
    const { tenant } = caller;
    const isEmpty = request.headers.get('content-length') === '0';
    const { body: raw, text } = isEmpty ? { body: {}, text: '' } : await readBody(request, gateway.bodyLimit);
    const body = validate(createSchema, raw);
    const items = parseItems(body.items ?? [], 'items');
    const once = await gateway.repeats.once(
      identityOf(request.headers, 'POST /v1/conversations', caller, text),
      tenant,
      {
        find: async (id) => {
          const found = await gateway.store.findSession(tenant, { id: id as SessionId });
          // Without its first items, it was not made to the end.
          return items.length > 0 && found?.head === null ? undefined : found;
        },
        make: async (claim) => {
          const createdAt = gateway.clock();
          const id = newSessionId(createdAt);
          await claim(id);
          const fresh = { id, tenant, createdAt, metadata: body.metadata ?? {}, head: null, edits: 0 };
          const session = await gateway.store.createSession(fresh);
          if (items.length > 0) await append(tenant, session, items, gateway);
          return session;
        },
      },
    );
    return replyOnce(once.replayed, view(once.made));
  };
}

function update(gateway: Gateway): Handler {
  return async (exchange) => {
    const { caller, request } = exchange;
    const { body, text } = await readBody(request, gateway.bodyLimit);
    const { metadata: change } = validate(z.looseObject({ metadata }), body);
    const { id } = await find(gateway, exchange);
    const identity = identityOf(request.headers, `POST /v1/conversations/${id}`, caller, text);
    const once = await gateway.repeats.once(identity, caller.tenant, {
      find: () => gateway.store.findSession(caller.tenant, { id }),
      // Done twice, it would be the same; claimed first, it might not be done at all.
      make: async (claim) => {
        const updated = await gateway.store.updateSession(caller.tenant, id, change);
        if (!updated) throw sessionNotFound({ id });
        await claim(id);
        return updated;
      },
    });
    return replyOnce(once.replayed, view(once.made));
  };
}

/** The items stay reachable through their responses, as in OpenAI's API. */
function remove(gateway: Gateway): Handler {
  return async (exchange) => {
    const session = await find(gateway, exchange);
    await gateway.store.deleteSession(session.tenant, session.id);
    gateway.sessions.forget(session);
    return Response.json({ id: conversationId(session.id), object: 'conversation.deleted', deleted: true });
  };
}

function addItems(gateway: Gateway): Handler {
  return async (exchange) => {
    const { caller, request } = exchange;
    const { body: raw, text } = await readBody(request, gateway.bodyLimit);
    const body = validate(z.looseObject({ items: z.array(z.unknown()).min(1).max(MAX_ITEMS) }), raw);
    const items = parseItems(body.items, 'items');
    const session = await find(gateway, exchange);
    const route = `POST /v1/conversations/${session.id}/items`;
    const identity = identityOf(request.headers, route, caller, text);
    const { made: turn, replayed } = await append(caller.tenant, session, items, gateway, identity);
    const added = placedItems(turn).map(({ item }) => outputItem(item));
    return replyOnce(replayed, page(added, false));
  };
}

function listItems(gateway: Gateway): Handler {
  return async (exchange) => {
    const { after, limit, order } = pageQuery(exchange.query, 'desc');
    const session = await find(gateway, exchange);
    const from = after === undefined ? undefined : { id: after, turn: placeOf(after, session).turn };
    const items = await collect(gateway, await walk(gateway, session, order, from?.turn), {
      tenant: session.tenant,
      order,
      from,
      count: limit + 1,
    });
    const data = items.slice(0, limit).map(({ item }) => outputItem(item));
    return Response.json(page(data, items.length > limit));
  };
}

/** The turns of the session's active branch in the asked order, beginning with `from` if it is given. */
async function walk(
  gateway: Gateway,
  session: Session,
  order: 'asc' | 'desc',
  from?: TurnId,
): Promise<TurnId[]> {
  const tree = await gateway.store.readTree(session.tenant, session.id);
  const parents = new Map(tree.map((node) => [node.id, node.parent]));
  const path: TurnId[] = [];
  for (let id = session.head; id !== null; id = parents.get(id) ?? null) path.push(id);
  if (order === 'asc') path.reverse();
  return from === undefined ? path : path.slice(Math.max(0, path.indexOf(from)));
}

interface Wanted {
  tenant: Tenant;
  order: 'asc' | 'desc';
  /** Exclusive. */
  from?: { id: string; turn: TurnId };
  count: number;
}

/** Reads turns one after another until enough items are found: a page costs what it shows. */
async function collect(
  gateway: Gateway,
  path: TurnId[],
  { tenant, order, from, count }: Wanted,
): Promise<PlacedItem[]> {
  const found: PlacedItem[] = [];
  for (const id of path) {
    if (found.length >= count) break;
    const row = await gateway.store.readTurn(tenant, id);
    if (!row) throw new Fault('context_lost', `Turn ${id} is missing from the store.`);
    const items = placedItems(await wholeTurn(row, gateway.blobs), row.hidden);
    if (order === 'desc') items.reverse();
    const start = from?.turn === id ? items.findIndex(({ item }) => item.id === from.id) + 1 : 0;
    found.push(...items.slice(start));
  }
  return found.slice(0, count);
}

function placeOf(itemId: string, session: Session): Place {
  const place = parseItemId(itemId);
  if (!place || sessionOf(place.turn) !== session.id) throw itemNotFound(itemId, session);
  return place;
}

function itemNotFound(itemId: string, session: Session): Fault {
  return new Fault(
    'item_not_found',
    `Item with id '${itemId}' not found in conversation '${conversationId(session.id)}'.`,
  );
}

function getItem(gateway: Gateway): Handler {
  return async (exchange) => {
    const session = await find(gateway, exchange);
    const { item } = await locate(gateway, exchange.caller, session, exchange.params.item!);
    return Response.json(outputItem(item));
  };
}

async function locate(
  gateway: Gateway,
  caller: Caller,
  session: Session,
  itemId: string,
): Promise<PlacedItem> {
  const place = placeOf(itemId, session);
  const row = await gateway.store.readTurn(caller.tenant, place.turn);
  const items = row ? placedItems(await wholeTurn(row, gateway.blobs), row.hidden) : [];
  const found = items.find(({ item }) => item.id === itemId);
  if (!found) throw itemNotFound(itemId, session);
  return found;
}

/** Hides the item from every view. The partner of a call or an output is left out with it when a prompt is assembled. */
function removeItem(gateway: Gateway): Handler {
  return async (exchange) => {
    const session = await find(gateway, exchange);
    const { side, index } = await locate(gateway, exchange.caller, session, exchange.params.item!);
    const { turn } = placeOf(exchange.params.item!, session);
    await gateway.store.amendTurn(exchange.caller.tenant, turn, { hide: [`${side}${index}`] });
    return Response.json(view(session));
  };
}
