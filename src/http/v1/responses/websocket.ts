import type { Api } from '../../../api/api.ts';
import { Fault, faultOf } from '../../../core/errors.ts';
import { parseResponseId } from '../../../core/ids.ts';
import type { Caller } from '../../../core/request.ts';
import type { AnsweredTurn, Ask } from '../../../core/turn.ts';
import { errorObject, faultHeaders } from '../../envelope.ts';
import type { SettingsSource } from '../../route.ts';
import type { Socket, SocketOpening, SocketReader, SocketRoute } from '../../socket.ts';
import { type TraceSource, traceOf } from '../../trace.ts';
import { inCallersWords } from '../caller-words.ts';
import { invalid } from '../fields.ts';
import { mayHaveMarks, parseBody } from '../request.ts';
import { turnHeaders } from '../turn-headers.ts';
import { askOf, begunOnce } from '../turn-routes.ts';
import { responses, TARGET } from './dialect.ts';
import { type SizedAsk, SocketMemory } from './socket-memory.ts';
import { type EventFrame, ResponseStream } from './stream.ts';

/** How many requests may wait on one socket; together they are at most as large as one body. */
const MAX_WAITING = 32;
/** As in OpenAI's API: how many responses may run at once, and how many lanes may have a name. */
const MAX_RUNNING = 16;
const MAX_NAMED = 32;
const NAME = /^[\w.-]{1,256}$/;
/** Characters of events that are written before the sender checks whether there is room for more. */
const BATCH = 64 * 1024;
/** Going away (RFC 6455, section 7.4.1): clients may connect again. */
const GOING_AWAY = 1001;
const TRY_AGAIN_LATER = 1013;

/** `/v1/responses` over WebSockets (Open Responses, "WebSocket transport"). */
export class ResponseSockets implements SocketRoute {
  readonly path = TARGET.endpoint;
  readonly messageLimit: number;
  private readonly opened = new Set<ResponseSocket>();
  private retired: Fault | undefined;

  constructor(private readonly parts: SocketParts) {
    this.messageLimit = parts.settings().bodyBytes;
  }

  open(socket: Socket, opening: SocketOpening): SocketReader {
    const opened = new ResponseSocket(socket, opening, this.parts);
    this.opened.add(opened);
    socket.gone.addEventListener('abort', () => this.opened.delete(opened));
    if (this.retired) opened.retire(this.retired);
    return opened;
  }

  retire(reason: Fault): void {
    this.retired = reason;
    for (const socket of this.opened) socket.retire(reason);
  }
}

/** What the sockets share. */
interface SocketParts {
  api: Pick<Api, 'turns' | 'seal'>;
  settings: SettingsSource;
  trace?: TraceSource;
}

/** One message of a client. */
interface SocketRequest {
  /** Requests of one lane are answered one after the other. Most clients use only the lane without a name. */
  lane: string;
  body: Record<string, unknown>;
  mayHaveMarks: boolean;
  size: number;
}

/** Requests of a lane are answered in the order in which they came, one at a time; lanes run side by side. */
class ResponseSocket implements SocketReader {
  /** Messages are parsed in the order in which they came; large ones take several turns of the event loop. */
  private reading: Promise<void> = Promise.resolve();
  /** Characters of the messages that are not parsed yet. */
  private unread = 0;
  private readonly waiting: SocketRequest[] = [];
  private readonly busy = new Set<string>();
  private readonly lanes = new Set<string>();
  private readonly memory: SocketMemory;
  private retired: Fault | undefined;

  constructor(
    private readonly socket: Socket,
    private readonly opening: SocketOpening,
    private readonly parts: SocketParts,
  ) {
    const { api, settings } = parts;
    const { bodyBytes, socketMs } = settings();
    this.memory = new SocketMemory(bodyBytes, (thought, tenant) => api.seal(thought, tenant));
    // What still runs after the same time again is not waited for any more.
    const life = setInterval(() => {
      if (this.retired) this.leave(this.retired);
      else this.retire(expired(socketMs));
    }, socketMs);
    socket.gone.addEventListener('abort', () => {
      clearInterval(life);
      this.waiting.length = 0;
    });
  }

  message(text: string): void {
    const { bodyBytes } = this.parts.settings();
    if (this.unread > 0 && this.unread + text.length > bodyBytes) {
      this.refuse('', queueFull(this.waiting.length));
      return;
    }
    this.unread += text.length;
    this.reading = this.reading.then(() => this.read(text));
  }

