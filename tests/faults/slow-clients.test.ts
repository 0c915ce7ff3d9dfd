import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { ROOT_KEY, type SpawnedGateway, spawnGateway } from '../harness/gateway.ts';
import { startProvider } from '../simulators/provider/provider.ts';

const BODY_MS = 300;

const provider = startProvider();
let gateway: SpawnedGateway;
beforeAll(async () => {
  gateway = await spawnGateway({
    provider: provider.url,
    env: { CLAWHOLD_LIMITS_BODY_MS: String(BODY_MS) },
  });
});
afterAll(async () => {
  await gateway.stop();
  provider.stop();
});

/** A client on a plain connection, which reads only when it is told to. */
async function connect(request: string) {
  let received = '';
  const closed = Promise.withResolvers<void>();
  const socket = await Bun.connect({
    hostname: '127.0.0.1',
    port: Number(new URL(gateway.url).port),
    socket: {
      data: (_, data) => {
        received += data.toString('latin1');
      },
      close: () => closed.resolve(),
      error: () => closed.resolve(),
    },
  });
  socket.write(request);
  return { socket, received: () => received, closed: closed.promise };
}

const head = (method: string, path: string, more = '') =>
  `${method} ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${ROOT_KEY}\r\n${more}\r\n`;

describe('a body that does not come to its end', () => {
  test.each([
    ['with a length', 'content-length: 1000\r\n', '{"model":'],
    ['in chunks', 'transfer-encoding: chunked\r\n', '9\r\n{"model":\r\n'],
  ])('%s is refused in time, and its connection is closed', async (_, framing, beginning) => {
    for (const path of ['/v1/chat/completions', '/v1/responses', '/v1/conversations']) {
      const from = performance.now();
      const client = await connect(head('POST', path, framing) + beginning);
      const trickle = setInterval(
        () => client.socket.write(framing.startsWith('c') ? ' ' : '1\r\n \r\n'),
        50,
      );
      await client.closed;
      clearInterval(trickle);
      expect(client.received()).toStartWith('HTTP/1.1 408');
      expect(client.received()).toContain('"code":"body_too_slow"');
      expect(performance.now() - from).toBeGreaterThanOrEqual(BODY_MS - 1);
      expect(performance.now() - from).toBeLessThan(BODY_MS + 2000);
    }
  });
});

describe('slow readers of a long turn', () => {
  const DELTAS = 100_000;
  const READERS = 30;
  /** Also what the buffers of the kernel do not take: events of some MiB for each reader. */
  const MOST_MIBS_MORE = 200;

  const residentMebibytes = () =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${gateway.pid}/status`, 'utf8'))![1]) / 1024;

  test('cost little, and get every event when they read', async () => {
    const asked = { model: `openai/say-${DELTAS}`, input: 'Hello', stream: true };
    const stream = await (await gateway.post('/v1/responses', asked)).text();
    const id = /"id":"(resp_[^"]+)"/.exec(stream)![1]!;
    const before = residentMebibytes();
    const readers = await Promise.all(
      Array.from({ length: READERS }, async () => {
        const reader = await connect('');
        reader.socket.pause();
        reader.socket.write(head('GET', `/v1/responses/${id}?stream=true`));
        return reader;
      }),
    );
    let peak = 0;
    for (let i = 0; i < 30; i++) {
      await Bun.sleep(100);
      peak = Math.max(peak, residentMebibytes());
    }
    expect(peak - before).toBeLessThan(MOST_MIBS_MORE);
    const [first, ...others] = readers;
    for (const { socket } of others) socket.terminate();
    first!.socket.resume();
    while (!first!.received().includes('event: response.completed')) await Bun.sleep(50);
    const events = first!.received().match(/event: response\.output_text\.delta/g)!;
    expect(events).toHaveLength(stream.match(/event: response\.output_text\.delta/g)!.length);
    first!.socket.terminate();
  }, 60_000);
});
