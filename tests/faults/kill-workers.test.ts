import { afterAll, expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { temporaryDirectory } from '../harness/gateway.ts';
import { killPointsFor } from './kill/points.ts';
import { KillRun } from './kill/run.ts';

const WORKERS = 4;
const POINTS = killPointsFor(WORKERS).length;

const dataDir = temporaryDirectory();
afterAll(() => rmSync(dataDir, { recursive: true }));

/** The long form: `npm run test:kill -- --workers 4`. */
test.skipIf(process.platform !== 'linux')(
  'kill -9 of workers and of their supervisor: every turn is answered once, and none is lost',
  async () => {
    const { violations, points, fates } = await new KillRun(dataDir, WORKERS).run(POINTS + 2);
    expect(violations).toEqual([]);
    expect(Object.keys(points)).toHaveLength(POINTS);
    // Otherwise the kills hit no running turns and the test proves nothing.
    expect(fates.rescued + fates.rerun).toBeGreaterThan(0);
  },
  120_000,
);