  /** Never rejects. */
  private async read(text: string): Promise<void> {
    let lane = '';
    try {
      const body = await parseBody(text);
      lane = laneOf(body.stream_id);
      this.enqueue({ lane, body, mayHaveMarks: mayHaveMarks(text), size: text.length });
    } catch (error) {
      this.refuse(lane, error);
    } finally {
      this.unread -= text.length;
    }
  }

  private refuse(lane: string, error: unknown): void {
    // A client that sends and does not read gets no further errors.
    if (this.socket.hasRoom) this.socket.sendNow(this.failure(lane, error));
    else this.socket.close(TRY_AGAIN_LATER, 'Too many messages.');
  }

  /** Requests that wait are refused, and those that run may end; then the socket is closed. */
  retire(reason: Fault): void {
    this.retired ??= reason;
    this.next();
  }

  private enqueue(request: SocketRequest): void {
    const { lane } = request;
    const names = this.lanes.size;
    if (lane !== '' && !this.lanes.has(lane) && names >= MAX_NAMED) throw tooManyLanes(names);
    const size = this.waiting.reduce((sum, waiting) => sum + waiting.size, request.size);
    const waits = this.waiting.length;
    if (waits >= MAX_WAITING || (waits > 0 && size > this.parts.settings().bodyBytes)) throw queueFull(waits);
    if (lane !== '') this.lanes.add(lane);
    this.waiting.push(request);
    this.next();
  }

  /** Begins the requests that may begin. */
  private next(): void {
    for (let at = 0; at < this.waiting.length && this.busy.size < MAX_RUNNING; ) {
      const { lane } = this.waiting[at]!;
      if (this.busy.has(lane)) at++;
      else this.begin(this.waiting.splice(at, 1)[0]!);
    }
    if (this.retired && this.busy.size === 0) this.leave(this.retired);
  }

  private begin(request: SocketRequest): void {
    const { lane } = request;
    this.busy.add(lane);
    void this.serve(request).finally(() => {
      this.busy.delete(lane);
      this.next();
    });
  }

  /** Never rejects. */
  private async serve(request: SocketRequest): Promise<void> {
    const startedAt = performance.now();
    const { lane, body, size } = request;
    try {
      if (this.retired) throw this.retired;
      const ask = this.parse(request);
      const asked = this.memory.resume({ ask, size });
      const answering = body.generate === false ? this.warmUp(lane, asked) : this.answer(lane, asked);
      const turn = await answering.catch((failure) => {
        throw inCallersWords(failure, responses, { body, items: ask.input });
      });
      if (turn?.state === 'failed') this.evict(lane, body);
      else if (turn) this.memory.remember(lane, asked, turn);
    } catch (error) {
      this.evict(lane, body);
      await this.socket.send([this.failure(lane, error, performance.now() - startedAt)]);
    }
  }

  private parse({ body, mayHaveMarks }: SocketRequest): Ask {
    const { headers, caller } = this.opening;
    const { ruleHeaders } = this.parts.settings();
    const context = { headers, target: TARGET, caller, ruleHeaders, mayHaveMarks };
    return { ...askOf(responses, bodyOf(body), context), delivery: 'stream' };
  }

  /** Resolves to nothing where the client disconnected before the end. */
  private async answer(lane: string, { ask }: SizedAsk): Promise<AnsweredTurn | undefined> {
    const once = await this.parts.api.turns.create({ ask, caller: this.caller(), gone: this.socket.gone });
    await begunOnce(once, responses);
    const { result: view } = once;
    const { log } = view;
    const writer = new ResponseStream(view, this.parts.api.seal, -1, frameOf(lane));
    await this.write(writer.open() + headersEvent(lane, turnHeaders(once, responses)));
    for (let seen = 0, more = true; more; more = await view.more(seen)) {
      while (seen < log.length) {
        let text = '';
        while (seen < log.length && text.length < BATCH) text += writer.delta(log[seen++]!);
        await this.write(text);
        if (this.socket.gone.aborted) return undefined;
      }
    }
    const turn = await view.ended;
    await this.write(writer.end(turn));
    return turn;
  }

