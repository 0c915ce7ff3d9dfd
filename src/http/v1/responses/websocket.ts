import { Fault } from '../../../core/errors.ts';
import { newSessionId, newTurnId, parseResponseId } from '../../../core/ids.ts';
import type { Turn } from '../../../core/turn.ts';
import { waitingIntent } from '../../../turn/intent.ts';
import { candidatesFor, run } from '../../../turn/run.ts';
import { toFault } from '../../../turn/settle.ts';
import { parseBody } from '../../body.ts';
import { errorObject } from '../../envelope.ts';
import type { Gateway } from '../../gateway.ts';
import { begun, stopWithClient } from '../../reply.ts';
import type { Socket, SocketOpening, SocketReader, SocketRoute } from '../../socket.ts';
import { invalid } from '../fields.ts';
import { parseResponseRequest } from './parse.ts';
import { resolveReferences } from './references.ts';
import { type SizedAsk, SocketMemory } from './socket-memory.ts';
import { type EventFrame, ResponseStream } from './stream.ts';

/** How many requests may wait on one socket; together they are at most as large as one body. */
const WAITING = 32;
/** As in OpenAI's API: how many responses may be under way at once, and how many lanes may have a name. */
const UNDER_WAY = 16;
const NAMED = 32;
const NAME = /^[\w.-]{1,256}$/;
/** Characters of events that are written before it is asked whether there is room for more. */
const BATCH = 64 * 1024;
/** Going away: clients that know how to connect again do so. */
const GOING_AWAY = 1001;
const TRY_AGAIN_LATER = 1013;

/** `/v1/responses` over WebSockets (Open Responses, "WebSocket transport"). */
export class ResponseSockets implements SocketRoute {
  readonly path = '/v1/responses';
  readonly messageLimit: number;
  private readonly opened = new Set<ResponseSocket>();
  private retired: Fault | undefined;

  constructor(
    private readonly gateway: Gateway,
    /** How long a socket may be open, in milliseconds. */
    private readonly lifetime: number,
  ) {
    this.messageLimit = gateway.bodyLimit;
  }

