import type { Api } from '../../../api/api.ts';
import { completionNotFound } from '../../../api/completions.ts';
import { Fault } from '../../../core/errors.ts';
import { completionId, parseCompletionId, type TurnId } from '../../../core/ids.ts';
import type { Seal } from '../../../core/seal.ts';
import type { Dialect } from '../../dialect.ts';
import { errorResponse } from '../../envelope.ts';
import type { Handler, Route, SettingsSource } from '../../route.ts';
import { validate } from '../fields.ts';
import { page, pageOf, pageQuery } from '../pages.ts';
import { identityOf, readBody } from '../request.ts';
import {
  begunOnce,
  replyAccepted,
  replyOnce,
  replyWhole,
  resumeStream,
  startingAfter,
} from '../turn-routes.ts';
import { chatField } from './chat-field.ts';
import { completion } from './completion.ts';
import { toMessages } from './messages-of-items.ts';
import { parseChat } from './parse.ts';
import * as docs from './route-docs.ts';
import { ChatStream } from './stream.ts';

const PATH = '/v1/chat/completions';

/** OpenAI's Chat Completions API. */
export const chat: Dialect = {
  name: 'chat',
  protocol: 'openai-chat',
  endpoints: [{ path: PATH, doc: docs.CREATE }],
  // A chat client cannot take back half a tool call.
  whenBroken: 'fail',
  publicId: completionId,
  pathOf: (turn) => `${PATH}/${completionId(turn)}`,
  parse: parseChat,
  fieldOf: chatField,
  /** An answer that broke off is an error here: a completion has no field that could say so. */
  whole(_view, turn, seal) {
    if (turn.error) throw new Fault(turn.error.code, turn.error.message, turn.error);
    return completion(turn, seal);
  },
  stream: (view, after, seal) => new ChatStream(view.asked, { seal }, after),
  /** OpenAI's API has no object for a completion that is still to come; `status` has the words of a response. */
  accepted: ({ asked, state }) => ({
    id: completionId(asked.id),
    object: 'chat.completion.accepted',
    status: state === 'queued' ? 'queued' : 'in_progress',
    created: Math.floor(asked.createdAt / 1000),
    model: asked.model,
  }),
  error: errorResponse,
  routes,
};

function routes({ completions, seal }: Api, settings: SettingsSource): Route[] {
  const path = `${PATH}/:id`;
  const access = 'key';
  return [
    { method: 'GET', path: PATH, access, doc: docs.LIST, handle: list(completions, seal) },
    { method: 'GET', path, access, doc: docs.RETRIEVE, handle: retrieve(completions, seal) },
    { method: 'POST', path, access, doc: docs.UPDATE, handle: update(completions, settings, seal) },
    { method: 'DELETE', path, access, doc: docs.REMOVE, handle: remove(completions) },
    {
      method: 'GET',
      path: `${path}/messages`,
      access,
      doc: docs.MESSAGES,
      handle: messages(completions, seal),
    },
  ];
}

type Completions = Api['completions'];

function turnId(text: string): TurnId {
  const id = parseCompletionId(text);
  if (!id) throw completionNotFound(text);
  return id;
}

/** A completion by its id, running or ended, listed or not. With `stream`, its chunks. */
function retrieve(completions: Completions, seal: Seal): Handler {
  return async ({ params, caller, query, request }) => {
    const view = await completions.get(caller, turnId(params.id!));
    const once = { result: view, replayed: false };
    if (query.get('stream') === 'true') {
      const includeUsage = query.get('include_usage') === 'true' || undefined;
      const write = (after: number) => new ChatStream(view.asked, { includeUsage, seal }, after);
      return resumeStream(once, chat, write, startingAfter(query, request.headers), request.headers);
    }
    if (view.state !== 'ended') return replyAccepted(once, chat);
    await begunOnce(once, chat);
    return replyWhole(once, chat, seal);
  };
}

function update(completions: Completions, settings: SettingsSource, seal: Seal): Handler {
  return async ({ params, request, caller }) => {
    const id = turnId(params.id!);
    const { body, text } = await readBody(request, settings());
    const change = validate(docs.completionChange, body).metadata ?? {};
    const identity = identityOf(request.headers, `POST ${PATH}/${id}`, caller, text);
    const { result, replayed } = await completions.update(caller, id, change, identity);
    return replyOnce(replayed, completion(result, seal));
  };
}

function remove(completions: Completions): Handler {
  return async ({ params, caller }) => {
    const id = turnId(params.id!);
    await completions.remove(caller, id);
    return Response.json({ object: 'chat.completion.deleted', id: completionId(id), deleted: true });
  };
}

function list(completions: Completions, seal: Seal): Handler {
  return async ({ query, caller }) => {
    const { after, limit, order } = pageQuery(query, 'asc');
    const { turns, more } = await completions.list(caller, {
      after: after === undefined ? undefined : turnId(after),
      limit,
      order,
      model: query.get('model') ?? undefined,
      metadata: metadataFilter(query),
    });
    return Response.json(
      page(
        turns.map((turn) => completion(turn, seal)),
        more,
      ),
    );
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

function messages(completions: Completions, seal: Seal): Handler {
  return async ({ params, query, caller }) => {
    const turn = await completions.stored(caller, turnId(params.id!));
    const all = toMessages(turn, seal).map((message, index) => ({
      ...message,
      id: `${completionId(turn.id)}-${index}`,
    }));
    return Response.json(pageOf(all, pageQuery(query, 'asc')));
  };
}
