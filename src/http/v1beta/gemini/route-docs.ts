import { z } from 'zod';
import { events, json, type RouteDoc } from '../../published.ts';
import { streamQuery } from '../../v1/turn-routes.ts';
import { contentRequest } from './parse.ts';
import {
  AcceptedGemini,
  GeminiDeleted,
  GeminiModel,
  GeminiModelList,
  GeminiResponse,
  TokenCount,
} from './schemas.ts';

/** What the reference says of the routes of Google's API. */

const NUMBER = 'expected a whole number from 1 to 1000';
export const modelQuery = z.object({
  pageSize: z.coerce
    .number({ error: NUMBER })
    .int({ error: NUMBER })
    .min(0, { error: NUMBER })
    .max(1000, { error: NUMBER })
    .optional()
    .describe('How many models: 1 to 1000.'),
  pageToken: z.coerce
    .number({ error: 'expected a `nextPageToken`' })
    .int({ error: 'expected a `nextPageToken`' })
    .min(0, { error: 'expected a `nextPageToken`' })
    .optional()
    .describe('The `nextPageToken` of the page before.'),
});

const altQuery = z.object({
  alt: z.string().optional().describe('`sse`: server-sent events. Otherwise the stream is a JSON array.'),
});

export const GENERATE: RouteDoc = {
  what: "Asks a model for an answer, in Google's API. The model's name may have slashes.",
  turn: 'asked',
  body: contentRequest,
  replies: [json(GeminiResponse), json(AcceptedGemini, 202)],
};
export const STREAM: RouteDoc = {
  what: "Asks a model for an answer as a stream, in Google's API.",
  turn: 'asked',
  body: contentRequest,
  query: altQuery,
  replies: [events(GeminiResponse), json(AcceptedGemini, 202)],
};
const BARE = 'The same, for clients that leave `models/` out where the name of a model has a slash.';
export const GENERATE_BARE: RouteDoc = { ...GENERATE, what: BARE };
export const STREAM_BARE: RouteDoc = { ...STREAM, what: BARE };
export const COUNT: RouteDoc = {
  what: 'Estimates the tokens of a prompt: of `contents`, or of a whole request in `generateContentRequest`.',
  replies: [json(TokenCount)],
};
export const RETRIEVE: RouteDoc = {
  what: "Fetches an answer in the form of Google's API, running or ended, by its `responseId`.",
  turn: 'fetched',
  query: streamQuery,
  replies: [json(GeminiResponse), json(AcceptedGemini, 202), events(GeminiResponse)],
};
export const REMOVE: RouteDoc = {
  what: 'Deletes a stored answer.',
  replies: [json(GeminiDeleted)],
};
export const MODELS: RouteDoc = {
  what: "Lists the models that can be called now with the key, in the form of Google's API.",
  query: modelQuery,
  replies: [json(GeminiModelList)],
};
export const MODEL: RouteDoc = {
  what: "Says whether a model can be called, in the form of Google's API.",
  replies: [json(GeminiModel)],
};
