import { expect, test } from 'bun:test';
import { Gathered, readingsOf, sumOf } from '../../../src/observe/metrics/gathered.ts';
import { Bounds } from '../../../src/observe/metrics/label-values.ts';
import { Registry } from '../../../src/observe/metrics/registry.ts';

function worker(turns: number, seconds: number, level: number) {
  const registry = new Registry(new Bounds({}, 10));
  registry.counter('turns_total', 'Turns.', 'state').add(turns, 'completed');
  registry.histogram('seconds', 'Time.', [1, 2]).observe(seconds);
  registry.gauge('clawhold_overload_level', 'Level.', () => level);
  registry.gauge('running', 'Turns that run.', () => turns);
  return structuredClone(readingsOf(registry.metrics));
}

const shown = (readings: ReturnType<typeof worker>) =>
  Object.fromEntries(
    readings.map(({ name, read }) => [name, read.map(({ value, buckets }) => buckets ?? value)]),
  );

test('counts and buckets are added up, and of a level the worst counts', () => {
  const readings = readingsOf(sumOf([worker(2, 0.5, 3), worker(5, 1.5, 1)]));
  expect(shown(readings)).toEqual({
    turns_total: [7],
    seconds: [[1, 1, 0]],
    clawhold_overload_level: [3],
    running: [7],
  });
});

test('counts of a process that has ended stay; what it held does not', () => {
  const gathered = new Gathered<string>();
  gathered.put('first', worker(2, 0.5, 3));
  gathered.put('second', worker(5, 1.5, 1));
  gathered.leave('first');
  gathered.put('third', worker(1, 3, 0));
  gathered.leave('third');
  expect(shown(gathered.readings)).toEqual({
    turns_total: [8],
    seconds: [[1, 1, 1]],
    clawhold_overload_level: [1],
    running: [5],
  });
});
