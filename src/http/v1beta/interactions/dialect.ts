import type { Api } from '../../../api/api.ts';
import { Fault } from '../../../core/errors.ts';
import { interactionId, parseInteractionId, type TurnId } from '../../../core/ids.ts';
import type { Seal } from '../../../core/seal.ts';
import type { Dialect, Location } from '../../dialect.ts';
import type { Exchange, Handler, Route } from '../../route.ts';
import { currentBody, lastEvent, resumeStream, startingAfter } from '../../v1/turn-routes.ts';
import { geminiError } from '../gemini/error.ts';
import { interaction, running } from './interaction.ts';
import { parseInteraction } from './parse.ts';
import * as docs from './route-docs.ts';
import { isContents } from './steps.ts';
import { InteractionStream } from './stream.ts';

const PATH = '/v1beta/interactions';

/** Google's Interactions API. Its fields that are not known are those of `generateContent`, in another spelling. */
export const interactions: Dialect = {
  name: 'interactions',
  protocol: 'gemini',
  endpoints: [{ path: PATH, doc: docs.CREATE }],
  // A client cannot take back steps.
  whenBroken: 'fail',
  publicId: interactionId,
  pathOf: (turn) => `${PATH}/${interactionId(turn)}`,
  parse: parseInteraction,
  fieldOf: interactionField,
  whole: (view, turn, seal) => interaction(view, turn, seal),
  stream: (view, after, seal) => new InteractionStream(view, seal, after),
  accepted: running,
  error: (fault) => geminiError(inWordsOfInteractions(fault)),
  hasKeyInQuery: true,
  routes,
};

/** Below `http/`, an interaction that is continued is a response. */
const inWordsOfInteractions = (fault: Fault): Fault =>
  fault.param === 'previous_response_id' ? fault.with({ param: 'previous_interaction_id' }) : fault;

const SETTINGS: ReadonlyMap<string, string> = new Map([
  ['stop', 'generation_config.stop_sequences'],
  ['reasoning', 'generation_config.thinking_level'],
  ['format', 'response_format'],
]);
const CONFIG = new Set(['temperature', 'top_p', 'max_output_tokens', 'seed', 'tool_choice']);
const FIELDS: ReadonlyMap<string, string> = new Map([
  ['output', 'result'],
  ['image_url', 'data'],
  ['file_data', 'data'],
  ['file_url', 'uri'],
]);

/** The path of what a failure is about: `input[1].content[0].data`. */
function interactionField(location: Location, { input }: Record<string, unknown>): string {
  if ('setting' in location) {
    const { setting } = location;
    return SETTINGS.get(setting) ?? (CONFIG.has(setting) ? `generation_config.${setting}` : setting);
  }
  const { item, part, field } = location;
  const named = field === undefined ? '' : `.${FIELDS.get(field) ?? field}`;
  if (!Array.isArray(input)) return typeof input === 'string' ? 'input' : `input${named}`;
  if (isContents(input)) return part === undefined ? 'input' : `input[${part}]${named}`;
  if (part === undefined) return `input[${item}]${named}`;
  const step = input[item] as { type?: unknown } | undefined;
  return `input[${item}].${step?.type === 'function_result' ? 'result' : 'content'}[${part}]${named}`;
}

function routes({ responses, seal }: Api): Route[] {
  const path = `${PATH}/:id`;
  const access = 'key';
  return [
    { method: 'GET', path, access, doc: docs.RETRIEVE, handle: retrieve(responses, seal) },
    { method: 'DELETE', path, access, doc: docs.REMOVE, handle: remove(responses) },
    { method: 'POST', path: `${path}/cancel`, access, doc: docs.CANCEL, handle: cancel(responses, seal) },
  ];
}

type Responses = Api['responses'];

function turnId({ params }: Exchange): TurnId {
  const id = parseInteractionId(params.id!);
  if (!id) throw new Fault('response_not_found', `Interaction with id '${params.id}' not found.`);
  return id;
}

/** With `stream`, all events of the interaction, or those after one of them; also long after it has ended. */
function retrieve(responses: Responses, seal: Seal): Handler {
  return async (exchange) => {
    const { caller, query, request } = exchange;
    const view = await responses.get(caller, turnId(exchange));
    if (query.get('stream') === 'true') {
      const write = (after: number) => new InteractionStream(view, seal, after);
      const last = query.get('last_event_id');
      const { headers } = request;
      const after = last === null ? startingAfter(query, headers) : lastEvent(headers, 'last_event_id', last);
      return resumeStream({ result: view, replayed: false }, interactions, write, after, request.headers);
    }
    if (view.state === 'ended' && query.get('include_input') === 'true')
      return Response.json(interaction(view, await view.ended, seal, true));
    return Response.json(await currentBody(view, interactions, seal));
  };
}

function remove(responses: Responses): Handler {
  return async (exchange) => {
    await responses.remove(exchange.caller, turnId(exchange));
    return Response.json({});
  };
}

function cancel(responses: Responses, seal: Seal): Handler {
  return async (exchange) => {
    const { caller } = exchange;
    const id = turnId(exchange);
    const view = await responses.get(caller, id);
    return Response.json(interaction(view, await responses.cancel(caller, id), seal));
  };
}
