import { Database } from 'bun:sqlite';
import { afterAll, expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../harness/eventually.ts';
import { spawnGateway, temporaryDirectory } from '../harness/gateway.ts';
import { startProvider } from '../simulators/provider/provider.ts';

const provider = startProvider();
const dataDir = temporaryDirectory();
afterAll(() => {
  provider.stop();
  rmSync(dataDir, { recursive: true });
});

/** As if all processes had given their last sign of life a minute ago. */
function silenceAll(): void {
  const db = new Database(join(dataDir, 'clawhold.db'));
  db.run('UPDATE members SET seen_at = seen_at - 60000');
  db.close();
}

test.each([false, true])(
  'the idempotency key of a frozen process is free again (stream: %p)',
  async (stream) => {
    const [frozen, other] = [
      await spawnGateway({ provider: provider.url, dataDir }),
      await spawnGateway({ provider: provider.url, dataDir }),
    ];
    const key = { 'idempotency-key': `key-${stream}` };
    const model = `groq/echo+once-stall-1+frozen-${stream}`;
    const body = { model, stream, messages: [{ role: 'user', content: 'Are you there?' }] };
    const first = frozen.post('/v1/chat/completions', body, key).catch(() => {});
    await eventually(
      'the provider is asked',
      () => provider.requests.some((seen) => JSON.stringify(seen.body).includes(`frozen-${stream}`)),
      Boolean,
    );
    process.kill(frozen.pid, 'SIGSTOP');
    silenceAll();
    const reply = await other.post('/v1/chat/completions', body, key);
    expect(reply.status).toBe(200);
    expect(await reply.text()).toContain('there?');
    process.kill(frozen.pid, 'SIGCONT');
    await Promise.all([frozen.kill(), first]);
    await Promise.all([frozen.stop(), other.stop()]);
  },
  20_000,
);
