import { Database } from 'bun:sqlite';
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../harness/eventually.ts';
import { type SpawnedGateway, spawnGateway, temporaryDirectory } from '../harness/gateway.ts';
import { type Provider, startProvider } from '../simulators/provider/provider.ts';

setDefaultTimeout(60_000);

/** More than are looked up together. */
const TURNS = 1_200;

let provider: Provider;
let dataDir: string;
let gateway: SpawnedGateway;

beforeAll(async () => {
  provider = startProvider();
  dataDir = temporaryDirectory();
  const dying = join(import.meta.dir, '../../bench/left-turns.ts');
  await Bun.spawn([process.execPath, dying, dataDir, String(TURNS)], { stderr: 'inherit' }).exited;
  gateway = await spawnGateway({ provider: provider.url, dataDir });
});
afterAll(async () => {
  await gateway.stop();
  provider.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

/** Runs first: the turns of the dead process are being taken over now. */
test('a request that comes at once has the turn of the dead process before it', async () => {
  const last = TURNS - 1;
  const replies = await Promise.all(
    [last, last - 1].map((number) =>
      gateway.post(
        '/v1/chat/completions',
        { model: 'openai/say-5', messages: [{ role: 'user', content: `And then, ${number}?` }] },
        { 'x-session-id': `left-${number}` },
      ),
    ),
  );
  expect(replies.map(({ status }) => status)).toEqual([200, 200]);
  for (const number of [last, last - 1]) {
    const sent = provider.requests.find(({ body }) => JSON.stringify(body).includes(`And then, ${number}?`));
    const { messages } = sent!.body as { messages: Array<{ role: string }> };
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
  }
});

test('every turn ends with its answer, once', async () => {
  const log = new Database(join(dataDir, 'clawhold.db'), { readonly: true });
  const states = log.query<{ state: number; turns: number; sessions: number }, []>(
    'SELECT state, count(*) AS turns, count(DISTINCT session) AS sessions FROM turns GROUP BY state',
  );
  const asked = 2;
  const ended = await eventually(
    'all turns have ended',
    () => states.all(),
    (seen) => seen.reduce((sum, { turns }) => sum + turns, 0) === TURNS + asked,
    30_000,
  );
  expect(ended).toEqual([{ state: 0, turns: TURNS + asked, sessions: TURNS }]);
  log.close();
  expect(provider.requests.filter(({ method }) => method === 'POST')).toHaveLength(TURNS + asked);
});
