import type { Api } from '../../../api/api.ts';
import { responseNotFound } from '../../../api/responses.ts';
import { Fault } from '../../../core/errors.ts';
import { parseResponseId, responseId, type TurnId } from '../../../core/ids.ts';
import type { Seal } from '../../../core/seal.ts';
import { isFetchable, isKept } from '../../../core/turn.ts';
import type { TurnView } from '../../../core/turn-view.ts';
import type { Dialect, Location, RequestTarget } from '../../dialect.ts';
import { errorResponse } from '../../envelope.ts';
import type { Exchange, Handler, Route, SettingsSource } from '../../route.ts';
import { inCallersWords, itemField } from '../caller-words.ts';
import { pageOf, pageQuery } from '../pages.ts';
import { mayHaveMarks, readBody } from '../request.ts';
import { askOf, currentBody, resumeStream, startingAfter } from '../turn-routes.ts';
import { parseResponseRequest } from './parse.ts';
import { previewView } from './preview.ts';
import { receiptView } from './receipt.ts';
import { outputItem, type ResponseView, response } from './response.ts';
import * as docs from './route-docs.ts';
import { ResponseStream } from './stream.ts';

const PATH = '/v1/responses';

/** The path says nothing about a response. */
export const TARGET: RequestTarget = { endpoint: PATH, params: {}, query: new URLSearchParams() };

/** OpenAI's Responses API, as Open Responses specifies it. */
export const responses: Dialect = {
  name: 'responses',
  protocol: 'openai-responses',
  endpoints: [{ path: PATH, doc: docs.CREATE }],
  whenBroken: 'restart',
  publicId: responseId,
  pathOf: (turn) => `${PATH}/${responseId(turn)}`,
  parse: parseResponseRequest,
  fieldOf: responseField,
  whole: (view, turn, seal) => responseOf(view, turn, seal),
  stream: (view, after, seal) => new ResponseStream(view, seal, after),
  accepted: (view) =>
    responseOf(view, { ...view.asked, state: view.state === 'queued' ? 'queued' : 'running' }),
  error: errorResponse,
  routes,
};

const SETTING_FIELDS: ReadonlyMap<string, string> = new Map([
  ['format', 'text.format.type'],
  ['verbosity', 'text.verbosity'],
]);

function responseField(location: Location, { input }: Record<string, unknown>): string {
  if ('setting' in location) return SETTING_FIELDS.get(location.setting) ?? location.setting;
  return Array.isArray(input) ? itemField('input', location, input) : 'input';
}

function responseOf({ retention, session }: TurnView, turn: ResponseView['turn'], seal?: Seal) {
  const kept = isKept(retention) ? session : undefined;
  return response({ turn, store: isFetchable(retention), session: kept, seal });
}

function routes(api: Api, settings: SettingsSource): Route[] {
  const path = `${PATH}/:id`;
  const access = 'key';
  return [
    {
      method: 'POST',
      path: `${PATH}/input_tokens`,
      access,
      doc: docs.COUNT,
      handle: countInput(api.turns, settings),
    },
    {
      method: 'POST',
      path: '/v1/context/preview',
      access,
      doc: docs.PREVIEW,
      handle: preview(api.turns, settings),
    },
    { method: 'POST', path: `${PATH}/compact`, access, doc: docs.COMPACT, handle: noCompaction },
    { method: 'GET', path, access, doc: docs.RETRIEVE, handle: retrieve(api.responses, api.seal) },
    { method: 'DELETE', path, access, doc: docs.REMOVE, handle: remove(api.responses) },
    {
      method: 'POST',
      path: `${path}/cancel`,
      access,
      doc: docs.CANCEL,
      handle: cancel(api.responses, api.seal),
    },
    {
      method: 'GET',
      path: `${path}/receipt`,
      access,
      doc: docs.RECEIPT,
      handle: receipt(api.responses),
    },
    {
      method: 'GET',
      path: `${path}/input_items`,
      access,
      doc: docs.INPUT_ITEMS,
      handle: inputItems(api.responses),
    },
  ];
}

/** OpenAI API description, `TokenCountsBody`: the body of a response; the model may be absent. */
function countInput(turns: Api['turns'], settings: SettingsSource): Handler {
  return withPreviewed(settings, async (ask, caller) => ({
    object: 'response.input_tokens',
    input_tokens: await turns.countInput(ask, caller),
  }));
}

function preview(turns: Api['turns'], settings: SettingsSource): Handler {
  return withPreviewed(settings, async (ask, caller) =>
    previewView(await turns.preview(ask, caller), ask.instructions),
  );
}

/** A reply about a request that is not sent to a model. */
function withPreviewed(
  settings: SettingsSource,
  reply: (...asked: Parameters<Api['turns']['preview']>) => Promise<Record<string, unknown>>,
): Handler {
  return async ({ request, caller }) => {
    const { ruleHeaders, ...limits } = settings();
    const { body, text } = await readBody(request, limits);
    const { model } = body;
    const isAny = model === undefined || model === null;
    const { headers } = request;
    const context = { headers, target: TARGET, caller, ruleHeaders, mayHaveMarks: mayHaveMarks(text) };
    const ask = askOf(responses, isAny ? { ...body, model: ANY_MODEL } : body, context);
    const replying = reply({ ...ask, model: isAny ? undefined : ask.model }, caller);
    return Response.json(
      await replying.catch((failure) => {
        throw inCallersWords(failure, responses, { body, items: ask.input });
      }),
    );
  };
}

/** Used as the model if the body has none. No model is called. */
const ANY_MODEL = 'any';

/** Without this route, `compact` would be taken for the id of a response. */
function noCompaction(): never {
  const message =
    'This gateway does not compact conversations; `truncation: "auto"` leaves out the oldest turns.';
  throw new Fault('not_found', message);
}

type Responses = Api['responses'];

function turnId({ params }: Exchange): TurnId {
  const id = parseResponseId(params.id!);
  if (!id) throw responseNotFound(params.id!);
  return id;
}

function receipt(stored: Responses): Handler {
  return async (exchange) =>
    Response.json(receiptView(await stored.receipt(exchange.caller, turnId(exchange))));
}

/** With `stream`, all events of the response, or those after one of them; also long after it has ended. */
function retrieve(stored: Responses, seal: Seal): Handler {
  return async (exchange) => {
    const { caller, query, request } = exchange;
    const view = await stored.get(caller, turnId(exchange));
    if (query.get('stream') !== 'true') return Response.json(await currentBody(view, responses, seal));
    const after = startingAfter(query, request.headers);
    const write = (from: number) => new ResponseStream(view, seal, from);
    const once = { result: view, replayed: false };
    return resumeStream(once, responses, write, after, request.headers);
  };
}

function remove(stored: Responses): Handler {
  return async (exchange) => {
    const id = turnId(exchange);
    await stored.remove(exchange.caller, id);
    return Response.json({ id: responseId(id), object: 'response', deleted: true });
  };
}

function cancel(stored: Responses, seal: Seal): Handler {
  return async (exchange) => {
    const { caller } = exchange;
    const id = turnId(exchange);
    const view = await stored.get(caller, id);
    await stored.cancel(caller, id);
    return Response.json(responseOf(view, await view.ended, seal));
  };
}

function inputItems(stored: Responses): Handler {
  return async (exchange) => {
    const query = pageQuery(exchange.query, 'desc');
    const items = await stored.inputItems(exchange.caller, turnId(exchange));
    return Response.json(pageOf(items.map(outputItem), query));
  };
}
