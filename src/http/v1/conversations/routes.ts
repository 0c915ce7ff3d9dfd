import { z } from 'zod';
import type { Api } from '../../../api/api.ts';
import { withoutCacheMarks } from '../../../core/cache-marks.ts';
import { conversationId } from '../../../core/ids.ts';
import type { Session } from '../../../core/turn.ts';
import { json, published, type RouteDoc } from '../../published.ts';
import type { Exchange, Handler, Route, SettingsSource } from '../../route.ts';
import { inItemsOf } from '../caller-words.ts';
import { parseItems } from '../canonical-items.ts';
import { metadata, validate } from '../fields.ts';
import { page, pageQuery, pageSchema } from '../pages.ts';
import { Conversation, deletedReply } from '../replies.ts';
import { identityOf, readBody, sessionRef } from '../request.ts';
import { outputItem } from '../responses/response.ts';
import { ItemList, OutputItem } from '../responses/schemas.ts';
import { replyOnce } from '../turn-routes.ts';

const PATH = '/v1/conversations';

/** OpenAI's limit on items per call. */
const MAX_ITEMS = 20;

/** OpenAI's Conversations API. */
export function conversationRoutes(
  { conversations }: Pick<Api, 'conversations'>,
  settings: SettingsSource,
): Route[] {
  const path = `${PATH}/:id`;
  const items = `${path}/items`;
  const access = 'key';
  return [
    { method: 'POST', path: PATH, access, doc: CREATE, handle: create(conversations, settings) },
    { method: 'GET', path, access, doc: RETRIEVE, handle: retrieve(conversations) },
    { method: 'POST', path, access, doc: UPDATE, handle: update(conversations, settings) },
    { method: 'DELETE', path, access, doc: REMOVE, handle: remove(conversations) },
    { method: 'POST', path: items, access, doc: ADD_ITEMS, handle: addItems(conversations, settings) },
    { method: 'GET', path: items, access, doc: LIST_ITEMS, handle: listItems(conversations) },
    { method: 'GET', path: `${items}/:item`, access, doc: GET_ITEM, handle: getItem(conversations) },
    { method: 'DELETE', path: `${items}/:item`, access, doc: REMOVE_ITEM, handle: removeItem(conversations) },
  ];
}

const ITEMS = { description: 'At most 20 items.', items: { $ref: '#/components/schemas/InputItem' } };
const createSchema = published(
  'ConversationRequest',
  z.looseObject({
    items: z.array(z.unknown()).max(MAX_ITEMS).meta(ITEMS).nullish(),
    metadata: metadata.nullish().describe('At most 16 pairs that the caller chooses.'),
  }),
);
const updateSchema = published(
  'ConversationUpdate',
  z.looseObject({ metadata: metadata.describe('Replaces all pairs.') }),
);
const addSchema = published(
  'ConversationItems',
  z.looseObject({
    items: z.array(z.unknown()).min(1).max(MAX_ITEMS).meta(ITEMS),
    metadata: metadata
      .nullish()
      .describe('Pairs that are stored with the items. `date` (ISO 8601) says when they were said.'),
  }),
);

const one = [json(Conversation)];
const CREATE: RouteDoc = { what: 'Makes a conversation.', body: createSchema, replies: one };
const RETRIEVE: RouteDoc = { what: 'Fetches a conversation by its id or name.', replies: one };
const UPDATE: RouteDoc = {
  what: 'Replaces the metadata of a conversation.',
  body: updateSchema,
  replies: one,
};
const REMOVE: RouteDoc = {
  what: 'Deletes a conversation; its responses stay.',
  replies: [json(deletedReply('ConversationDeleted', 'conversation.deleted'))],
};
const ADD_ITEMS: RouteDoc = {
  what: 'Adds items to a conversation without asking a model.',
  body: addSchema,
  replies: [json(ItemList)],
};
const LIST_ITEMS: RouteDoc = {
  what: 'Lists the items of a conversation.',
  query: pageSchema,
  replies: [json(ItemList)],
};
const GET_ITEM: RouteDoc = { what: 'Fetches an item of a conversation.', replies: [json(OutputItem)] };
const REMOVE_ITEM: RouteDoc = {
  what: 'Hides an item: it is not listed and no model gets it.',
  replies: one,
};