  /** Each request of the socket is in a trace of its own, under the span of the client that opened the socket. */
  private caller(): Caller {
    const { headers, caller } = this.opening;
    const trace = traceOf(headers, this.parts.trace);
    return { ...caller, receivedAt: performance.now(), trace: trace && { ...trace, isOfTurn: true } };
  }

  /** A response without an answer: its items become part of the input of the request that continues it. */
  private async warmUp(lane: string, { ask, size }: SizedAsk): Promise<undefined> {
    const asked = await this.parts.api.turns.check(ask, this.opening.caller);
    const completedAt = asked.createdAt;
    const turn: AnsweredTurn = {
      kind: 'ask',
      parent: null,
      ...asked,
      state: 'completed',
      completedAt,
      output: [],
      finish: [],
    };
    const view = { asked, retention: 'none', session: undefined } as const;
    const writer = new ResponseStream(view, this.parts.api.seal, -1, frameOf(lane));
    await this.write(writer.open() + writer.end(turn));
    this.memory.rememberPending(lane, { ask: { ...ask, input: asked.input }, size }, asked.id);
  }

  private async write(events: string): Promise<void> {
    if (events !== '') await this.socket.send(events.trimEnd().split('\n'));
  }

  private evict(lane: string, { previous_response_id: previous }: Record<string, unknown>): void {
    const id = typeof previous === 'string' ? parseResponseId(previous) : undefined;
    if (id) this.memory.evict(lane, id);
  }

  private failure(lane: string, error: unknown, durationMs = 0): string {
    const fault = faultOf(error);
    this.opening.onFailure(fault, durationMs);
    return errorEvent(lane, fault);
  }

  private leave(reason: Fault): void {
    this.socket.sendNow(errorEvent('', reason));
    this.socket.close(GOING_AWAY, reason.message);
  }
}

function laneOf(name: unknown): string {
  if (name === undefined || name === null) return '';
  if (typeof name === 'string' && NAME.test(name)) return name;
  const expected = '1 to 256 letters, digits, underscores, hyphens or periods';
  throw new Fault('invalid_stream_id', `\`stream_id\`: expected ${expected}.`, { param: 'stream_id' });
}

/** The body of the same request over HTTP, without the fields about its transport. */
function bodyOf(message: Record<string, unknown>): Record<string, unknown> {
  const { type, stream_id, generate, stream, stream_options, background, ...body } = message;
  if (type !== 'response.create') throw invalid('type', '`response.create`');
  if (generate !== undefined && generate !== null && typeof generate !== 'boolean')
    throw invalid('generate', 'true or false');
  if (background) throw invalid('background', 'nothing: a background response is asked for over HTTP');
  return body;
}

/** One event a line: JSON text has no line breaks. On a lane with a name, each event has that name. */
function frameOf(lane: string): EventFrame {
  if (lane === '') return (_type, _sequence, json) => `${json}\n`;
  const named = `{"stream_id":"${lane}",`;
  return (_type, _sequence, json) => `${named}${json.slice(1)}\n`;
}

/**
 * An event with the headers that the same reply has over HTTP. It has no sequence number, because a replay over
 * HTTP does not have this event. It comes after the first events: OpenAI's SDKs require that a response begins
 * with `response.created`.
 */
function headersEvent(lane: string, headers: Record<string, string>): string {
  const type = 'clawhold:response.headers';
  return frameOf(lane)(type, 0, JSON.stringify({ type, headers }));
}

/**
 * A failure that belongs to no response (Open Responses, `WebSocketErrorEvent`), with the headers of its reply
 * over HTTP.
 */
function errorEvent(lane: string, fault: Fault): string {
  const { status } = fault.kind;
  const stream_id = lane === '' ? undefined : lane;
  const headers = faultHeaders(fault);
  const isPlain = Object.keys(headers).length === 0;
  const event = { type: 'error', status, stream_id, error: errorObject(fault) };
  return JSON.stringify(isPlain ? event : { ...event, headers });
}

function tooManyLanes(names: number): Fault {
  const message = `This socket has ${names} different stream ids already.`;
  return new Fault('websocket_stream_limit_reached', message, { param: 'stream_id' });
}

const queueFull = (waits: number): Fault =>
  new Fault('websocket_queue_full', `${waits} requests wait on this socket already.`);

const expired = (lifetime: number): Fault =>
  new Fault(
    'websocket_connection_limit_reached',
    `This socket has been open for ${Math.round(lifetime / 60_000)} minutes.`,
  );
