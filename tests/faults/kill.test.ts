import { afterAll, expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { temporaryDirectory } from '../harness/gateway.ts';
import { KILL_POINTS } from './kill/points.ts';
import { KillRun } from './kill/run.ts';

const dataDir = temporaryDirectory();
afterAll(() => rmSync(dataDir, { recursive: true }));

test('kill -9 at any point of a turn: every client gets its answer, once, whole and unchanged', async () => {
  const { violations, points, survivors, fates } = await new KillRun(dataDir).run(KILL_POINTS.length + 6);
  expect(violations).toEqual([]);
  expect(Object.keys(points)).toHaveLength(KILL_POINTS.length);
  // Otherwise the kills hit no running turns and the test proves nothing.
  expect(survivors).toBeGreaterThan(200);
  for (const count of Object.values(fates)) expect(count).toBeGreaterThan(0);
}, 120_000);
