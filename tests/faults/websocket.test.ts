import { afterAll, afterEach, beforeAll, describe, expect, spyOn, test } from 'bun:test';
import { connect, type Socket as NetSocket } from 'node:net';
import { eventually } from '../harness/eventually.ts';
import { ROOT_KEY, type TestGateway } from '../harness/gateway.ts';
import { type Journey, json, responseText, startJourney } from '../harness/journey.ts';
import { SocketClient } from '../harness/socket.ts';
import { asJson, asText, type Json } from '../simulators/provider/shape.ts';

let journey: Journey;
const begin = async (env: Record<string, string> = {}) => {
  journey = await startJourney({ env });
  return journey;
};
afterEach(() => journey.end());

const open = () => SocketClient.open(journey.gateway);
const cancel = ({ id }: Json) => journey.gateway.post(`/v1/responses/${asText(id)}/cancel`, {});

/** Asks for a response that stalls. Resolves when it has begun. */
async function stalled(socket: SocketClient): Promise<Json> {
  socket.create({ model: 'groq/echo+stall-1', input: 'a b c' });
  return asJson((await socket.until('response.created')).response);
}

const LIMIT = { type: 'error', status: 400, error: { code: 'websocket_connection_limit_reached' } };
const DOWN = { type: 'error', status: 503, error: { code: 'shutting_down' } };

describe('a socket accepts', () => {
  test('messages up to the limit of a body, and no larger ones', async () => {
    await begin({ CLAWHOLD_LIMITS_BODY_BYTES: '4096' });
    const socket = await open();
    const envelope = JSON.stringify({ type: 'response.create', model: 'groq/echo', input: '' }).length;
    const fits = await socket.ask({ model: 'groq/echo', input: 'x'.repeat(4096 - envelope) });
    expect(fits.status).toBe('completed');
    socket.create({ model: 'groq/echo', input: 'x'.repeat(4097 - envelope) });
    expect(await socket.closed).toMatchObject({ code: 1009 });
  });

  test('32 waiting requests, and refuses more', async () => {
    await begin();
    const socket = await open();
    const response = await stalled(socket);
    for (let at = 0; at < 34; at++) socket.create({ model: 'groq/echo', input: `number ${at}` });
    for (let at = 0; at < 2; at++) {
      const error = { code: 'websocket_queue_full', type: 'rate_limit_error' };
      expect(await socket.until('error')).toMatchObject({ status: 429, error });
    }
    await cancel(response);
    await socket.until('response.incomplete');
    for (let at = 0; at < 32; at++) {
      const { response } = (await socket.response()).at(-1)!;
      expect(responseText(response)).toBe(`You said: number ${at}`);
    }
  });

  test('waiting content up to the limit of one body', async () => {
    await begin({ CLAWHOLD_LIMITS_BODY_BYTES: '8192' });
    const socket = await open();
    const response = await stalled(socket);
    for (const letter of ['x', 'y']) socket.create({ model: 'groq/echo', input: letter.repeat(5000) });
    expect(await socket.until('error')).toMatchObject({ error: { code: 'websocket_queue_full' } });
    await cancel(response);
    await socket.until('response.incomplete');
    expect(responseText((await socket.response()).at(-1)!.response)).toContain('xxx');
  });

  test('history up to the limit of one body; a larger history is forgotten', async () => {
    await begin({ CLAWHOLD_LIMITS_BODY_BYTES: '4096' });
    const socket = await open();
    const body = { model: 'groq/recall', store: false };
    const first = await socket.ask({ ...body, model: 'groq/say-1', input: 'x'.repeat(2000) });
    const second = await socket.ask({ ...body, input: 'two', previous_response_id: first.id });
    expect(second.status).toBe('completed');
    const third = await socket.ask({ ...body, input: 'three', previous_response_id: second.id });
    expect(third).toMatchObject({ code: 'previous_response_not_found' });
  });

  test('history of all lanes together: the least recently used lanes are forgotten first', async () => {
    await begin({ CLAWHOLD_LIMITS_BODY_BYTES: '4096' });
    const socket = await open();
    const body = { model: 'groq/say-1', store: false };
    const lanes: Record<string, Json> = {};
    for (const stream_id of ['a', 'b', 'c'])
      lanes[stream_id] = await socket.ask({ ...body, stream_id, input: 'x'.repeat(1200) });
    const next = (stream_id: string) =>
      socket.ask({ ...body, stream_id, input: 'Hi', previous_response_id: lanes[stream_id]!.id });
    expect(await next('a')).toMatchObject({ code: 'previous_response_not_found' });
    expect(await next('b')).toMatchObject({ status: 'completed' });
    expect(await next('c')).toMatchObject({ status: 'completed' });
  });
});

