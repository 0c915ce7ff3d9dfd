import { afterEach, beforeEach, expect, jest, test } from 'bun:test';
import type { Api } from '../../../src/api/api.ts';
import { Fault } from '../../../src/core/errors.ts';
import { Socket, type Wire } from '../../../src/http/socket.ts';
import { ResponseSockets } from '../../../src/http/v1/responses/websocket.ts';
import { DEFAULT_TENANT } from '../../../src/security/keys.ts';

/** A connection that sends a number of messages at once; later ones wait. */
class NarrowWire implements Wire {
  readonly sent: string[] = [];
  pings = 0;
  closedWith: number | undefined;
  private waiting = 0;

  constructor(private room: number) {}

  send(message: string): number {
    this.sent.push(message);
    if (this.sent.length <= this.room) return message.length;
    this.waiting += message.length;
    return -1;
  }

  cork(write: () => void): void {
    write();
  }

  getBufferedAmount(): number {
    return this.waiting;
  }

  ping(): number {
    return ++this.pings;
  }

  close(code: number): void {
    this.closedWith = code;
  }

  /** The messages that waited are sent, and there is room for `more`. */
  drain(more: number): void {
    this.waiting = 0;
    this.room = this.sent.length + more;
  }
}

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

/** Lets all promises that can resolve do so. */
async function settled(): Promise<void> {
  for (let turns = 0; turns < 20; turns++) await Promise.resolve();
}

function sending(socket: Socket, messages: string[]): { isDone(): boolean } {
  let done = false;
  void socket.send(messages).then(() => {
    done = true;
  });
  return { isDone: () => done };
}

test('a slow client holds up the sender, after the message for which there was no room', async () => {
  const wire = new NarrowWire(2);
  const socket = new Socket(wire);
  const all = sending(socket, ['a', 'b', 'c', 'd', 'e']);
  await settled();
  expect(wire.sent).toEqual(['a', 'b', 'c']);
  expect([all.isDone(), socket.hasRoom]).toEqual([false, false]);
  wire.drain(1);
  socket.drained();
  await settled();
  expect(wire.sent).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(all.isDone()).toBe(false);
  wire.drain(1);
  socket.drained();
  await settled();
  expect([all.isDone(), socket.hasRoom]).toEqual([true, true]);
  socket.closed();
});

test('there is no room before every message is sent', async () => {
  const wire = new NarrowWire(0);
  const socket = new Socket(wire);
  const all = sending(socket, ['a', 'b']);
  await settled();
  socket.drained();
  await settled();
  expect(wire.sent).toEqual(['a']);
  expect(all.isDone()).toBe(false);
  socket.closed();
});

test('several senders take turns and lose nothing', async () => {
  const wire = new NarrowWire(1);
  const socket = new Socket(wire);
  const [one, two] = [sending(socket, ['a1', 'a2', 'a3']), sending(socket, ['b1', 'b2', 'b3'])];
  for (let drains = 0; drains < 10; drains++) {
    await settled();
    wire.drain(0);
    socket.drained();
  }
  await settled();
  expect([one.isDone(), two.isDone()]).toEqual([true, true]);
  expect(wire.sent.filter((message) => message.startsWith('a'))).toEqual(['a1', 'a2', 'a3']);
  expect(wire.sent.filter((message) => message.startsWith('b'))).toEqual(['b1', 'b2', 'b3']);
  socket.closed();
});

test('a sender does not wait for a client that has disconnected, and nothing is sent to it', async () => {
  const wire = new NarrowWire(0);
  const socket = new Socket(wire);
  const all = sending(socket, ['a', 'b']);
  await settled();
  socket.closed();
  await settled();
  expect([all.isDone(), socket.gone.aborted]).toEqual([true, true]);
  await socket.send(['c']);
  socket.sendNow('d');
  socket.close(1001, 'late');
  expect(wire.sent).toEqual(['a']);
  expect(wire.closedWith).toBeUndefined();
});

test('pings keep a socket open, until it is closed', () => {
  const wire = new NarrowWire(1);
  const socket = new Socket(wire);
  // Proxies are known to close connections after 30 seconds of silence.
  jest.advanceTimersByTime(60_000);
  expect(wire.pings).toBe(4);
  socket.closed();
  jest.advanceTimersByTime(60_000);
  expect(wire.pings).toBe(4);
});

test('a socket that opens while the gateway stops gets the reason and is closed', () => {
  const sockets = new ResponseSockets({
    api: { admin: {} } as Api,
    settings: () => ({ bodyBytes: 1024, bodyMs: 10_000, socketMs: 60_000, ruleHeaders: [] }),
  });
  sockets.retire(new Fault('shutting_down', 'The gateway is shutting down.'));
  const wire = new NarrowWire(9);
  const policy = { onDisconnect: 'run_on', whenBusy: 'wait', whenDown: 'fail' } as const;
  const caller = { tenant: DEFAULT_TENANT, key: 'root', policy, mayKeep: true, isRoot: true };
  sockets.open(new Socket(wire), { headers: new Headers(), caller, onFailure: () => {} });
  expect(wire.sent.map((text) => JSON.parse(text))).toMatchObject([{ error: { code: 'shutting_down' } }]);
  expect(wire.closedWith).toBe(1001);
});
