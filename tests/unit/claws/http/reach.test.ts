import { expect, test } from 'bun:test';
import { reachWithin } from '../../../../src/claws/http/reach.ts';
import type { Fault } from '../../../../src/core/errors.ts';

/** TEST-NET-1 (RFC 5737): no host answers there, not even with a refusal. */
const SILENT = 'http://192.0.2.1:81/v1';

async function failureOf(work: Promise<void>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error) => error,
  );
}

test('an origin that refuses is unreachable', async () => {
  const server = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } });
  const { port } = server;
  server.stop(true);
  const failure = await failureOf(
    reachWithin(() => 1000, {})(`http://127.0.0.1:${port}`, new AbortController().signal),
  );
  expect((failure as Fault).code).toBe('provider_unreachable');
});

test('an origin behind a proxy is not tried', async () => {
  await reachWithin(() => 1000, { HTTPS_PROXY: 'http://127.0.0.1:1' })(SILENT, new AbortController().signal);
});

test('calls that try an origin together share one connection, and each can stop waiting', async () => {
  let connections = 0;
  const count = () => {
    connections++;
  };
  const server = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {}, open: count } });
  try {
    const reach = reachWithin(() => 1000, {});
    const url = `http://127.0.0.1:${server.port}/v1`;
    const stopped = new AbortController();
    const first = failureOf(reach(url, stopped.signal));
    const others = Array.from({ length: 50 }, () => reach(url, new AbortController().signal));
    stopped.abort('stopped');
    expect(await first).toBe('stopped');
    await Promise.all(others);
    expect(connections).toBe(1);
    await reach(url, new AbortController().signal);
    expect(connections).toBe(2);
  } finally {
    server.stop(true);
  }
});