describe('the time limit of a socket', () => {
  test('ends with an error and a close, and the next socket continues stored responses', async () => {
    await begin({ CLAWHOLD_LIMITS_SOCKET_MS: '500' });
    const socket = await open();
    const { id } = await socket.ask({ model: 'groq/recall', input: 'one' });
    expect(await socket.next()).toMatchObject(LIMIT);
    expect(await socket.closed).toMatchObject({ code: 1001 });
    const next = await (await open()).ask({ model: 'groq/recall', input: 'two', previous_response_id: id });
    expect(responseText(next)).toBe('I have heard: "one" | "two"');
  });

  test('lets the running response end, and refuses waiting requests', async () => {
    await begin({ CLAWHOLD_LIMITS_SOCKET_MS: '1000' });
    const socket = await open();
    const response = await stalled(socket);
    socket.create({ model: 'groq/echo', input: 'waits' });
    // A socket that was opened later has been closed.
    await (await open()).closed;
    socket.create({ model: 'groq/echo', input: 'too late' });
    await cancel(response);
    await socket.until('response.incomplete');
    // One error for each of two requests, and one for the socket.
    for (let at = 0; at < 3; at++) expect(await socket.next()).toMatchObject(LIMIT);
    expect(await socket.closed).toMatchObject({ code: 1001 });
    expect(journey.provider.requests).toHaveLength(1);
  });

  test('is at most twice as long, even if a response is still running', async () => {
    await begin({ CLAWHOLD_LIMITS_SOCKET_MS: '500' });
    const socket = await open();
    const { id } = await stalled(socket);
    expect(await socket.until('error')).toMatchObject(LIMIT);
    expect(await socket.closed).toMatchObject({ code: 1001 });
    const kept = await json(journey.gateway.fetch(`/v1/responses/${asText(id)}`));
    expect(kept.status).toBe('in_progress');
    await cancel(kept);
  });
});

describe('a gateway that stops', () => {
  test('notifies an idle socket, and closes it', async () => {
    await begin();
    const socket = await open();
    await socket.ask({ model: 'groq/echo', input: 'Hi' });
    await journey.gateway.stop();
    expect(await socket.next()).toMatchObject(DOWN);
    expect(await socket.closed).toMatchObject({ code: 1001 });
  });

  test('lets the running response end, and refuses waiting requests', async () => {
    await begin();
    const socket = await open();
    const text = 'one two three four five six seven eight nine ten';
    socket.create({ model: 'groq/echo+pace-20', input: text, store: false });
    await socket.until('response.created');
    socket.create({ model: 'groq/echo', input: 'waits' });
    const stopped = journey.gateway.stop();
    expect(responseText((await socket.response()).at(-1)!.response)).toBe(`You said: ${text}`);
    for (let at = 0; at < 2; at++) expect(await socket.next()).toMatchObject(DOWN);
    expect(await socket.closed).toMatchObject({ code: 1001 });
    await stopped;
    expect(journey.provider.requests).toHaveLength(1);
  });

  test('ends the running response when the drain time is over', async () => {
    await begin({ CLAWHOLD_SHUTDOWN_DRAIN_MS: '50' });
    const socket = await open();
    await stalled(socket);
    const stopped = journey.gateway.stop();
    const last = (await socket.response()).at(-1)!;
    expect(last).toMatchObject({
      type: 'response.incomplete',
      response: { incomplete_details: { reason: 'shutting_down' } },
    });
    expect(await socket.next()).toMatchObject(DOWN);
    await socket.closed;
    await stopped;
  });
});

/** A WebSocket client that can stop reading. The WebSocket of a runtime cannot do that. */
class UnreadSocket {
  /** All messages that were read. */
  readonly messages: Json[] = [];
  private bytes = Buffer.alloc(0);

  private constructor(private readonly socket: NetSocket) {}

