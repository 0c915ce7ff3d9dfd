import { z } from 'zod';
import { events, json, published, type RouteDoc } from '../../published.ts';
import { streamQuery } from '../turn-routes.ts';
import { messageRequest } from './parse.ts';
import { AcceptedMessage, AnthropicError, AnthropicMessageEvent, AnthropicMessageReply } from './schemas.ts';

/** What the reference says of the routes of messages. */

const answered = [json(AnthropicMessageReply), json(AcceptedMessage, 202), events(AnthropicMessageEvent)];

export const CREATE: RouteDoc = {
  failure: AnthropicError,
  what: 'Asks a model for an answer, in the Messages API of Anthropic.',
  turn: 'asked',
  body: messageRequest,
  replies: answered,
};
export const RETRIEVE: RouteDoc = {
  failure: AnthropicError,
  what: 'Fetches a message, running or ended. An extension of this gateway.',
  turn: 'fetched',
  query: streamQuery,
  replies: answered,
};
export const REMOVE: RouteDoc = {
  failure: AnthropicError,
  what: 'Deletes a stored message. An extension of this gateway.',
  replies: [
    json(published('MessageDeleted', z.strictObject({ id: z.string(), type: z.literal('message_deleted') }))),
  ],
};
export const COUNT: RouteDoc = {
  failure: AnthropicError,
  what: 'Counts the tokens that a request for a message would have as its prompt. The count is an estimate.',
  body: messageRequest,
  replies: [json(published('MessageTokens', z.strictObject({ input_tokens: z.int() })))],
};
