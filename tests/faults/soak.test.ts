import { expect, test } from 'bun:test';
import { Soak } from '../soak/soak.ts';
import { STREAMS } from '../soak/streams.ts';

/** The long form, `npm run test:soak`, also checks memory. */
test('streams that are aborted, resumed, cancelled, repeated and rescued leave no resources behind', async () => {
  const { byKind, left, failures } = await new Soak().run(600);
  expect(failures).toEqual([]);
  expect(Object.keys(byKind)).toHaveLength(STREAMS.length);
  const nothing = { running: 0, leases: 0, waiting: 0, background: 0, holds: 0, calls: 0 };
  expect(left).toEqual({ ...nothing, segments: 1, sockets: 0 });
}, 60_000);
