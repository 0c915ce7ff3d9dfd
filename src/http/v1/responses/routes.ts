import { Fault } from '../../../core/errors.ts';
import { parseResponseId, responseId, type TurnId } from '../../../core/ids.ts';
import { identified } from '../../../session/codec.ts';
import { findTurn } from '../../../turn/find-turn.ts';
import { Cancelled, type LiveTurn } from '../../../turn/live-turn.ts';
import type { Once } from '../../../turn/repeats.ts';
import { run } from '../../../turn/run.ts';
import { readBody } from '../../body.ts';
import type { Exchange, Handler, Route } from '../../exchange.ts';
import type { Gateway } from '../../gateway.ts';
import { begunOnce, replyAccepted, replyWhole, stopWithClient, turnHeaders } from '../../reply.ts';
import { seenBefore, startingAfter, streamTurn } from '../../sse.ts';
import { identityOf, withIdentity } from '../identity.ts';
import { pageOf, pageQuery } from '../pages.ts';
import { parseResponseRequest } from './parse.ts';
import { resolveReferences } from './references.ts';
import { outputItem, type ResponseView, response } from './response.ts';
import { ResponseStream } from './stream.ts';

const PATH = '/v1/responses';

export function responseRoutes(gateway: Gateway): Route[] {
  const path = PATH;
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
    const { headers } = request;
    const { body, text } = await readBody(request, gateway.bodyLimit);
    const parsed = parseResponseRequest(body, headers, caller);
    const items = await resolveReferences(parsed.items, caller.tenant, gateway);
    const identity = identityOf(headers, `POST ${PATH}`, caller, text);
    const ask = withIdentity({ ...parsed, items }, identity);
    const once = await run(ask, caller, gateway);
    const live = once.made;
    if (ask.background) {
      if (ask.stream) return streamed(once, seenBefore(once, headers));
      return Response.json(await current(live), { headers: turnHeaders(once) });
    }
    stopWithClient(live, request.signal, ask);
    await begunOnce(once);
    if (live.state === 'queued')
      return replyAccepted(once, `${PATH}/${responseId(live.asked.id)}`, await current(live));
    return ask.stream
      ? streamed(once, seenBefore(once, headers))
      : replyWhole(once, (turn) => viewOf(live, turn));
  };
}

function streamed(once: Once<LiveTurn>, after: number, joins = after >= 0): Response {
  const { made: live } = once;
  const writer = new ResponseStream(live.asked, live.shown, live.session, after);
  return streamTurn(live, writer, turnHeaders(once), joins);
}

const viewOf = (live: LiveTurn, turn: ResponseView['turn']): Record<string, unknown> =>
  response({ turn, store: live.shown, session: live.session });

/** A response as it stands now. */
async function current(live: LiveTurn): Promise<Record<string, unknown>> {
  if (live.state === 'ended') return viewOf(live, await live.ended);
  return viewOf(live, { ...live.asked, state: live.state });
}

function notFound(id: string): Fault {
  return new Fault('response_not_found', `Response with id '${id}' not found.`);
}

function turnId({ params }: Exchange): TurnId {
  const id = parseResponseId(params.id!);
  if (!id) throw notFound(params.id!);
  return id;
}

/** The response that a path names, running or ended. */
async function find(gateway: Gateway, exchange: Exchange): Promise<LiveTurn> {
  const id = turnId(exchange);
  const live = await findTurn(exchange.caller.tenant, id, gateway);
  if (!live?.shown) throw notFound(responseId(id));
  return live;
}

/** With `stream`, all its events, or those after one of them: of any response, however long ago it ended. */
function retrieve(gateway: Gateway): Handler {
  return async (exchange) => {
    const live = await find(gateway, exchange);
    const once = { made: live, replayed: false };
    if (exchange.query.get('stream') !== 'true') return Response.json(await current(live));
    return streamed(once, startingAfter(exchange.query, exchange.request.headers), true);
  };
}

function remove(gateway: Gateway): Handler {
  return async (exchange) => {
    const { state, asked } = await find(gateway, exchange);
    if (state !== 'ended') {
      throw new Fault('response_running', `Response ${responseId(asked.id)} has not ended yet.`);
    }
    await gateway.store.amendTurn(exchange.caller.tenant, asked.id, { deleted: true });
    return Response.json({ id: responseId(asked.id), object: 'response', deleted: true });
  };
}

/** Stops a running response; cancelling a cancelled one is no mistake. */
function cancel(gateway: Gateway): Handler {
  return async (exchange) => {
    const live = await find(gateway, exchange);
    const { id, tenant } = live.asked;
    if (live.state !== 'ended') {
      if (gateway.running.get(tenant, id) !== live) throw notCancellable(id, 'run by another process');
      live.stop(new Cancelled('The caller cancelled the turn.'));
    }
    const turn = await live.ended;
    if (turn.state !== 'cancelled') throw notCancellable(id, turn.state);
    return Response.json(viewOf(live, turn));
  };
}

const notCancellable = (id: TurnId, what: string): Fault =>
  new Fault('not_cancellable', `Response ${responseId(id)} is ${what}.`);

function inputItems(gateway: Gateway): Handler {
  return async (exchange) => {
    const query = pageQuery(exchange.query, 'desc');
    const { asked } = await find(gateway, exchange);
    const row = await gateway.store.readTurn(asked.tenant, asked.id);
    const items = asked.input.flatMap((item, index) =>
      row?.hidden.includes(`i${index}`) ? [] : [outputItem(identified(item, asked.id, 'i', index))],
    );
    return Response.json(pageOf(items, query));
  };
}
