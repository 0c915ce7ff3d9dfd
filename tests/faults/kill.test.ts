import { afterAll, expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { temporaryDirectory } from '../harness/gateway.ts';
import { KillRun } from './kill-run.ts';

const dataDir = temporaryDirectory();
afterAll(() => rmSync(dataDir, { recursive: true }));

test('kill -9 at any point of a turn loses nothing, doubles nothing and invents nothing', async () => {
  const { violations, kills, acknowledged, fates } = await new KillRun(dataDir).run(28);
  expect(violations).toEqual([]);
  expect(kills).toBe(28);
  // Otherwise the kills struck nothing and the test proves nothing.
  expect(acknowledged).toBeGreaterThan(28 * 8);
  expect(fates.empty).toBeGreaterThan(0);
  expect(fates.partial).toBeGreaterThan(0);
}, 60_000);