  open(socket: Socket, opening: SocketOpening): SocketReader {
    const opened = new ResponseSocket(socket, opening, this.gateway, this.lifetime);
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

/** One message of a client. */
interface SocketRequest {
  /** Requests of one lane are answered one after the other. Most clients know only the one without a name. */
  lane: string;
  body: Record<string, unknown>;
  size: number;
}

/** Requests are answered in the order of asking, one at a time: on each lane, where a client names several. */
class ResponseSocket implements SocketReader {
  private readonly waiting: SocketRequest[] = [];
  private readonly busy = new Set<string>();
  private readonly lanes = new Set<string>();
  private readonly memory: SocketMemory;
  private retired: Fault | undefined;

  constructor(
    private readonly socket: Socket,
    private readonly opening: SocketOpening,
    private readonly gateway: Gateway,
    lifetime: number,
  ) {
    this.memory = new SocketMemory(gateway.bodyLimit);
    // When as much time has passed again, nobody is waited for any more.
    const life = setInterval(() => {
      if (this.retired) this.leave(this.retired);
      else this.retire(expired(lifetime));
    }, lifetime);
    socket.gone.addEventListener('abort', () => {
      clearInterval(life);
      this.waiting.length = 0;
    });
  }

  message(text: string): void {
    let lane = '';
    try {
      const body = parseBody(text);
      lane = laneOf(body.stream_id);
      this.enqueue({ lane, body, size: text.length });
    } catch (error) {
      // Whoever does not read what it is told is not told more.
      if (this.socket.hasRoom) this.socket.say(this.failure(lane, error));
      else this.socket.close(TRY_AGAIN_LATER, 'Too many messages.');
    }
  }

  /** What waits is refused, what is under way may end; then the socket is closed. */
  retire(reason: Fault): void {
    this.retired ??= reason;
    this.next();
  }

  private enqueue(request: SocketRequest): void {
    const { lane } = request;
    const names = this.lanes.size;
    if (lane !== '' && !this.lanes.has(lane) && names >= NAMED) throw tooManyLanes(names);
    const size = this.waiting.reduce((sum, waiting) => sum + waiting.size, request.size);
    const waits = this.waiting.length;
    if (waits >= WAITING || (waits > 0 && size > this.gateway.bodyLimit)) throw queueFull(waits);
    if (lane !== '') this.lanes.add(lane);
    this.waiting.push(request);
    this.next();
  }

  /** Begins what may begin. */
  private next(): void {
    for (let at = 0; at < this.waiting.length && this.busy.size < UNDER_WAY; ) {
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
  private async serve({ lane, body, size }: SocketRequest): Promise<void> {
    const startedAt = performance.now();
    try {
      if (this.retired) throw this.retired;
      const { caller } = this.opening;
      const parsed = parseResponseRequest(bodyOf(body), this.opening.headers, caller);
      const items = await resolveReferences(parsed.items, caller.tenant, this.gateway);
      const asked = this.memory.resume({ ask: { ...parsed, items, stream: true }, size });
      const turn = body.generate === false ? await this.warmUp(lane, asked) : await this.answer(lane, asked);
      if (turn?.state === 'failed') this.evict(lane, body);
      else if (turn) this.memory.keep(lane, asked, turn);
    } catch (error) {
      this.evict(lane, body);
      await this.socket.send([this.failure(lane, error, performance.now() - startedAt)]);
    }
  }

  /** Nothing where the client left before the end. */
  private async answer(lane: string, { ask }: SizedAsk): Promise<Turn | undefined> {
    const { made: live } = await run(ask, this.opening.caller, this.gateway);
    stopWithClient(live, this.socket.gone, ask);
    await begun(live);
    const { asked, shown, session, log } = live;
    const writer = new ResponseStream(asked, shown, session, -1, frameOf(lane));
    await this.write(writer.open());
    for (let seen = 0, more = true; more; more = await live.more(seen)) {
      while (seen < log.length) {
        let text = '';
        while (seen < log.length && text.length < BATCH) text += writer.delta(log[seen++]!);
        await this.write(text);
        if (this.socket.gone.aborted) return undefined;
      }
    }
    const turn = await live.ended;
    await this.write(writer.end(turn));
    return turn;
  }

  /** A response without an answer: its items are part of whatever continues it. */
  private async warmUp(lane: string, asked: SizedAsk): Promise<undefined> {
    const { ask } = asked;
    const { caller } = this.opening;
    const { sessions, clock } = this.gateway;
    // What could not be answered later is refused now.
    candidatesFor(ask, this.gateway);
    if (ask.state.kind === 'response') await sessions.expect(caller.tenant, ask.state);
    const now = clock();
    const session = newSessionId(now);
    const intent = waitingIntent(ask, caller, { id: newTurnId(session, now), session, createdAt: now });
    const turn: Turn = { ...intent, state: 'completed', completedAt: now, output: [], finish: [] };
    const writer = new ResponseStream(intent, false, undefined, -1, frameOf(lane));
    await this.write(writer.open() + writer.end(turn));
    this.memory.keepPending(lane, asked, intent.id);
  }

  private async write(events: string): Promise<void> {
    if (events !== '') await this.socket.send(events.trimEnd().split('\n'));
  }

  private evict(lane: string, { previous_response_id: previous }: Record<string, unknown>): void {
    const id = typeof previous === 'string' ? parseResponseId(previous) : undefined;
    if (id) this.memory.evict(lane, id);
  }

  private failure(lane: string, error: unknown, durationMs = 0): string {
    const fault = toFault(error);
    this.opening.onFailure(fault, durationMs);
    return errorEvent(lane, fault);
  }

  private leave(reason: Fault): void {
    this.socket.say(errorEvent('', reason));
    this.socket.close(GOING_AWAY, reason.message);
  }
}

function laneOf(name: unknown): string {
  if (name === undefined || name === null) return '';
  if (typeof name === 'string' && NAME.test(name)) return name;
  const expected = '1 to 256 letters, digits, underscores, hyphens or periods';
  throw new Fault('invalid_stream_id', `\`stream_id\`: expected ${expected}.`, { param: 'stream_id' });
}

/** The body of the same request over HTTP. What only says how it is carried is left out: it is known here. */
function bodyOf(message: Record<string, unknown>): Record<string, unknown> {
  const { type, stream_id, generate, stream, stream_options, background, ...body } = message;
  if (type !== 'response.create') throw invalid('type', '`response.create`');
  if (generate !== undefined && generate !== null && typeof generate !== 'boolean')
    throw invalid('generate', 'true or false');
  if (background) throw invalid('background', 'nothing: a background response is asked for over HTTP');
  return body;
}

/** One event a line; JSON has no line breaks of its own. On a lane with a name, each event bears it. */
function frameOf(lane: string): EventFrame {
  if (lane === '') return (_type, _sequence, json) => `${json}\n`;
  const named = `{"stream_id":"${lane}",`;
  return (_type, _sequence, json) => `${named}${json.slice(1)}\n`;
}

/** A failure that is no part of a response (Open Responses, `WebSocketErrorEvent`). */
function errorEvent(lane: string, fault: Fault): string {
  const { status } = fault.kind;
  const stream_id = lane === '' ? undefined : lane;
  return JSON.stringify({ type: 'error', status, stream_id, error: errorObject(fault) });
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
