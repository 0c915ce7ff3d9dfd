import { z } from 'zod';
import type { Api } from '../../api/api.ts';
import { takeCacheMarks } from '../../core/cache-marks.ts';
import { Fault, faultOf } from '../../core/errors.ts';
import type { Item } from '../../core/items.ts';
import type { Once } from '../../core/request.ts';
import type { Seal } from '../../core/seal.ts';
import { wrongChoice } from '../../core/tool-choice.ts';
import { type Ask, isBackground, isKept, isStreamed } from '../../core/turn.ts';
import { Cancelled, type TurnView } from '../../core/turn-view.ts';
import { dollars } from '../../core/usage.ts';
import type { Dialect, ParseContext, ParsedAsk, StreamWriter } from '../dialect.ts';
import type { Handler, Route, SettingsSource } from '../route.ts';
import { inCallersWords, inOwnIds } from './caller-words.ts';
import { namedValuesOf } from './named-values.ts';
import type { ReplyHeaders } from './reply-headers.ts';
import { askedContextPolicy, identityOf, mayHaveMarks, mayKeep, policyOf, readBody } from './request.ts';
import { LAST_EVENT_ID } from './request-headers.ts';
import { wishesOf } from './routing-wishes.ts';
import { turnHeaders } from './turn-headers.ts';

/** Asking for a turn and answering with it, once for all dialects. */

/** All routes of a dialect. */
export function turnRoutes(dialect: Dialect, api: Api, settings: SettingsSource): Route[] {
  const { hasKeyInQuery, requestIdHeader } = dialect;
  const error = (fault: Fault, requestId: string) => dialect.error(inOwnIds(fault, dialect), requestId);
  const create = dialect.endpoints.map(({ path, doc }): Route => {
    const handle = createTurn(dialect, path, api, settings);
    return { method: 'POST', path, access: 'key', doc, handle };
  });
  return [...create, ...dialect.routes(api, settings)].map((route) => ({
    ...{ error, hasKeyInQuery, requestIdHeader },
    ...route,
  }));
}

function createTurn(
  dialect: Dialect,
  endpoint: string,
  { turns, seal }: Pick<Api, 'turns' | 'seal'>,
  settings: SettingsSource,
): Handler {
  return async ({ request, caller, params, query }) => {
    const { headers, signal } = request;
    const { ruleHeaders, ...limits } = settings();
    const { body, text } = await readBody(request, limits);
    const identity = identityOf(headers, `POST ${filledPath(endpoint, params)}`, caller, text);
    const target = { endpoint, params, query };
    const context = { headers, target, caller, ruleHeaders, mayHaveMarks: mayHaveMarks(text) };
    const ask = askOf(dialect, body, context);
    try {
      const once = await turns.create({ ask, caller, identity, gone: signal });
      return await reply(once, ask, { dialect, seal, headers });
    } catch (failure) {
      throw inCallersWords(failure, dialect, { body, items: ask.input });
    }
  };
}

/** A path with its parameters: two models are two requests. */
const filledPath = (path: string, params: Readonly<Record<string, string>>): string =>
  path.includes('*') ? path.replace('*', params['*']!) : path;

/** Replies with the turn of a request, or rejects with a failure before its first delta. */
async function reply(
  once: Once<TurnView>,
  { delivery }: Ask,
  { dialect, seal, headers }: { dialect: Dialect; seal: Seal; headers: Headers },
): Promise<Response> {
  if (!isBackground(delivery)) {
    await begunOnce(once, dialect);
    if (once.result.state === 'queued') return replyAccepted(once, dialect);
  }
  if (isStreamed(delivery)) {
    // A client can have seen events only if the turn was asked for before.
    if (once.replayed && headers.has(LAST_EVENT_ID.name))
      return resumeStream(
        once,
        dialect,
        (after) => dialect.stream(once.result, after, seal),
        lastEventId(headers),
        headers,
      );
    return replyStream(once, dialect, dialect.stream(once.result, -1, seal), false);
  }
  if (isBackground(delivery)) {
    return Response.json(await currentBody(once.result, dialect, seal), {
      headers: turnHeaders(once, dialect),
    });
  }
  return replyWhole(once, dialect, seal);
}

/** A body in a dialect as an ask. */
export function askOf(dialect: Dialect, body: Record<string, unknown>, context: ParseContext): Ask {
  const { headers, caller, ruleHeaders } = context;
  const parsed = dialect.parse(body, context);
  expectChosenTool(parsed, dialect, body);
  const wishes = wishesOf(headers, caller, ruleHeaders);
  const ask: Ask = {
    ...(context.mayHaveMarks ? takeCacheMarks(parsed) : parsed),
    dialect: dialect.name,
    vocabulary: dialect.protocol,
    policy: policyOf(headers, caller, dialect.whenBroken),
  };
  const policy = askedContextPolicy(headers);
  if (policy) ask.context = policy;
  if (wishes) ask.routing = { ...parsed.routing, ...wishes };
  const values = namedValuesOf(headers);
  if (values) ask.values = values;
  return mayKeep(headers, caller) ? ask : unkept(ask);
}