type Conversations = Api['conversations'];

/** OpenAI API description, `ConversationResource`. */
function view(session: Session): Record<string, unknown> {
  return {
    id: conversationId(session.id),
    object: 'conversation',
    created_at: Math.floor(session.createdAt / 1000),
    metadata: session.metadata,
  };
}

/** The session that the path names by its id or its name. */
function find(conversations: Conversations, { params, caller }: Exchange): Promise<Session> {
  return conversations.get(caller, sessionRef(params.id, 'conversation_id'));
}

function create(conversations: Conversations, settings: SettingsSource): Handler {
  return async ({ request, caller }) => {
    const { headers } = request;
    const isEmpty = headers.get('content-length') === '0';
    const { body: raw, text } = isEmpty ? { body: {}, text: '' } : await readBody(request, settings());
    const body = validate(createSchema, raw);
    const wanted = { items: bareItems(body.items ?? []), metadata: body.metadata ?? {} };
    const identity = identityOf(headers, `POST ${PATH}`, caller, text);
    const { result, replayed } = await conversations.create(caller, wanted, identity).catch((failure) => {
      throw inItemsOf('items', wanted.items, failure);
    });
    return replyOnce(replayed, view(result));
  };
}

/** Items without cache marks: those belong to a request to a model. */
const bareItems = (items: unknown) => withoutCacheMarks({ input: parseItems(items, 'items') }).input;

function retrieve(conversations: Conversations): Handler {
  return async (exchange) => Response.json(view(await find(conversations, exchange)));
}

function update(conversations: Conversations, settings: SettingsSource): Handler {
  return async (exchange) => {
    const { caller, request } = exchange;
    const { body, text } = await readBody(request, settings());
    const { metadata: change } = validate(updateSchema, body);
    const session = await find(conversations, exchange);
    const identity = identityOf(request.headers, `POST ${PATH}/${session.id}`, caller, text);
    const { result, replayed } = await conversations.update(caller, session, change, identity);
    return replyOnce(replayed, view(result));
  };
}

function remove(conversations: Conversations): Handler {
  return async (exchange) => {
    const session = await find(conversations, exchange);
    await conversations.remove(session);
    return Response.json({ id: conversationId(session.id), object: 'conversation.deleted', deleted: true });
  };
}

function addItems(conversations: Conversations, settings: SettingsSource): Handler {
  return async (exchange) => {
    const { caller, request } = exchange;
    const { body: raw, text } = await readBody(request, settings());
    const body = validate(addSchema, raw);
    const items = bareItems(body.items);
    const session = await find(conversations, exchange);
    const identity = identityOf(request.headers, `POST ${PATH}/${session.id}/items`, caller, text);
    const { result, replayed } = await conversations
      .addItems(caller, session, { items, metadata: body.metadata ?? undefined }, identity)
      .catch((failure) => {
        throw inItemsOf('items', items, failure);
      });
    return replyOnce(replayed, page(result.map(outputItem), false));
  };
}

function listItems(conversations: Conversations): Handler {
  return async (exchange) => {
    const query = pageQuery(exchange.query, 'desc');
    const { items, more } = await conversations.listItems(await find(conversations, exchange), query);
    return Response.json(page(items.map(outputItem), more));
  };
}

function getItem(conversations: Conversations): Handler {
  return async (exchange) => {
    const session = await find(conversations, exchange);
    return Response.json(outputItem(await conversations.getItem(session, exchange.params.item!)));
  };
}

function removeItem(conversations: Conversations): Handler {
  return async (exchange) => {
    const session = await find(conversations, exchange);
    await conversations.removeItem(session, exchange.params.item!);
    return Response.json(view(session));
  };
}
