import type { Api } from '../../../api/api.ts';
import { Fault } from '../../../core/errors.ts';
import { messageId, parseMessageId, type TurnId } from '../../../core/ids.ts';
import type { Seal } from '../../../core/seal.ts';
import type { Dialect } from '../../dialect.ts';
import type { Handler, Route, SettingsSource } from '../../route.ts';
import { inCallersWords } from '../caller-words.ts';
import { mayHaveMarks, readBody } from '../request.ts';
import { askOf, begunOnce, replyAccepted, replyWhole, resumeStream, startingAfter } from '../turn-routes.ts';
import { errorReply, quotaHeaders } from './envelope.ts';
import { messageOf } from './message.ts';
import { messageField } from './message-field.ts';
import { messageModels } from './models.ts';
import { parseMessageRequest } from './parse.ts';
import * as docs from './route-docs.ts';
import { MessageStream } from './stream.ts';

const PATH = '/v1/messages';

/** Anthropic's Messages API. */
export const messages: Dialect = {
  name: 'messages',
  protocol: 'anthropic',
  endpoints: [{ path: PATH, doc: docs.CREATE }],
  // A client cannot take back blocks.
  whenBroken: 'fail',
  publicId: messageId,
  pathOf: (turn) => `${PATH}/${messageId(turn)}`,
  parse: parseMessageRequest,
  fieldOf: messageField,
  /** An answer that broke off is an error here: a message has no field that could say so. */
  whole(_view, turn, seal) {
    if (turn.error) throw new Fault(turn.error.code, turn.error.message, turn.error);
    return messageOf(turn, seal);
  },
  stream: (view, after, seal) => new MessageStream(view.asked, seal, after),
  /** Anthropic's API has no object for a message that is still to come; `status` has the words of a response. */
  accepted: ({ asked, state }) => ({
    id: messageId(asked.id),
    type: 'message_accepted',
    status: state === 'queued' ? 'queued' : 'in_progress',
    model: asked.model,
  }),
  error: errorReply,
  quotaHeaders,
  requestIdHeader: 'request-id',
  models: messageModels,
  routes,
};

function routes({ turns, responses, seal }: Api, settings: SettingsSource): Route[] {
  const access = 'key';
  return [
    {
      method: 'POST',
      path: `${PATH}/count_tokens`,
      access,
      doc: docs.COUNT,
      handle: countTokens(turns, settings),
    },
    { method: 'GET', path: `${PATH}/:id`, access, doc: docs.RETRIEVE, handle: retrieve(responses, seal) },
    { method: 'DELETE', path: `${PATH}/:id`, access, doc: docs.REMOVE, handle: remove(responses) },
  ];
}

function turnId(text: string): TurnId {
  const id = parseMessageId(text);
  if (!id) throw new Fault('response_not_found', `Message with id '${text}' not found.`);
  return id;
}

/** A message by its id, running or ended. With `stream`, its events. */
function retrieve(responses: Api['responses'], seal: Seal): Handler {
  return async ({ params, caller, query, request }) => {
    const view = await responses.get(caller, turnId(params.id!));
    const once = { result: view, replayed: false };
    if (query.get('stream') === 'true') {
      const write = (after: number) => new MessageStream(view.asked, seal, after);
      return resumeStream(once, messages, write, startingAfter(query, request.headers), request.headers);
    }
    if (view.state !== 'ended') return replyAccepted(once, messages);
    await begunOnce(once, messages);
    return replyWhole(once, messages, seal);
  };
}

function remove(responses: Api['responses']): Handler {
  return async ({ params, caller }) => {
    const id = turnId(params.id!);
    await responses.remove(caller, id);
    return Response.json({ id: messageId(id), type: 'message_deleted' });
  };
}

/** The body is that of a request for a message. Nothing is written, and no model is called. */
function countTokens(turns: Api['turns'], settings: SettingsSource): Handler {
  return async ({ request, caller, params, query }) => {
    const { ruleHeaders, ...limits } = settings();
    const { body, text } = await readBody(request, limits);
    const { headers } = request;
    const target = { endpoint: PATH, params, query };
    const context = { headers, target, caller, ruleHeaders, mayHaveMarks: mayHaveMarks(text) };
    const ask = askOf(messages, body, context);
    try {
      return Response.json({ input_tokens: await turns.countInput(ask, caller) });
    } catch (failure) {
      throw inCallersWords(failure, messages, { body, items: ask.input });
    }
  };
}
