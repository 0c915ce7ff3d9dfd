import { z } from 'zod';
import type { Api } from '../../../api/api.ts';
import { completionNotFound } from '../../../api/completions.ts';
import { Fault } from '../../../core/errors.ts';
import { parseTextCompletionId, textCompletionId } from '../../../core/ids.ts';
import type { Dialect } from '../../dialect.ts';
import { errorResponse } from '../../envelope.ts';
import { events, json, published } from '../../published.ts';
import type { Handler, Route } from '../../route.ts';
import { ErrorObject, seconds } from '../replies.ts';
import {
  begunOnce,
  replyAccepted,
  replyWhole,
  resumeStream,
  startingAfter,
  streamQuery,
} from '../turn-routes.ts';
import { textCompletion } from './completion.ts';
import { completionRequest, parseCompletion } from './parse.ts';
import { CompletionStream } from './stream.ts';

const PATH = '/v1/completions';

const choice = z.looseObject({
  text: z.string(),
  index: z.int(),
  logprobs: z.looseObject({ tokens: z.array(z.string()) }).nullable(),
  finish_reason: z.string().nullable(),
});
const envelope = { id: z.string(), object: z.literal('text_completion') };
const TextCompletion = published(
  'TextCompletion',
  z.looseObject({ ...envelope, created: seconds, model: z.string(), choices: z.array(choice) }),
);
const TextCompletionChunk = published(
  'TextCompletionChunk',
  z.union([
    z.looseObject({ ...envelope, created: seconds, model: z.string(), choices: z.array(choice) }),
    z.looseObject({ error: ErrorObject }),
  ]),
);
const AcceptedTextCompletion = published(
  'AcceptedTextCompletion',
  z
    .strictObject({
      id: z.string(),
      object: z.literal('text_completion.accepted'),
      status: z.enum(['queued', 'in_progress']),
      created: seconds,
      model: z.string(),
    })
    .describe('A turn that is not answered yet: fetch it by its id.'),
);
const answered = [json(TextCompletion), json(AcceptedTextCompletion, 202), events(TextCompletionChunk)];

/** OpenAI's older Completions API, which continues a text. Any model that chats can be asked in it. */
export const completions: Dialect = {
  name: 'completions',
  protocol: 'openai-chat',
  endpoints: [
    {
      path: PATH,
      doc: {
        what: 'Asks a model to continue a text, in the older Completions API of OpenAI.',
        turn: 'asked',
        body: completionRequest,
        replies: answered,
      },
    },
  ],
  whenBroken: 'fail',
  publicId: textCompletionId,
  pathOf: (turn) => `${PATH}/${textCompletionId(turn)}`,
  parse: parseCompletion,
  fieldOf: (location) =>
    'setting' in location ? (SETTINGS.get(location.setting) ?? location.setting) : 'prompt',
  whole(_view, turn) {
    if (turn.error) throw new Fault(turn.error.code, turn.error.message, turn.error);
    return textCompletion(turn);
  },
  stream: (view, after) => new CompletionStream(view.asked, after),
  accepted: ({ asked, state }) => ({
    id: textCompletionId(asked.id),
    object: 'text_completion.accepted',
    status: state === 'queued' ? 'queued' : 'in_progress',
    created: Math.floor(asked.createdAt / 1000),
    model: asked.model,
  }),
  error: errorResponse,
  routes,
};

const SETTINGS: ReadonlyMap<string, string> = new Map([
  ['max_output_tokens', 'max_tokens'],
  ['top_logprobs', 'logprobs'],
]);

function routes(api: Api): Route[] {
  const doc = {
    what: 'Fetches a text completion, running or ended.',
    turn: 'fetched' as const,
    query: streamQuery,
    replies: answered,
  };
  return [{ method: 'GET', path: `${PATH}/:id`, access: 'key', doc, handle: retrieve(api) }];
}

/** A completion by its id; with `stream`, its chunks. */
function retrieve({ responses, seal }: Api): Handler {
  return async ({ params, caller, query, request }) => {
    const id = parseTextCompletionId(params.id!);
    if (!id) throw completionNotFound(params.id!);
    const view = await responses.get(caller, id);
    const once = { result: view, replayed: false };
    if (query.get('stream') === 'true') {
      const write = (after: number) => new CompletionStream(view.asked, after);
      return resumeStream(once, completions, write, startingAfter(query, request.headers), request.headers);
    }
    if (view.state !== 'ended') return replyAccepted(once, completions);
    await begunOnce(once, completions);
    return replyWhole(once, completions, seal);
  };
}
