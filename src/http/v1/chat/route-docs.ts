import { z } from 'zod';
import { events, json, published, type RouteDoc } from '../../published.ts';
import { metadata } from '../fields.ts';
import { pageSchema } from '../pages.ts';
import { deletedReply } from '../replies.ts';
import { streamQuery } from '../turn-routes.ts';
import { chatRequest } from './parse.ts';
import {
  AcceptedChatCompletion,
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionList,
  StoredMessageList,
} from './schemas.ts';

/** What the reference says of the routes of chat completions. */

const answered = [json(ChatCompletion), json(AcceptedChatCompletion, 202), events(ChatCompletionChunk)];

const listQuery = pageSchema.extend({
  model: z.string().optional().describe('Only completions with this model.'),
  'metadata[key]': z
    .string()
    .optional()
    .describe('Only completions with this pair of `metadata`. The parameter may be repeated.'),
});
const retrieveQuery = streamQuery.extend({
  include_usage: z.string().optional().describe('`true`: the last chunk has the usage.'),
});
export const completionChange = published(
  'ChatCompletionUpdate',
  z.looseObject({
    metadata: metadata.nullish().describe('Replaces all pairs.'),
  }),
);

export const CREATE: RouteDoc = {
  what: 'Asks a model for an answer, in the Chat Completions API of OpenAI.',
  turn: 'asked',
  body: chatRequest,
  replies: answered,
};
export const LIST: RouteDoc = {
  what: 'Lists the completions that were asked for with `store: true`.',
  query: listQuery,
  replies: [json(ChatCompletionList)],
};
export const RETRIEVE: RouteDoc = {
  what: 'Fetches a completion, running or ended.',
  turn: 'fetched',
  query: retrieveQuery,
  replies: answered,
};
export const UPDATE: RouteDoc = {
  what: 'Replaces the metadata of a stored completion.',
  body: completionChange,
  replies: [json(ChatCompletion)],
};
export const REMOVE: RouteDoc = {
  what: 'Deletes a stored completion.',
  replies: [json(deletedReply('ChatCompletionDeleted', 'chat.completion.deleted'))],
};
export const MESSAGES: RouteDoc = {
  what: 'Lists the input messages of a stored completion.',
  query: pageSchema,
  replies: [json(StoredMessageList)],
};
