import { expect, test } from 'bun:test';
import { type LastMinute, together, Watch } from '../../../src/api/admin/watch.ts';

const minute = (overload: LastMinute['overload']): LastMinute => ({
  ...{ turns: 2, failed: 1, input: 30, output: 40, cost: 5, overload },
});

test('the last minute of several workers has their sums and the worst level of overload', () => {
  expect(together([minute('busy'), minute('critical'), minute('calm')])).toEqual({
    ...{ turns: 6, failed: 3, input: 90, output: 120, cost: 15, overload: 'critical' },
  });
  expect(together([minute('calm')]).overload).toBe('calm');
});

test('the last minute has the level of overload of this moment', () => {
  const watch = new Watch();
  expect(watch.lastMinute.overload).toBe('calm');
  watch.listen({ type: 'overload-changed', level: 'heavy', delayMs: 300 });
  expect(watch.lastMinute.overload).toBe('heavy');
});
