import { afterAll, expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { eventually } from '../harness/eventually.ts';
import { temporaryDirectory } from '../harness/gateway.ts';
import { json } from '../harness/journey.ts';
import { startProvider } from '../simulators/provider/provider.ts';
import { asList, asText, type Json } from '../simulators/provider/shape.ts';
import { RestartingGateway } from './kill/restarting-gateway.ts';

const SESSIONS = 6;
const KILLS = 8;
/** Milliseconds that a process runs, at most. */
const LIFE_MS = 250;

const dataDir = temporaryDirectory();
const provider = startProvider();
const gateways = new RestartingGateway(dataDir, provider.url);
afterAll(async () => {
  const gateway = await gateways.gateway;
  await gateway.stop();
  provider.stop();
  rmSync(dataDir, { recursive: true });
});

/** Sends turn after turn, each of which sets a value of its own, until it is stopped. Ignores what breaks. */
async function sendTurns(session: string, isStopped: () => boolean): Promise<void> {
  for (let turn = 0; !isStopped(); turn++) {
    const gateway = await gateways.gateway;
    const headers = { 'x-session-id': session, 'x-clawhold-set': `turn-${turn}=${turn}` };
    const delivery = [{}, { stream: true }, { background: true }][turn % 3];
    const body = { model: 'openai/say-3+pace-4', input: `turn-${turn}`, ...delivery };
    await gateway
      .post('/v1/responses', body, headers)
      .then((reply) => reply.text())
      .catch(() => undefined);
  }
}

async function allPages(path: string): Promise<Json[]> {
  const gateway = await gateways.gateway;
  const found: Json[] = [];
  for (let after = '', more = true; more; ) {
    const page = await json(gateway.fetch(`${path}?order=asc&limit=100${after}`));
    found.push(...asList(page.data));
    more = page.has_more === true;
    after = `&after=${asText(page.last_id)}`;
  }
  return found;
}

/** The turns of a session whose answer is complete, and the values that are set. */
async function recorded(session: string): Promise<{ answered: string[]; set: string[] }> {
  const items = await allPages(`/v1/conversations/${session}/items`);
  const answered: string[] = [];
  items.forEach((item, index) => {
    const next = items[index + 1];
    if (item.role === 'user' && next?.role === 'assistant' && next.status === 'completed')
      answered.push(asText(asList(item.content)[0]!.text));
  });
  const values = await allPages(`/v1/conversations/${session}/values`);
  for (const { version } of values) expect(version).toBe(1);
  const set = values.map(({ key }) => asText(key));
  return { answered: answered.sort(), set: set.sort() };
}

test('kill -9 at any moment: a turn and its values are stored together or not at all, once', async () => {
  await gateways.start();
  let stopped = false;
  const names = Array.from({ length: SESSIONS }, (_, index) => `kill-${index}`);
  const clients = names.map((name) => sendTurns(name, () => stopped));
  for (let kill = 0; kill < KILLS; kill++) {
    await Bun.sleep(Math.random() * LIFE_MS);
    await gateways.kill();
    await gateways.start();
  }
  stopped = true;
  await Promise.all(clients);
  let turns = 0;
  for (const name of names) {
    // Turns of the last process that was killed still run.
    const { answered } = await eventually(
      'every answered turn of the session has its value',
      () => recorded(name),
      ({ answered: done, set }) => Bun.deepEquals(done, set),
    );
    turns += answered.length;
  }
  expect(turns).toBeGreaterThan(SESSIONS * KILLS);
}, 120_000);
