import { afterAll, expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { temporaryDirectory } from '../harness/gateway.ts';
import { killPointsFor } from './kill/points.ts';
import { KillRun } from './kill/run.ts';

const POINTS = killPointsFor(1).length;
const dataDir = temporaryDirectory();
afterAll(() => rmSync(dataDir, { recursive: true }));

test('kill -9 at any point of a turn: every client gets its answer, once, whole and unchanged', async () => {
  const { violations, points, survivors, fates } = await new KillRun(dataDir).run(POINTS + 6);
  expect(violations).toEqual([]);
  expect(Object.keys(points)).toHaveLength(POINTS);
  // Otherwise the kills hit no running turns and the test proves nothing.
  expect(survivors).toBeGreaterThan(200);
  for (const count of Object.values(fates)) expect(count).toBeGreaterThan(0);
}, 120_000);
