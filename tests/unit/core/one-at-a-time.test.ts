import { expect, test } from 'bun:test';
import { oneAtATime } from '../../../src/core/one-at-a-time.ts';

test('calls during a run share one further run, also after one that failed', async () => {
  const runs: PromiseWithResolvers<number>[] = [];
  const call = oneAtATime(() => {
    const run = Promise.withResolvers<number>();
    runs.push(run);
    return run.promise;
  });
  const first = call();
  await Bun.sleep(0);
  const others = [call(), call()];
  await Bun.sleep(0);
  expect(runs).toHaveLength(1);
  runs[0]!.reject(new Error('it failed'));
  await expect(first).rejects.toThrow('it failed');
  await Bun.sleep(0);
  expect(runs).toHaveLength(2);
  runs[1]!.resolve(2);
  expect(await Promise.all(others)).toEqual([2, 2]);
});