  static async open({ url }: TestGateway): Promise<UnreadSocket> {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.on('error', () => {});
    const unread = new UnreadSocket(socket);
    const head = {
      host: 'localhost',
      authorization: `Bearer ${ROOT_KEY}`,
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': btoa('0123456789abcdef'),
    };
    const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`GET /v1/responses HTTP/1.1\r\n${lines.join('')}\r\n`);
    const answer = await new Promise<Buffer>((resolve) => socket.once('data', resolve));
    expect(answer.toString()).toStartWith('HTTP/1.1 101');
    socket.pause();
    return unread;
  }

  /** Sends a text `times` times. Its mask is zero, so that the bytes are not changed. */
  send(text: string, times = 1): void {
    const body = Buffer.from(text);
    const size = body.length < 126 ? [0x80 | body.length] : [0x80 | 126, body.length >> 8, body.length & 255];
    const frame = Buffer.concat([Buffer.from([0x81, ...size, 0, 0, 0, 0]), body]);
    this.socket.write(Buffer.concat(Array.from({ length: times }, () => frame)));
  }

  /** Reads up to a message of this type, then stops reading. */
  async until(type: string): Promise<Json> {
    for (;;) {
      for (let text = this.take(); text !== undefined; text = this.take()) {
        if (text !== '') this.messages.push(asJson(JSON.parse(text)));
        if (text !== '' && this.messages.at(-1)!.type === type) return this.messages.at(-1)!;
      }
      this.socket.resume();
      const chunk = await new Promise<Buffer>((resolve) => this.socket.once('data', resolve));
      this.socket.pause();
      this.bytes = Buffer.concat([this.bytes, chunk]);
    }
  }

  end(): void {
    this.socket.destroy();
  }

  /** The next message; undefined if it is not complete, empty for a ping. */
  private take(): string | undefined {
    const { bytes } = this;
    if (bytes.length < 2) return undefined;
    const short = bytes[1]! & 127;
    const start = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (bytes.length < start) return undefined;
    const size =
      short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
    if (bytes.length < start + size) return undefined;
    this.bytes = bytes.subarray(start + size);
    return (bytes[0]! & 15) === 1 ? bytes.subarray(start, start + size).toString() : '';
  }
}

describe('a client that does not read', () => {
  type Wire = Pick<Bun.ServerWebSocket<unknown>, 'getBufferedAmount' | 'readyState'>;
  const wires: Wire[] = [];
  let serve: ReturnType<typeof spyOn>;
  beforeAll(() => {
    const real = Bun.serve;
    serve = spyOn(Bun, 'serve').mockImplementation(((options: Bun.Serve.Options<unknown>) => {
      const { websocket } = options as { websocket: Bun.WebSocketHandler<unknown> };
      const watched = (wire: Bun.ServerWebSocket<unknown>) => {
        wires.push(wire);
        return websocket.open?.(wire);
      };
      return real({ ...options, websocket: { ...websocket, open: watched } } as Bun.Serve.Options<unknown>);
    }) as typeof Bun.serve);
  });
  afterAll(() => serve.mockRestore());

  test('delays its events but not the turn, and gets all events later', async () => {
    await begin();
    const client = await UnreadSocket.open(journey.gateway);
    const words = 60_000;
    const body = { model: `groq/say-${words}`, input: 'Hi', metadata: { slow: 'yes' } };
    client.send(JSON.stringify({ type: 'response.create', ...body }));
    const { id } = asJson((await client.until('response.created')).response);
    const path = `/v1/responses/${asText(id)}`;
    await eventually(
      'the turn has ended',
      () => json(journey.gateway.fetch(path)),
      ({ status }) => status === 'completed',
    );
    const waiting = wires.at(-1)!.getBufferedAmount();
    expect([waiting > 0, waiting < 256 * 1024]).toEqual([true, true]);
    await client.until('response.completed');
    const events = client.messages.filter(({ type }) => type !== 'clawhold:response.headers');
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, at) => at));
    expect(events.filter(({ type }) => type === 'response.output_text.delta')).toHaveLength(words);
    client.end();
  }, 30_000);

  test('and keeps sending invalid messages is disconnected', async () => {
    await begin();
    const client = await UnreadSocket.open(journey.gateway);
    const wire = wires.at(-1)!;
    let most = 0;
    await eventually(
      'the socket is closed',
      () => {
        client.send('no', 1000);
        most = Math.max(most, wire.getBufferedAmount());
        return wire.readyState;
      },
      (state) => state === WebSocket.CLOSED,
    );
    expect(most).toBeLessThan(256 * 1024);
    client.end();
  }, 30_000);
});
