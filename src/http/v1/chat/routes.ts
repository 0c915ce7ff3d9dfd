import { Fault } from '../../../core/errors.ts';
import { completionId, parseCompletionId, type TurnId } from '../../../core/ids.ts';
import type { Turn } from '../../../core/turn.ts';
import { wholeTurn } from '../../../session/large-content.ts';
import type { TurnRow } from '../../../session/store.ts';
import { run } from '../../../turn/run.ts';
import { readBody } from '../../body.ts';
import type { Exchange, Handler, Route } from '../../exchange.ts';
import type { Gateway } from '../../gateway.ts';
import { begun, receiptHeaders, replyWhole, stopWithClient } from '../../reply.ts';
import { streamTurn } from '../../sse.ts';
import { metadata, validate } from '../fields.ts';
import { page, pageOf, pageQuery } from '../pages.ts';
import { completion } from './completion.ts';
import { toMessages } from './messages-of-items.ts';
import { parseChat } from './parse.ts';
import { ChatStream } from './stream.ts';

export function chatRoutes(gateway: Gateway): Route[] {
  const path = '/v1/chat/completions';
  return [
    { method: 'POST', path, handle: create(gateway) },
    { method: 'GET', path, handle: list(gateway) },
    {
      method: 'GET',
      path: `${path}/:id`,
      handle: async (exchange) => Response.json(completion(await stored(gateway, exchange))),
    },
    { method: 'POST', path: `${path}/:id`, handle: update(gateway) },
    { method: 'DELETE', path: `${path}/:id`, handle: remove(gateway) },
    { method: 'GET', path: `${path}/:id/messages`, handle: messages(gateway) },
  ];
}

function create(gateway: Gateway): Handler {
  return async ({ request, caller }) => {
    const { body } = await readBody(request, gateway.bodyLimit);
    const ask = parseChat(body, request.headers, caller, gateway.overflow);
    const live = await run(ask, caller, gateway);
    stopWithClient(live, request);
    if (!ask.stream) return replyWhole(live, whole);
    const receipt = await begun(live);
    const writer = new ChatStream(live.intent, receipt?.candidate.provider, ask.includeUsage);
    return streamTurn(live, writer, receipt ? receiptHeaders(live, receipt) : {});
  };
}

/** An answer that broke off is an error here: a completion has no field that could say so. */
function whole(turn: Turn): Record<string, unknown> {
  if (turn.error) throw new Fault(turn.error.code, turn.error.message);
  return completion(turn);
}

function notFound(id: string): Fault {
  return new Fault('response_not_found', `Chat completion with id '${id}' not found.`);
}

function turnId(text: string): TurnId {
  const id = parseCompletionId(text);
  if (!id) throw notFound(text);
  return id;
}

/** Only completions that were asked to be stored exist for this API, as in OpenAI's. */
function visible(row: TurnRow | undefined, id: TurnId): TurnRow {
  if (!row?.listed || row.deleted) throw notFound(completionId(id));
  return row;
}

async function stored(gateway: Gateway, exchange: Exchange): Promise<Turn> {
  const id = turnId(exchange.params.id!);
  const row = visible(await gateway.store.readTurn(exchange.caller.tenant, id), id);
  return wholeTurn(row, gateway.blobs);
}

function update(gateway: Gateway): Handler {
  return async (exchange) => {
    const id = turnId(exchange.params.id!);
    const { body } = await readBody(exchange.request, gateway.bodyLimit);
    const change = validate(metadata, body.metadata ?? {});
    visible(await gateway.store.readTurn(exchange.caller.tenant, id), id);
    const row = await gateway.store.amendTurn(exchange.caller.tenant, id, { metadata: change });
    return Response.json(completion(await wholeTurn(visible(row, id), gateway.blobs)));
  };
}

function remove(gateway: Gateway): Handler {
  return async (exchange) => {
    const id = turnId(exchange.params.id!);
    const { tenant } = exchange.caller;
    visible(await gateway.store.readTurn(tenant, id), id);
    await gateway.store.amendTurn(tenant, id, { deleted: true });
    return Response.json({ object: 'chat.completion.deleted', id: completionId(id), deleted: true });
  };
}

function list(gateway: Gateway): Handler {
  return async ({ query, caller }) => {
    const { after, limit, order } = pageQuery(query, 'asc');
    const rows = await gateway.store.listTurns(caller.tenant, {
      after: after === undefined ? undefined : turnId(after),
      limit: limit + 1,
      order,
      model: query.get('model') ?? undefined,
      metadata: metadataFilter(query),
    });
    const turns = await Promise.all(rows.slice(0, limit).map((row) => wholeTurn(row, gateway.blobs)));
    return Response.json(page(turns.map(completion), rows.length > limit));
  };
}

/** `metadata[key]=value`, as OpenAI's SDKs send it. */
function metadataFilter(query: URLSearchParams): Record<string, string> | undefined {
  const pairs = [...query].flatMap(([name, value]) => {
    const key = /^metadata\[(.+)\]$/.exec(name)?.[1];
    return key === undefined ? [] : [[key, value] as const];
  });
  return pairs.length > 0 ? Object.fromEntries(pairs) : undefined;
}

function messages(gateway: Gateway): Handler {
  return async (exchange) => {
    const turn = await stored(gateway, exchange);
    const all = toMessages(turn.input, turn.inputNatives).map((message, index) => ({
      ...message,
      id: `${completionId(turn.id)}-${index}`,
    }));
    return Response.json(pageOf(all, pageQuery(exchange.query, 'asc')));
  };
}
