import { z } from 'zod';
import type { Api } from '../../../api/api.ts';
import { etagOf } from '../../../api/values.ts';
import { Fault } from '../../../core/errors.ts';
import { valueId } from '../../../core/ids.ts';
import type { Session } from '../../../core/turn.ts';
import { isValueKey, KEY_FORM, type SessionValue, type ValueCondition } from '../../../core/values.ts';
import { json, published, type RouteDoc } from '../../published.ts';
import type { Exchange, Handler, Route, SettingsSource } from '../../route.ts';
import { invalid } from '../fields.ts';
import { page, pageQuery, pageSchema } from '../pages.ts';
import { deletedReply, listOf, seconds } from '../replies.ts';
import { identityOf, readJson, sessionRef } from '../request.ts';
import { IF_MATCH, IF_NONE_MATCH } from '../request-headers.ts';
import { replyOnce } from '../turn-routes.ts';

const PATH = '/v1/conversations/:id/values';

type Parts = Pick<Api, 'conversations' | 'values'>;

/** The values of conversations. OpenAI's API has none; the routes follow its conventions. */
export function valueRoutes(parts: Parts, settings: SettingsSource): Route[] {
  const path = `${PATH}/:key`;
  const access = 'key';
  return [
    { method: 'GET', path: PATH, access, doc: LIST, handle: list(parts) },
    { method: 'GET', path, access, doc: RETRIEVE, handle: retrieve(parts) },
    { method: 'PUT', path, access, doc: PUT, handle: write('put', parts, settings) },
    { method: 'PATCH', path, access, doc: PATCH, handle: write('merge', parts, settings) },
    { method: 'DELETE', path, access, doc: REMOVE, handle: remove(parts) },
  ];
}

const Value = published(
  'ConversationValue',
  z.strictObject({
    id: z.string().describe('Names the value in an `item_reference`.'),
    object: z.literal('conversation.value'),
    key: z.string(),
    value: z.unknown().describe('Any JSON.'),
    version: z.int().describe('Grows with every change; also in `ETag`.'),
    created_at: seconds,
    updated_at: seconds,
  }),
);
const ValueList = published('ConversationValueList', listOf(Value));
const content = published(
  'ConversationValueContent',
  z.unknown().describe('The value: any JSON of at most 64 KiB.'),
);
const patch = published(
  'ConversationValuePatch',
  z.unknown().describe('A JSON merge patch (RFC 7396): the fields that change; `null` removes a field.'),
);
const query = pageSchema.extend({
  order: pageSchema.shape.order.describe('The order of the keys; `asc` where absent.'),
});

const LIST: RouteDoc = {
  what: 'Lists the values of a conversation, by key.',
  query,
  replies: [json(ValueList)],
};
const one = [json(Value)];
const RETRIEVE: RouteDoc = { what: 'Fetches a value.', value: 'read', replies: one };
const PUT: RouteDoc = { what: 'Creates or replaces a value.', value: 'write', body: content, replies: one };
const PATCH: RouteDoc = {
  what: 'Changes the fields of a value that exists.',
  value: 'write',
  body: patch,
  replies: one,
};
const REMOVE: RouteDoc = {
  what: 'Deletes a value.',
  value: 'write',
  replies: [json(deletedReply('ConversationValueDeleted', 'conversation.value.deleted'))],
};

function view({ id }: Session, { key, json: text, version, createdAt, updatedAt }: SessionValue) {
  return {
    id: valueId(id, key),
    object: 'conversation.value',
    key,
    value: JSON.parse(text) as unknown,
    version,
    created_at: Math.floor(createdAt / 1000),
    updated_at: Math.floor(updatedAt / 1000),
  };
}

function withTag(reply: Response, { version }: SessionValue): Response {
  reply.headers.set('etag', etagOf(version));
  return reply;
}

/** The conversation and the key that the path names. */
async function locate({ conversations }: Parts, { params, caller }: Exchange) {
  const key = params.key!;
  if (!isValueKey(key)) throw invalid('key', KEY_FORM);
  const session = await conversations.get(caller, sessionRef(params.id, 'conversation_id'));
  return { session, key };
}

function list({ conversations, values }: Parts): Handler {
  return async ({ params, query: asked, caller }) => {
    const wanted = pageQuery(asked, 'asc');
    const session = await conversations.get(caller, sessionRef(params.id, 'conversation_id'));
    const { values: found, more } = await values.list(session, wanted);
    return Response.json(
      page(
        found.map((value) => view(session, value)),
        more,
      ),
    );
  };
}

function retrieve(parts: Parts): Handler {
  return async (exchange) => {
    const { session, key } = await locate(parts, exchange);
    const value = await parts.values.get(session, key);
    return withTag(Response.json(view(session, value)), value);
  };
}

function write(kind: 'put' | 'merge', parts: Parts, settings: SettingsSource): Handler {
  const method = kind === 'put' ? 'PUT' : 'PATCH';
  return async (exchange) => {
    const { caller, request } = exchange;
    const { headers } = request;
    const condition = conditionOf(headers, kind === 'put');
    const { value: sent, text } = await readJson(request, settings());
    const { session, key } = await locate(parts, exchange);
    const route = `${method} /v1/conversations/${session.id}/values/${key}`;
    const identity = identityOf(headers, route, caller, JSON.stringify([condition, text]));
    const body = JSON.stringify(sent);
    const change = kind === 'put' ? { kind, json: body } : { kind, patch: body };
    const asked = { key, change, condition };
    const { result, replayed } = await parts.values.change(caller, session, asked, identity);
    return withTag(replyOnce(replayed, view(session, result)), result);
  };
}

function remove(parts: Parts): Handler {
  return async (exchange) => {
    const condition = conditionOf(exchange.request.headers, false);
    const { session, key } = await locate(parts, exchange);
    await parts.values.remove(exchange.caller, session, key, condition);
    return Response.json({
      id: valueId(session.id, key),
      object: 'conversation.value.deleted',
      deleted: true,
    });
  };
}

/**
 * An entity tag (RFC 9110, section 8.8.3). A weak one counts as the strong one: proxies such as nginx make tags
 * weak when they compress a reply, and a version does not depend on the bytes of the reply.
 */
const TAG = /^(?:W\/)?"(\d{1,15})"$/;

/** What a change asks for in `If-Match` or `If-None-Match` (RFC 9110, section 13.1). */
function conditionOf(headers: Headers, mayCreate: boolean): ValueCondition {
  const match = headers.get(IF_MATCH.name);
  const noneMatch = headers.get(IF_NONE_MATCH.name);
  if (noneMatch !== null) {
    if (!mayCreate || noneMatch !== '*') throw invalid(IF_NONE_MATCH.name, '`*`, and only with a PUT');
    if (match === null) return { kind: 'absent' };
    const both = '`if-match` and `if-none-match` contradict each other.';
    throw new Fault('invalid_request', both, { param: IF_NONE_MATCH.name });
  }
  if (match === null) return { kind: 'none' };
  if (match === '*') return { kind: 'present' };
  const version = TAG.exec(match)?.[1];
  if (version === undefined) throw invalid(IF_MATCH.name, 'the `ETag` of a value, such as `"3"`, or `*`');
  return { kind: 'version', version: Number(version) };
}
