import { afterEach, describe, expect, test } from 'bun:test';
import { DIALECTS, PATHS, question } from '../harness/dialects.ts';
import { eventually } from '../harness/eventually.ts';
import { type Journey, json, startJourney } from '../harness/journey.ts';
import { expectRefusal } from '../harness/refusal.ts';
import { SocketClient } from '../harness/socket.ts';
import { asJson, asText, type Json } from '../simulators/provider/shape.ts';

/** The gateway runs in the process of the tests, which block its event loop. */

let journey: Journey;
let blocking: ReturnType<typeof setInterval> | undefined;
afterEach(() => {
  clearInterval(blocking);
  return journey.end();
});

/** Milliseconds. No delay reaches the bound `NEVER`. */
const NEVER = 86_400_000;
const BLOCKED_MS = 250;

async function start(bounds: Partial<Record<'busy_ms' | 'heavy_ms' | 'critical_ms', number>>) {
  const overload = { busy_ms: 100, heavy_ms: NEVER, critical_ms: NEVER, ...bounds };
  journey = await startJourney({ yaml: `overload: ${JSON.stringify(overload)}\n` });
}

function block(): void {
  blocking = setInterval(() => {
    const end = performance.now() + BLOCKED_MS;
    while (performance.now() < end);
  }, 10);
}

const calmDown = () => clearInterval(blocking);

const respond = (fields: Json) => journey.gateway.post(PATHS.responses, { model: 'openai/say-2', ...fields });
const inBackground = () => respond({ input: 'Hi', background: true });

const refusedWith = (code: string, ask: () => Promise<Response>) =>
  eventually(
    `a request is refused with ${code}`,
    async () => asText(asJson((await json(ask())).error).code),
    (seen) => seen === code,
    30_000,
  );

describe('an overloaded gateway', () => {
  test('refuses background requests first, and takes interactive ones', async () => {
    await start({ heavy_ms: 100 });
    block();
    await refusedWith('gateway_overloaded', inBackground);
    const refused = await inBackground();
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(refused.headers.get('x-should-retry')).toBe('true');
    await expectRefusal(refused, 503, { code: 'gateway_overloaded', message: /background requests/ });
    expect((await respond({ input: 'Hi' })).status).toBe(200);
    calmDown();
    await eventually(
      'background requests are taken again',
      async () => (await inBackground()).status,
      (status) => status === 200,
    );
  }, 60_000);

  test('refuses all new turns when it is critical, in each dialect, and still answers probes', async () => {
    await start({ heavy_ms: 100, critical_ms: 100 });
    const socket = await SocketClient.open(journey.gateway);
    block();
    await refusedWith('gateway_overloaded', () => respond({ input: 'Hi' }));
    journey.provider.reset();
    for (const dialect of DIALECTS) {
      const body = question(dialect, 'Hi');
      for (const stream of [false, true]) {
        const refused = await journey.gateway.post(PATHS[dialect], {
          model: 'openai/say-2',
          stream,
          ...body,
        });
        expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
        await expectRefusal(refused, 503, { code: 'gateway_overloaded' });
      }
    }
    expect(await socket.ask({ model: 'openai/say-2', input: 'Hi' })).toMatchObject({
      code: 'gateway_overloaded',
    });
    expect((await fetch(`${journey.gateway.url}/health`)).status).toBe(200);
    expect((await journey.gateway.fetch('/v1/models')).status).toBe(200);
    expect(journey.provider.requests).toEqual([]);
    socket.close();
  }, 60_000);

  test('does not notice a single long pause', async () => {
    await start({ heavy_ms: 100, critical_ms: 100 });
    const end = performance.now() + 1_000;
    while (performance.now() < end);
    await Bun.sleep(1);
    expect((await respond({ input: 'Hi' })).status).toBe(200);
  });
});
