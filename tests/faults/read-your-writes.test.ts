import { afterAll, expect, test } from 'bun:test';
import { spawnGateway } from '../harness/gateway.ts';
import { startProvider } from '../simulators/provider/provider.ts';
import { type Manner, Talk } from './talk.ts';
import { Upstream } from './upstream.ts';

const FOLLOW_UPS = 10_000;
const IN_PARALLEL = 40;
/** After its first turn, which follows nothing. */
const FOLLOW_UPS_PER_TALK = 25;

const upstream = new Upstream(startProvider({ keep: 100_000 }));
const gateway = await spawnGateway({ provider: upstream.provider.url });
afterAll(async () => {
  await gateway.stop();
  upstream.provider.stop();
});

const MANNERS: Manner[] = (['groq', 'openai', 'anthropic', 'gemini'] as const).flatMap((provider) =>
  [true, false].flatMap((stream) =>
    (['chat', 'responses'] as const).map((dialect) => ({ dialect, stream, provider })),
  ),
);

test('a follow-up in the tick of the terminal event always has the turn before it', async () => {
  const misses: unknown[] = [];
  let followUps = 0;
  const converse = async (talk: Talk) => {
    for (let turn = 0; turn <= FOLLOW_UPS_PER_TALK; turn++) {
      const attempt = await talk.turn(gateway);
      const sent = upstream.contextOf(attempt.user);
      if (!attempt.completed || !Bun.deepEquals(sent, attempt.context)) {
        misses.push({ ...talk.manner, ...attempt, sent });
        return;
      }
      if (turn > 0) followUps++;
    }
  };
  const talks = Array.from(
    { length: FOLLOW_UPS / FOLLOW_UPS_PER_TALK },
    (_, index) => new Talk(MANNERS[index % MANNERS.length]!),
  );
  while (talks.length > 0) {
    await Promise.all(talks.splice(0, IN_PARALLEL).map(converse));
    upstream.forget();
  }
  expect(misses).toEqual([]);
  expect(followUps).toBe(FOLLOW_UPS);
}, 120_000);
