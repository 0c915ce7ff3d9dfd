import type { Api } from '../../../api/api.ts';
import { responseNotFound } from '../../../api/responses.ts';
import { Fault } from '../../../core/errors.ts';
import { parseResponseId, responseId, type TurnId } from '../../../core/ids.ts';
import type { Seal } from '../../../core/seal.ts';
import type { Dialect } from '../../dialect.ts';
import type { Handler, Route, SettingsSource } from '../../route.ts';
import { begunOnce, replyAccepted, replyWhole, resumeStream, startingAfter } from '../../v1/turn-routes.ts';
import { countTokens } from './count-tokens.ts';
import { geminiError } from './error.ts';
import { geminiField } from './field.ts';
import { modelRoutes } from './models.ts';
import { parseGemini } from './parse.ts';
import { geminiResponse } from './response.ts';
import * as docs from './route-docs.ts';
import { GeminiStream } from './stream.ts';

/** Google's SDKs have an option for the version of the API. */
const VERSIONS = ['/v1beta', '/v1'];
/** Google's API has no replies that can be fetched; this path is the gateway's own. */
const STORED = '/v1beta/responses';

/** Google's `generateContent` (https://ai.google.dev/api/generate-content). */
export const gemini: Dialect = {
  name: 'gemini',
  protocol: 'gemini',
  endpoints: VERSIONS.flatMap((version) => [
    { path: `${version}/models/*:generateContent`, doc: docs.GENERATE },
    { path: `${version}/models/*:streamGenerateContent`, doc: docs.STREAM },
    // The AI SDK leaves `models/` out where the name of a model has a slash.
    { path: `${version}/*:generateContent`, doc: docs.GENERATE_BARE },
    { path: `${version}/*:streamGenerateContent`, doc: docs.STREAM_BARE },
  ]),
  // Clients add chunks up, and cannot take back what they have.
  whenBroken: 'fail',
  publicId: responseId,
  pathOf: (turn) => `${STORED}/${responseId(turn)}`,
  parse: parseGemini,
  fieldOf: geminiField,
  /** An answer that broke off is an error: a reply has no field that could say so. */
  whole(_view, turn, seal) {
    if (turn.error) throw new Fault(turn.error.code, turn.error.message, turn.error);
    return geminiResponse(turn, seal);
  },
  stream: (view, after, seal) => new GeminiStream(view.asked, seal, after),
  /** Google's API has no object for an answer that is still to come; `status` has the words of a response. */
  accepted: ({ asked, state }) => ({
    responseId: responseId(asked.id),
    modelVersion: asked.model,
    status: state === 'queued' ? 'queued' : 'in_progress',
  }),
  error: geminiError,
  hasKeyInQuery: true,
  routes,
};

function routes(api: Api, settings: SettingsSource): Route[] {
  const access = 'key';
  return [
    ...VERSIONS.map((version): Route => {
      const path = `${version}/models/*:countTokens`;
      return {
        method: 'POST',
        path,
        access,
        doc: docs.COUNT,
        handle: countTokens(gemini, path, api, settings),
      };
    }),
    { method: 'GET', path: `${STORED}/:id`, access, doc: docs.RETRIEVE, handle: retrieve(api) },
    { method: 'DELETE', path: `${STORED}/:id`, access, doc: docs.REMOVE, handle: remove(api) },
    ...modelRoutes(api),
  ];
}

function turnId(text: string): TurnId {
  const id = parseResponseId(text);
  if (!id) throw responseNotFound(text);
  return id;
}

/** As Google's API deletes: the reply is empty. */
function remove({ responses }: Pick<Api, 'responses'>): Handler {
  return async ({ params, caller }) => {
    await responses.remove(caller, turnId(params.id!));
    return Response.json({});
  };
}

/** A turn by its id, running or ended. With `stream`, its chunks, with their numbers. */
function retrieve({ responses, seal }: { responses: Api['responses']; seal: Seal }): Handler {
  return async ({ params, caller, query, request }) => {
    const view = await responses.get(caller, turnId(params.id!));
    const once = { result: view, replayed: false };
    if (query.get('stream') === 'true') {
      const write = (after: number) => new GeminiStream(view.asked, seal, after, true);
      return resumeStream(once, gemini, write, startingAfter(query, request.headers), request.headers);
    }
    if (view.state !== 'ended') return replyAccepted(once, gemini);
    await begunOnce(once, gemini);
    return replyWhole(once, gemini, seal);
  };
}
