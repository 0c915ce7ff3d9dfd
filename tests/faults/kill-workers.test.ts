import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { eventually } from '../harness/eventually.ts';
import { type SpawnedGateway, spawnGateway } from '../harness/gateway.ts';
import { json } from '../harness/journey.ts';
import { startProvider } from '../simulators/provider/provider.ts';
import { asList, asText } from '../simulators/provider/shape.ts';

const WORKERS = 4;
const SESSIONS = 8;
const KILLS = 10;
const EVERY_MS = 400;

const workersOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);

/** All items of a session, oldest first. */
async function itemsOf(gateway: SpawnedGateway, session: string) {
  const items: ReturnType<typeof asList> = [];
  for (let after = ''; ; after = `&after=${items.at(-1)?.id}`) {
    const path = `/v1/conversations/${session}/items?order=asc&limit=100${after}`;
    const page = await json(gateway.fetch(path));
    items.push(...asList(page.data));
    if (page.has_more !== true) return items;
  }
}

const onLinux = test.skipIf(process.platform !== 'linux');

onLinux(
  'kill -9 of workers again and again: every turn is answered once, and none is lost',
  async () => {
    const provider = startProvider();
    const env = { CLAWHOLD_WORKERS: String(WORKERS) };
    const gateway = await spawnGateway({ provider: provider.url, env });
    let isOver = false;
    let broken = 0;

    /** Sends a request until it is answered; a request that is sent again has the same key. */
    const answered = async (session: string, turn: number): Promise<void> => {
      const headers = { 'x-session-id': session, 'idempotency-key': `${session}-${turn}` };
      const body = { model: 'openai/say-4+pace-30', input: `turn ${turn}`, stream: turn % 2 === 0 };
      for (;;) {
        try {
          const reply = await gateway.post('/v1/responses', body, headers);
          const text = await reply.text();
          if (reply.status === 200 && text.includes('"status":"completed"')) return;
        } catch {
          broken++;
        }
        await Bun.sleep(50);
      }
    };
    const conversation = async (session: string): Promise<number> => {
      let turns = 0;
      while (!isOver) await answered(session, turns++);
      return turns;
    };

    const names = Array.from({ length: SESSIONS }, (_, index) => `session-${index}`);
    const conversations = names.map(conversation);
    for (let kill = 0; kill < KILLS; kill++) {
      await Bun.sleep(EVERY_MS);
      const [one] = workersOf(gateway.pid).slice(kill % 2);
      if (one) process.kill(one, 'SIGKILL');
    }
    isOver = true;
    const counts = await Promise.all(conversations);
    // Otherwise the kills hit no running turns, and the test proves nothing.
    expect(broken).toBeGreaterThan(KILLS / 2);
    for (const [index, name] of names.entries()) {
      const items = await itemsOf(gateway, name);
      const textOf = (at: number) => asText(asList(items[at]?.content)[0]?.text);
      expect(items).toHaveLength(2 * counts[index]!);
      for (let turn = 0; turn < counts[index]!; turn++) {
        expect(textOf(2 * turn)).toBe(`turn ${turn}`);
        expect(textOf(2 * turn + 1)).toBe('word1 word2 word3 word4');
      }
    }
    await eventually(
      'all workers are back',
      () => workersOf(gateway.pid),
      ({ length }) => length === WORKERS,
    );
    await gateway.stop();
    provider.stop();
  },
  120_000,
);
