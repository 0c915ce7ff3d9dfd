import { expect, test } from 'bun:test';
import { Soak } from '../soak/soak.ts';
import { STREAMS } from '../soak/streams.ts';

/** The long form, `npm run test:soak`, also checks memory. */
test.each([
  { workers: 1, atOnce: 64, streams: 600 },
  { workers: 2, atOnce: 16, streams: 360 },
])(
  'streams that are aborted, resumed, cancelled, repeated and rescued leave no resources behind: %o',
  async ({ workers, atOnce, streams }) => {
    const { byKind, resident, left, remains, failures } = await new Soak({ workers, atOnce }).run({
      streams,
    });
    expect(failures).toEqual([]);
    expect(Object.keys(byKind)).toHaveLength(STREAMS.length);
    // With several workers, there is the supervisor too.
    for (const processes of resident) expect(processes).toHaveLength(workers === 1 ? 1 : workers + 1);
    expect(Object.entries(left).filter(([, count]) => count !== 0)).toEqual([]);
    expect(remains).toEqual([]);
  },
  60_000,
);
