import { afterAll, expect, test } from 'bun:test';
import { DIALECTS } from '../harness/dialects.ts';
import { spawnGateway } from '../harness/gateway.ts';
import { startProvider } from '../simulators/provider/provider.ts';
import { type ClientKind, ScriptedClient } from './scripted-client.ts';
import { Upstream } from './upstream.ts';

const FOLLOW_UPS = 10_000;
const IN_PARALLEL = 40;
/** The first turn is not counted, because it follows no other. */
const FOLLOW_UPS_PER_CLIENT = 25;

const upstream = new Upstream(startProvider({ keep: 100_000 }));
const gateway = await spawnGateway({ provider: upstream.provider.url });
afterAll(async () => {
  await gateway.stop();
  upstream.provider.stop();
});

const CLIENT_KINDS: ClientKind[] = (['groq', 'openai', 'anthropic', 'gemini'] as const).flatMap((provider) =>
  [true, false].flatMap((stream) => DIALECTS.map((dialect) => ({ dialect, stream, provider }))),
);

test('a follow-up in the tick of the terminal event always includes the turn before it', async () => {
  const misses: unknown[] = [];
  let followUps = 0;
  const converse = async (client: ScriptedClient) => {
    for (let turn = 0; turn <= FOLLOW_UPS_PER_CLIENT; turn++) {
      const attempt = await client.turn(gateway);
      const sent = upstream.contextOf(attempt.user);
      if (!attempt.completed || !Bun.deepEquals(sent, attempt.context)) {
        misses.push({ ...client.kind, ...attempt, sent });
        return;
      }
      if (turn > 0) followUps++;
    }
  };
  const clients = Array.from(
    { length: FOLLOW_UPS / FOLLOW_UPS_PER_CLIENT },
    (_, index) => new ScriptedClient(CLIENT_KINDS[index % CLIENT_KINDS.length]!),
  );
  while (clients.length > 0) {
    await Promise.all(clients.splice(0, IN_PARALLEL).map(converse));
    upstream.forget();
  }
  expect(misses).toEqual([]);
  expect(followUps).toBe(FOLLOW_UPS);
}, 120_000);