/** Refuses a choice of a tool that the request does not have, as the providers do. */
function expectChosenTool(parsed: ParsedAsk, dialect: Dialect, body: Record<string, unknown>): void {
  const wrong = wrongChoice(parsed.settings);
  if (wrong === undefined || mayHaveFurtherTools(parsed, dialect)) return;
  const fault = new Fault('invalid_request', wrong, { about: { setting: 'tool_choice' } });
  throw inCallersWords(fault, dialect, { body, items: parsed.input });
}

/** Fields with tools that the gateway does not see: a stored prompt, MCP servers, cached contents. */
const WITH_TOOLS = ['prompt', 'mcp_servers', 'cachedContent'];

/** In OpenAI's Responses API, an item of the conversation may bring tools. */
const mayHaveFurtherTools = ({ extra, input, state }: ParsedAsk, { protocol }: Dialect): boolean =>
  WITH_TOOLS.some((field) => extra[field] !== undefined && extra[field] !== null) ||
  (protocol === 'openai-responses' && (state.kind !== 'none' || input.some(bringsTools)));

const bringsTools = ({ type }: Item): boolean => /^(additional_tools|tool_search_output)$/.test(type);

function unkept(ask: Ask): Ask {
  if (!isBackground(ask.delivery)) return { ...ask, retention: 'forbidden' };
  const message = '`background`: the answer has to be fetched later, and this request must not be kept.';
  throw new Fault('invalid_request', message, { param: 'background' });
}

/**
 * Resolves when there is something to answer with: the turn has begun, waits for a claw (it is `queued` then),
 * or was cancelled before its first delta. Rejects with any failure before that.
 */
export async function begun(view: TurnView): Promise<void> {
  try {
    await view.begun;
  } catch (error) {
    if (!(error instanceof Cancelled)) throw faultOf(error);
  }
}

/** The same for a reply over HTTP: the headers of the turn are sent with a failure, too. */
export async function begunOnce(once: Once<TurnView>, dialect: Dialect): Promise<void> {
  try {
    await begun(once.result);
  } catch (error) {
    throw faultOf(error).with({ headers: turnHeaders(once, dialect) });
  }
}

/** Replies with the whole turn, when it has ended. */
export async function replyWhole(once: Once<TurnView>, dialect: Dialect, seal: Seal): Promise<Response> {
  const { result: view } = once;
  const turn = await view.ended;
  const headers = turnHeaders(once, dialect);
  if (turn.cost !== undefined) {
    headers['x-clawhold-response-cost'] = String(dollars(turn.cost));
    if (turn.costEstimated) headers['x-clawhold-cost-estimated'] = 'true';
  }
  try {
    return Response.json(dialect.whole(view, turn, seal), { headers });
  } catch (error) {
    // Output is stored; a retry would replay this failure.
    if (isKept(view.retention) && turn.output.length > 0) headers['x-should-retry'] = 'false';
    throw faultOf(error).with({ headers });
  }
}

/** The body of a turn as it is now. */
export async function currentBody(
  view: TurnView,
  dialect: Dialect,
  seal: Seal,
): Promise<Record<string, unknown>> {
  return view.state === 'ended' ? dialect.whole(view, await view.ended, seal) : dialect.accepted(view);
}

/** Seconds after which a client should fetch a turn that it waits for. */
const FETCH_AFTER = 5;

/** Replies for a turn that is accepted and has not ended; it can be fetched at `location`. */
export function replyAccepted(once: Once<TurnView>, dialect: Dialect): Response {
  const { result: view } = once;
  const location = dialect.pathOf(view.asked.id);
  const headers: ReplyHeaders = {
    ...turnHeaders(once, dialect),
    location,
    'retry-after': String(FETCH_AFTER),
  };
  return Response.json(dialect.accepted(view), { status: 202, headers });
}

/** Replies to a write that is not a turn, and says so where an earlier request did it. */
export function replyOnce(replayed: boolean, body: Record<string, unknown>): Response {
  return Response.json(body, replayed ? { headers: { 'x-clawhold-replayed': 'true' } } : undefined);
}

/** The query of a request for a turn that is stored. */
export const streamQuery = z.object({
  stream: z.string().optional().describe('`true`: the events of the answer, also long after it has ended.'),
  starting_after: z
    .string()
    .optional()
    .describe('The number of the last event that the reader has. `Last-Event-ID` comes before it.'),
});

