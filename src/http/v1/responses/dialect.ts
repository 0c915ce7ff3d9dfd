import type { Api } from '../../../api/api.ts';
import { responseNotFound } from '../../../api/responses.ts';
import { parseResponseId, responseId, type TurnId } from '../../../core/ids.ts';
import { isFetchable, isKept } from '../../../core/turn.ts';
import type { TurnView } from '../../../core/turn-view.ts';
import type { Dialect, Place } from '../../dialect.ts';
import { errorResponse } from '../../envelope.ts';
import type { Exchange, Handler, Route } from '../../route.ts';
import { itemField } from '../caller-words.ts';
import { pageOf, pageQuery } from '../pages.ts';
import { currentBody, resumeStream, startingAfter } from '../turn-routes.ts';
import { parseResponseRequest } from './parse.ts';
import { outputItem, type ResponseView, response } from './response.ts';
import { ResponseStream } from './stream.ts';

const PATH = '/v1/responses';

/** OpenAI's Responses API, as Open Responses specifies it. */
export const responses: Dialect = {
  name: 'responses',
  protocol: 'openai-responses',
  path: PATH,
  whenBroken: 'restart',
  publicId: responseId,
  parse: parseResponseRequest,
  fieldOf: responseField,
  whole: (view, turn) => responseOf(view, turn),
  stream: (view, after) => new ResponseStream(view, after),
  accepted: (view) =>
    responseOf(view, { ...view.asked, state: view.state === 'queued' ? 'queued' : 'running' }),
  error: errorResponse,
  routes,
};

const SETTING_FIELDS: ReadonlyMap<string, string> = new Map([
  ['format', 'text.format.type'],
  ['verbosity', 'text.verbosity'],
]);

function responseField(place: Place, { input }: Record<string, unknown>): string {
  if ('setting' in place) return SETTING_FIELDS.get(place.setting) ?? place.setting;
  return Array.isArray(input) ? itemField('input', place, input) : 'input';
}

const responseOf = ({ retention, session }: TurnView, turn: ResponseView['turn']): Record<string, unknown> =>
  response({ turn, store: isFetchable(retention), session: isKept(retention) ? session : undefined });

function routes(api: Api): Route[] {
  const path = `${PATH}/:id`;
  const access = 'key';
  return [
    { method: 'GET', path, access, handle: retrieve(api.responses) },
    { method: 'DELETE', path, access, handle: remove(api.responses) },
    { method: 'POST', path: `${path}/cancel`, access, handle: cancel(api.responses) },
    { method: 'GET', path: `${path}/input_items`, access, handle: inputItems(api.responses) },
  ];
}

type Responses = Api['responses'];

function turnId({ params }: Exchange): TurnId {
  const id = parseResponseId(params.id!);
  if (!id) throw responseNotFound(params.id!);
  return id;
}

/** With `stream`, all events of the response, or those after one of them; also long after it has ended. */
function retrieve(stored: Responses): Handler {
  return async (exchange) => {
    const { caller, query, request } = exchange;
    const view = await stored.get(caller, turnId(exchange));
    if (query.get('stream') !== 'true') return Response.json(await currentBody(view, responses));
    const after = startingAfter(query, request.headers);
    const write = (from: number) => new ResponseStream(view, from);
    return resumeStream({ result: view, replayed: false }, write, after, request.headers);
  };
}

function remove(stored: Responses): Handler {
  return async (exchange) => {
    const id = turnId(exchange);
    await stored.remove(exchange.caller, id);
    return Response.json({ id: responseId(id), object: 'response', deleted: true });
  };
}

function cancel(stored: Responses): Handler {
  return async (exchange) => {
    const { caller } = exchange;
    const id = turnId(exchange);
    const view = await stored.get(caller, id);
    await stored.cancel(caller, id);
    return Response.json(responseOf(view, await view.ended));
  };
}

function inputItems(stored: Responses): Handler {
  return async (exchange) => {
    const query = pageQuery(exchange.query, 'desc');
    const items = await stored.inputItems(exchange.caller, turnId(exchange));
    return Response.json(pageOf(items.map(outputItem), query));
  };
}
