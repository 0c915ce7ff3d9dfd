import { afterEach, beforeEach, expect, test } from 'bun:test';
import { HttpClient } from '../../../src/claws/http/client.ts';
import { WarmPool, type WarmPoolParts } from '../../../src/claws/warm-pool.ts';
import { eventually } from '../../harness/eventually.ts';

/** A server that says which requests came on which connection. */
let requests: string[];
let opened: number;
let server: Bun.TCPSocketListener<{ number: number }>;
let url: string;
let pool: WarmPool | undefined;
let client: HttpClient;

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
  client = new HttpClient({ connectMs: () => 1000 });
  url = `http://127.0.0.1:${server.port}/v1`;
});
afterEach(() => {
  pool?.close();
  client.close();
  server.stop(true);
});

const poolWith = (parts: Partial<WarmPoolParts> = {}) => {
  pool = new WarmPool({
    open: (base, signal) => client.ready(base, signal),
    calledAt: (base) => client.calledAt(base),
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
const call = async () => {
  const { signal } = new AbortController();
  const { chunks } = await client.post({ url: `${url}/x`, headers: {}, body: '{}', signal });
  await chunks.read();
};

test('the first call uses the connection that is ready, on which nothing was sent before', async () => {
  poolWith().update([url]);
  await connections(1);
  await Bun.sleep(50);
  expect(requests).toEqual([]);
  await call();
  expect(requests).toEqual(['POST on 1']);
  expect(opened).toBe(1);
});

test('many updates with the same base URL open one connection', async () => {
  const warm = poolWith();
  for (let round = 0; round < 100; round++) warm.update([url]);
  await connections(1);
  await Bun.sleep(100);
  for (let round = 0; round < 100; round++) warm.update([url, url]);
  await Bun.sleep(100);
  expect(opened).toBe(1);
});

test('only a base URL that is called is kept ready, and only while it is known', async () => {
  let tries = 0;
  const open = (base: string, signal: AbortSignal) => {
    tries++;
    return client.ready(base, signal);
  };
  const warm = poolWith({ open, everyMs: 20 });
  warm.update([url]);
  await connections(1);
  await Bun.sleep(100);
  expect(tries).toBe(1);
  await call();
  client.close();
  await connections(2);
  warm.update([]);
  await Bun.sleep(50);
  const count = tries;
  await Bun.sleep(100);
  expect(tries).toBe(count);
});

test('without the setting, and for a server that is down, nothing is sent', async () => {
  const warm = poolWith({ isEnabled: () => false });
  warm.update([url]);
  await Bun.sleep(50);
  expect(opened).toBe(0);
  const other = poolWith();
  server.stop(true);
  other.update([url, 'not a url']);
  await Bun.sleep(50);
});