/** The last event that a reader has, by its `Last-Event-ID` header; -1 where it has none. */
function lastEventId(headers: Headers): number {
  const id = headers.get(LAST_EVENT_ID.name);
  return id === null ? -1 : eventNumber(id, LAST_EVENT_ID.name);
}

/** The same for a request that resumes a stream. An SSE client sends the header when it reconnects to the same URL. */
export const startingAfter = (query: URLSearchParams, headers: Headers): number =>
  lastEvent(headers, 'starting_after', query.get('starting_after') ?? undefined);

/** The same for a dialect that has another parameter for it. */
export function lastEvent(headers: Headers, param: string, value: string | undefined): number {
  return headers.has(LAST_EVENT_ID.name) || value === undefined
    ? lastEventId(headers)
    : eventNumber(value, param);
}

function eventNumber(text: string, param: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new Fault('invalid_request', `\`${param}\`: expected the number of an event.`, { param });
}

/**
 * Streams what comes after an event that the reader has. An event source that has every event of an ended turn
 * is told so with 204, because it would connect again and again (WHATWG HTML, section 9.2.2).
 */
export async function resumeStream(
  once: Once<TurnView>,
  dialect: Dialect,
  write: (after: number) => StreamWriter,
  after: number,
  headers: Headers,
): Promise<Response> {
  const { result: view } = once;
  if (headers.has(LAST_EVENT_ID.name) && view.state === 'ended') {
    const events = await eventsOf(view, write(Number.MAX_SAFE_INTEGER));
    if (after + 1 >= events) return new Response(null, { status: 204, headers: turnHeaders(once, dialect) });
  }
  return replyStream(once, dialect, write(after), true);
}

/** How many numbered events an ended turn has; infinitely many where it could not be recorded. */
async function eventsOf(view: TurnView, writer: StreamWriter): Promise<number> {
  writer.open();
  for (const delta of view.log) writer.delta(delta);
  return view.ended.then(
    (turn) => {
      writer.end(turn);
      return writer.sequence;
    },
    () => Number.POSITIVE_INFINITY,
  );
}

const EVENT_STREAM = 'text/event-stream; charset=utf-8';

/** Proxies close connections that are silent for long; a comment keeps them open. */
const KEEP_ALIVE_MS = 15_000;

/** Characters of events that are written before the sender waits until there is room for more. */
const WINDOW = 64 * 1024;

/**
 * Streams a turn to one reader, from its first delta. The turn runs on when the reader disconnects. A slow reader
 * holds up only its own stream: events are written when there is room for them. A reader that `joins` a turn of
 * an earlier request gets the headers at once, even when there is no event to read yet.
 */
function replyStream(once: Once<TurnView>, dialect: Dialect, writer: StreamWriter, joins: boolean): Response {
  const { result: view } = once;
  const { mediaType = EVENT_STREAM, keepAlive = ': keep-alive\n\n' } = writer;
  /** Made where the text has to wait: most streams never wait for their reader. */
  let gone: PromiseWithResolvers<void> | undefined;
  let isGone = false;
  let silent = true;
  let timer: ReturnType<typeof setInterval> | undefined;
  const body = new ReadableStream({
    type: 'direct',
    async pull(controller: ReadableStreamDirectController) {
      timer = setInterval(() => {
        controller.write(keepAlive);
        controller.flush();
      }, KEEP_ALIVE_MS);
      // Bun gives a promise only where the text has to wait for its reader; then `send` gives one, too.
      const send = (text: string): Promise<unknown> | undefined => {
        if (text === '') return undefined;
        silent = false;
        const written: unknown = controller.write(text);
        if (!(written instanceof Promise) || isGone) return undefined;
        gone ??= Promise.withResolvers<void>();
        return Promise.race([written, gone.promise]);
      };
      try {
        await send(writer.open());
        for (let seen = 0, more = true; more && !isGone; more = await view.more(seen)) {
          while (seen < view.log.length && !isGone) {
            let text = '';
            while (seen < view.log.length && text.length < WINDOW) text += writer.delta(view.log[seen++]!);
            const waiting = send(text);
            if (waiting) await waiting;
          }
          // Headers go out with the first byte.
          if (joins && silent && view.state !== 'ended') await send(keepAlive);
          const flushed: unknown = controller.flush();
          if (flushed instanceof Promise) await flushed;
        }
        if (!isGone) await send(await ending(view, writer));
      } finally {
        clearInterval(timer);
        controller.close();
      }
    },
    cancel() {
      isGone = true;
      gone?.resolve();
      clearInterval(timer);
    },
  } as Bun.DirectUnderlyingSource);
  return new Response(body, {
    headers: {
      ...turnHeaders(once, dialect),
      'content-type': mediaType,
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    },
  });
}

function ending(view: TurnView, writer: StreamWriter): Promise<string> {
  return view.ended.then(
    (turn) => writer.end(turn),
    (error) => writer.fail(faultOf(error)),
  );
}
