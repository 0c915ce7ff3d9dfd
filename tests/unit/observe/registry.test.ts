import { describe, expect, test } from 'bun:test';
import { exposition } from '../../../src/observe/metrics/exposition.ts';
import { Bounds } from '../../../src/observe/metrics/label-values.ts';
import { Registry } from '../../../src/observe/metrics/registry.ts';

const registry = (most: Record<string, number> = {}) => new Registry(new Bounds(most, 64));

describe('a metric', () => {
  test('counts for each combination of labels, however many there are', () => {
    const metrics = registry();
    const counter = metrics.counter('a_total', 'A.', 'x', 'y', 'z');
    for (let round = 0; round < 3; round++)
      for (let index = 0; index < 50; index++) counter.add(index, 'x', `y${index}`, `z${index % 2}`);
    const series = counter.series();
    expect(series).toHaveLength(50);
    expect(series[7]).toEqual({ labels: ['x', 'y7', 'z1'], value: 21 });
  });

  test('puts a value into the first bucket that holds it', () => {
    const histogram = registry().histogram('a_seconds', 'A.', [1, 2]);
    for (const value of [0.5, 1, 1.5, 2, 3]) histogram.observe(value);
    expect(histogram.series()).toEqual([{ labels: [], value: 8, buckets: [2, 2, 1] }]);
  });

  test('has a bounded number of values for a label, and counts nothing twice', () => {
    const metrics = registry({ model: 3 });
    const counter = metrics.counter('a_total', 'A.', 'provider', 'model');
    for (let index = 0; index < 1_000; index++) counter.add(1, 'p', `m${index}`);
    expect(counter.series().map(({ labels, value }) => [labels[1], value])).toEqual([
      ['m0', 1],
      ['m1', 1],
      ['m2', 1],
      ['other', 997],
    ]);
    // Another metric knows the same models.
    const second = metrics.counter('b_total', 'B.', 'model');
    second.add(1, 'm999');
    second.add(1, 'm2');
    expect(second.series().map(({ labels }) => labels[0])).toEqual(['other', 'm2']);
  });

  test('cuts a long value', () => {
    const counter = registry().counter('a_total', 'A.', 'model');
    counter.add(1, 'm'.repeat(10_000));
    expect(counter.series()[0]!.labels[0]).toHaveLength(128);
  });
});

describe('the text', () => {
  const metrics = registry();
  metrics.counter('a_total', 'Says "a"\nand \\.', 'x', 'y').add(2, 'q"\\\n', '');
  metrics.histogram('b_seconds', 'B.', [0.1], 'x').observe(0.05, 'v');
  metrics.gauge('c_bytes', 'C.', () => Number.POSITIVE_INFINITY);

  test('escapes what has to be escaped, and leaves empty labels out', () => {
    expect(exposition(metrics.metrics, 'prometheus')).toBe(`# HELP a_total Says "a"\\nand \\\\.
# TYPE a_total counter
a_total{x="q\\"\\\\\\n"} 2
# HELP b_seconds B.
# TYPE b_seconds histogram
b_seconds_bucket{x="v",le="0.1"} 1
b_seconds_bucket{x="v",le="+Inf"} 1
b_seconds_sum{x="v"} 0.05
b_seconds_count{x="v"} 1
# HELP c_bytes C.
# TYPE c_bytes gauge
c_bytes +Inf
`);
  });

  test('names a family of counters without its ending in OpenMetrics', () => {
    const text = exposition(metrics.metrics, 'openmetrics');
    expect(text).toStartWith('# HELP a Says \\"a\\"\\nand \\\\.\n# TYPE a counter\na_total{');
    expect(text).toEndWith('c_bytes +Inf\n# EOF\n');
  });
});
