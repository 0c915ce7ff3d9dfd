import { expect, test } from 'bun:test';
import { ReloadSoak } from '../soak/reloads.ts';

/** The minute-long form is `npm run test:reloads`. */
test('ten reloads a second under streamed load fail no request and leave nothing behind', async () => {
  const { reloads, answers, failures, held } = await new ReloadSoak().run(6);
  const [warm, , end] = held;
  expect(failures).toEqual([]);
  expect(reloads).toBeGreaterThan(40);
  expect(answers).toBeGreaterThan(30);
  expect(end!.counts).toEqual({ running: 0, leases: 0, waiting: 0, background: 0, holds: 0, calls: 0 });
  expect(end!.timers).toBeLessThanOrEqual(warm!.timers + 5);
  expect(end!.files).toBeLessThanOrEqual(warm!.files + 20);
  expect(end!.heap).toBeLessThan(1.5 * warm!.heap);
}, 60_000);
