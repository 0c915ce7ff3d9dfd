import { asJson, asText, type Json } from '../simulators/provider/shape.ts';
import { ROOT_KEY, type TestGateway } from './gateway.ts';

export interface SocketOptions {
  key?: string;
  /** Headers of the upgrade request. */
  headers?: Record<string, string>;
}

const END_EVENTS = new Set(['response.completed', 'response.incomplete', 'response.failed', 'error']);

/** A client on a WebSocket of `/v1/responses`. */
export class SocketClient {
  /** All events received so far, oldest first. */
  readonly events: Json[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  private taken = 0;
  private wakeUp = Promise.withResolvers<void>();

  private constructor(private readonly socket: WebSocket) {
    socket.addEventListener('message', ({ data }) => {
      this.events.push(asJson(JSON.parse(data as string)));
      this.wake();
    });
    this.closed = new Promise((resolve) => {
      socket.addEventListener('close', ({ code, reason }) => {
        resolve({ code, reason });
        this.wake();
      });
    });
  }

  /** Rejects if the gateway refuses the upgrade. */
  static async open(gateway: TestGateway, { key, headers }: SocketOptions = {}): Promise<SocketClient> {
    const url = `${gateway.url.replace('http', 'ws')}/v1/responses`;
    const authorization = `Bearer ${key ?? ROOT_KEY}`;
    const socket = new WebSocket(url, { headers: { authorization, ...headers } });
    const client = new SocketClient(socket);
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve);
      socket.addEventListener('error', reject);
    });
    return client;
  }

  /** Asks for a response. */
  create(body: Json): void {
    this.send({ type: 'response.create', ...body });
  }

  send(message: unknown): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  close(): void {
    this.socket.close();
  }

  /** The next event. */
  async next(): Promise<Json> {
    while (this.taken >= this.events.length) {
      if (this.socket.readyState >= WebSocket.CLOSING) throw new Error('the socket is closed');
      await this.wakeUp.promise;
    }
    return this.events[this.taken++]!;
  }

  /** The next events up to the end of a response, or to an error. */
  async response(): Promise<Json[]> {
    const events: Json[] = [];
    do events.push(await this.next());
    while (!END_EVENTS.has(asText(events.at(-1)!.type)));
    return events;
  }

  /** Asks for a response. Resolves to the ended response, or to the error. */
  async ask(body: Json): Promise<Json> {
    this.create(body);
    const { type, response, error } = (await this.response()).at(-1)!;
    return asJson(type === 'error' ? error : response);
  }

  /** Skips events until one of this type arrives. */
  async until(type: string): Promise<Json> {
    for (;;) {
      const event = await this.next();
      if (event.type === type) return event;
    }
  }

  private wake(): void {
    this.wakeUp.resolve();
    this.wakeUp = Promise.withResolvers();
  }
}
