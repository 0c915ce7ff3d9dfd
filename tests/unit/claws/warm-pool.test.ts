import { afterEach, beforeEach, expect, test } from 'bun:test';
import { connectWithin } from '../../../src/claws/http-claw.ts';
import { WarmPool, type WarmPoolParts } from '../../../src/claws/warm-pool.ts';
import { eventually } from '../../harness/eventually.ts';

/** A server that says which requests came on which connection. */
let requests: string[];
let opened: number;
let server: Bun.TCPSocketListener<{ number: number }>;
let url: string;
let pool: WarmPool | undefined;

beforeEach(() => {
  requests = [];
  opened = 0;
  server = Bun.listen<{ number: number }>({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      open(socket) {
        socket.data = { number: ++opened };
      },
      data(socket, bytes) {
        requests.push(`${bytes.toString().split(' ')[0]} on ${socket.data.number}`);
        socket.write('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n');
      },
    },
  });
  url = `http://127.0.0.1:${server.port}/v1`;
});
afterEach(() => {
  pool?.close();
  server.stop(true);
});

const poolWith = (parts: Partial<WarmPoolParts> = {}) => {
  pool = new WarmPool({
    connect: connectWithin(() => 1000, {}),
    fetch,
    preconnect: fetch.preconnect,
    isEnabled: () => true,
    ...parts,
  });
  return pool;
};
const connections = (count: number) =>
  eventually(
    `${count} connections are open`,
    () => opened,
    (seen) => seen === count,
  );
const refused = () => {
  throw new TypeError('Invalid port');
};
const call = async ({ connect }: WarmPool) => {
  await connect(url, AbortSignal.timeout(1000));
  await (
    await fetch(`${url}/x`, { method: 'POST', body: '{}', redirect: 'error', decompress: false })
  ).text();
};

test('the first call uses the connection that is ready', async () => {
  const warm = poolWith();
  warm.update([url]);
  // The first one tells that the origin accepts connections.
  await connections(2);
  await Bun.sleep(50);
  await call(warm);
  expect(requests).toEqual(['POST on 2']);
  expect(opened).toBe(2);
});

test('where Bun cannot connect ahead, a request without a key and a body opens the connection', async () => {
  const warm = poolWith({ preconnect: refused });
  warm.update([url]);
  await eventually(
    'the connection is open',
    () => requests.length,
    (count) => count === 1,
  );
  await Bun.sleep(50);
  await call(warm);
  expect(requests).toEqual(['HEAD on 2', 'POST on 2']);
});

test('many updates with the same base URL open one connection', async () => {
  const warm = poolWith();
  for (let round = 0; round < 100; round++) warm.update([url]);
  await connections(2);
  await Bun.sleep(100);
  for (let round = 0; round < 100; round++) warm.update([url, url]);
  await Bun.sleep(100);
  expect(opened).toBe(2);
});

test('only a base URL that is called is kept ready, and only while it is known', async () => {
  const warm = poolWith({ preconnect: refused, everyMs: 20 });
  warm.update([url]);
  await connections(2);
  await Bun.sleep(100);
  expect(requests).toEqual(['HEAD on 2']);
  await call(warm);
  await eventually(
    'it is kept ready',
    () => requests.length,
    (count) => count > 4,
  );
  warm.update([]);
  await Bun.sleep(50);
  const count = requests.length;
  await Bun.sleep(100);
  expect(requests.length).toBe(count);
});

test('without the setting, and for a server that is down, nothing is sent', async () => {
  const warm = poolWith({ isEnabled: () => false });
  warm.update([url]);
  await Bun.sleep(50);
  expect(opened).toBe(0);
  const other = poolWith({ preconnect: () => expect.unreachable() });
  server.stop(true);
  other.update([url, 'not a url']);
  await Bun.sleep(50);
});
