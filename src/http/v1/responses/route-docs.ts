import { events, json, published, type RouteDoc } from '../../published.ts';
import { pageSchema } from '../pages.ts';
import { deletedReply } from '../replies.ts';
import { streamQuery } from '../turn-routes.ts';
import { responseRequest } from './parse.ts';
import { ContextPreview } from './preview.ts';
import { Receipt } from './receipt.ts';
import { InputTokens, ItemList, Response, ResponseEvent } from './schemas.ts';

/** What the reference says about the routes of responses. */

const countRequest = published('InputTokensRequest', responseRequest.partial({ model: true }));

export const CREATE: RouteDoc = {
  what: 'Asks a model for an answer, in the Responses API of OpenAI. A GET opens a WebSocket.',
  turn: 'asked',
  body: responseRequest,
  replies: [json(Response), json(Response, 202), events(ResponseEvent)],
};
export const COUNT: RouteDoc = {
  what: 'Counts the tokens of the prompt that a response would have. No model is called.',
  turn: 'asked',
  body: countRequest,
  replies: [json(InputTokens)],
};
export const PREVIEW: RouteDoc = {
  what: 'Shows the prompt that a response would have. No model is called, and nothing is kept.',
  turn: 'asked',
  body: countRequest,
  replies: [json(ContextPreview)],
};
export const RECEIPT: RouteDoc = {
  what: 'Shows how a response was answered: route, failed calls, context, timings, tokens and cost.',
  replies: [json(Receipt)],
};
export const COMPACT: RouteDoc = { what: 'Is not available: the answer is 404.', replies: [] };
export const RETRIEVE: RouteDoc = {
  what: 'Fetches a response, running or ended.',
  turn: 'fetched',
  query: streamQuery,
  replies: [json(Response), events(ResponseEvent)],
};
export const REMOVE: RouteDoc = {
  what: 'Deletes a response: it is not found by its id any more.',
  replies: [json(deletedReply('ResponseDeleted', 'response'))],
};
export const CANCEL: RouteDoc = { what: 'Stops a running response.', replies: [json(Response)] };
export const INPUT_ITEMS: RouteDoc = {
  what: 'Lists the input items of a response.',
  query: pageSchema,
  replies: [json(ItemList)],
};
