import { Database } from 'bun:sqlite';
import { afterAll, expect, test } from 'bun:test';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../harness/eventually.ts';
import { type SpawnedGateway, spawnGateway, temporaryDirectory } from '../harness/gateway.ts';
import { sent } from '../harness/upstream.ts';
import { startProvider } from '../simulators/provider/provider.ts';

const KILLS = 4;
const TURNS = 120;
/** Vectors come slowly, so that kills meet the work in all its states. */
const YAML = `context: { embeddings: openai/delay-40 }
claws: { openai: { models: [{ id: say-3, context: 8000 }] } }
`;
const FILLER = 'We walked along the harbour and talked about the weather, trains and music. '.repeat(6);
const FACT = 'The code of the garage door is 4711.';

const dataDir = temporaryDirectory();
const provider = startProvider();
let gateway: SpawnedGateway;
afterAll(async () => {
  await gateway.stop();
  provider.stop();
  rmSync(dataDir, { recursive: true });
});

const start = async (): Promise<void> => {
  gateway = await spawnGateway({ dataDir, provider: provider.url, yaml: YAML });
};

async function say(content: string): Promise<void> {
  const body = { model: 'openai/say-3', messages: [{ role: 'user', content }], max_tokens: 100 };
  const reply = await gateway.post('/v1/chat/completions', body, { 'x-session-id': 'long' });
  expect(reply.status).toBe(200);
  await reply.text();
}

const read = <Row>(file: string, sql: string): Row[] => {
  const path = join(dataDir, file);
  if (!existsSync(path)) return [];
  const db = new Database(path);
  try {
    return db.query<Row, []>(sql).all();
  } catch {
    // The table is being made.
    return [];
  } finally {
    db.close();
  }
};

const turnsInLog = () =>
  read<{ id: string }>('clawhold.db', 'SELECT session || id AS id FROM turns').map(({ id }) => id);
const vectors = () =>
  read<{ turn: string; passage: string; size: number }>(
    'derived.db',
    'SELECT turn, passage, length(vector) AS size FROM vectors',
  );

test(`after ${KILLS} kills during indexing, every passage has one vector`, async () => {
  await start();
  let counts: number[] = [];
  await say(FACT);
  for (let turn = 1, kills = 0; turn < TURNS; turn++) {
    await say(`Day ${turn}. ${FILLER}`);
    if (turn % Math.floor(TURNS / KILLS) !== 0 || kills === KILLS) continue;
    // At the moments of a call, of the write after it, and between them.
    await Bun.sleep(13 * kills++);
    await gateway.kill();
    counts = [...counts, vectors().length];
    // A passage that has no vector yet is found all the same.
    await start();
    await say('Which code opens the garage door?');
    expect(sent(provider.requests.at(-1)).join('\n')).toContain(FACT);
  }
  const expected = turnsInLog()
    .flatMap((turn) => [`${turn} i0.0`, `${turn} o0.0`])
    .sort();
  const found = await eventually(
    'all passages have vectors',
    vectors,
    (rows) => rows.length >= expected.length,
  );
  expect(found.map(({ turn, passage }) => `${turn} ${passage}`).sort()).toEqual(expected);
  expect(new Set(found.map(({ size }) => size))).toEqual(new Set([64]));
  // Something was made before the last kill, and not everything: the kills met the work.
  expect(counts.at(-1)).toBeGreaterThan(0);
  expect(counts.at(-1)).toBeLessThan(expected.length);
  expect(read<{ integrity_check: string }>('derived.db', 'PRAGMA integrity_check')).toEqual([
    { integrity_check: 'ok' },
  ]);
}, 60_000);
