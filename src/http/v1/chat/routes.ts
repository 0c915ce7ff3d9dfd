import { Fault } from '../../../core/errors.ts';
import { completionId, parseCompletionId, type TurnId } from '../../../core/ids.ts';
import type { Turn } from '../../../core/turn.ts';
import { wholeTurn } from '../../../session/large-content.ts';
import type { TurnRow } from '../../../session/store.ts';
import { findTurn } from '../../../turn/find-turn.ts';
import type { LiveTurn } from '../../../turn/live-turn.ts';
import type { Once } from '../../../turn/repeats.ts';
import { run } from '../../../turn/run.ts';
import { readBody } from '../../body.ts';
import type { Exchange, Handler, Route } from '../../exchange.ts';
import type { Gateway } from '../../gateway.ts';
import { begunOnce, replyAccepted, replyOnce, replyWhole, stopWithClient, turnHeaders } from '../../reply.ts';
import { seenBefore, startingAfter, streamTurn } from '../../sse.ts';
import { metadata, validate } from '../fields.ts';
import { identityOf, withIdentity } from '../identity.ts';
import { page, pageOf, pageQuery } from '../pages.ts';
import { completion } from './completion.ts';
import { toMessages } from './messages-of-items.ts';
import { parseChat } from './parse.ts';
import { ChatStream } from './stream.ts';

const PATH = '/v1/chat/completions';

export function chatRoutes(gateway: Gateway): Route[] {
  const path = PATH;
  return [
    { method: 'POST', path, handle: create(gateway) },
    { method: 'GET', path, handle: list(gateway) },
    { method: 'GET', path: `${path}/:id`, handle: retrieve(gateway) },
    { method: 'POST', path: `${path}/:id`, handle: update(gateway) },
    { method: 'DELETE', path: `${path}/:id`, handle: remove(gateway) },
    { method: 'GET', path: `${path}/:id/messages`, handle: messages(gateway) },
  ];
}

function create(gateway: Gateway): Handler {
  return async ({ request, caller }) => {
    const { headers } = request;
    const { body, text } = await readBody(request, gateway.bodyLimit);
    const identity = identityOf(headers, `POST ${PATH}`, caller, text);
    const ask = withIdentity(parseChat(body, headers, caller, gateway.overflow), identity);
    const once = await run(ask, caller, gateway);
    const live = once.made;
    stopWithClient(live, request.signal, ask);
    await begunOnce(once);
    if (live.state === 'queued') return accepted(once);
    if (!ask.stream) return replyWhole(once, whole);
    const after = seenBefore(once, headers);
    const writer = new ChatStream(live.asked, ask.includeUsage, after);
    return streamTurn(live, writer, turnHeaders(once), after >= 0);
  };
}

/** An answer that broke off is an error here: a completion has no field that could say so. */
function whole(turn: Turn): Record<string, unknown> {
  if (turn.error) throw new Fault(turn.error.code, turn.error.message);
  return completion(turn);
}

/** OpenAI's API has no word for a completion that is still to come; its status is told as of a response. */
function accepted(once: Once<LiveTurn>): Response {
  const { asked, state } = once.made;
  const id = completionId(asked.id);
  const status = state === 'queued' ? 'queued' : 'in_progress';
  const created = Math.floor(asked.createdAt / 1000);
  return replyAccepted(once, `${PATH}/${id}`, {
    id,
    object: 'chat.completion.accepted',
    status,
    created,
    model: asked.model,
  });
}

/** A completion by its id: also one that is running, or that its session alone keeps. With `stream`, its chunks. */
function retrieve(gateway: Gateway): Handler {
  return async ({ params, caller, query, request }) => {
    const id = turnId(params.id!);
    const live = await findTurn(caller.tenant, id, gateway);
    if (!live?.shown || live.asked.dialect !== 'chat') throw notFound(completionId(id));
    const once = { made: live, replayed: false };
    if (query.get('stream') === 'true') {
      const includeUsage = query.get('include_usage') === 'true';
      const writer = new ChatStream(live.asked, includeUsage, startingAfter(query, request.headers));
      return streamTurn(live, writer, turnHeaders(once), true);
    }
    if (live.state !== 'ended') return accepted(once);
    await begunOnce(once);
    return replyWhole(once, whole);
  };
}

function notFound(id: string): Fault {
  return new Fault('response_not_found', `Chat completion with id '${id}' not found.`);
}

function turnId(text: string): TurnId {
  const id = parseCompletionId(text);
  if (!id) throw notFound(text);
  return id;
}

/** Only completions that were asked to be stored are listed and can be changed, as in OpenAI's API. */
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
  return async ({ params, request, caller }) => {
    const { tenant } = caller;
    const id = turnId(params.id!);
    const { body, text } = await readBody(request, gateway.bodyLimit);
    const change = validate(metadata, body.metadata ?? {});
    visible(await gateway.store.readTurn(tenant, id), id);
    const identity = identityOf(request.headers, `POST ${PATH}/${id}`, caller, text);
    const { made, replayed } = await gateway.repeats.once(identity, tenant, {
      find: () => gateway.store.readTurn(tenant, id),
      // Done twice, it would be the same; claimed first, it might not be done at all.
      make: async (claim) => {
        const row = await gateway.store.amendTurn(tenant, id, { metadata: change });
        await claim(id);
        return visible(row, id);
      },
    });
    return replyOnce(replayed, completion(await wholeTurn(visible(made, id), gateway.blobs)));
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
