import { type Bounds, LabelValues } from './label-values.ts';

/** A count that only grows, a value of the moment, or the distribution of observed values. */
export type MetricKind = 'counter' | 'gauge' | 'histogram';

/** One time series of a metric, at the moment of reading. */
export interface Series {
  /** In the order of the metric's label names. An empty value means that the series does not have the label. */
  readonly labels: readonly string[];
  /** Of a counter or a gauge; for a histogram the sum of what was observed. */
  readonly value: number;
  /** Only of a histogram: how many values were at most as large as each bound, and larger than the one before. */
  readonly buckets?: readonly number[];
}

/** A metric as exporters read it. */
export interface Metric {
  readonly kind: MetricKind;
  /** With the unit, and `_total` for a counter (Prometheus, "Metric and label naming"). */
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  /** Upper bounds of a histogram's buckets, without the infinite one. */
  readonly bounds?: readonly number[];
  series(): Series[];
}

/** Upper bounds of buckets of histograms: of what people wait for, and of the gateway's own work. Seconds. */
export const WAITS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600];
export const WORK = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

interface Description {
  name: string;
  help: string;
  labels?: readonly string[];
}

/** The most series of one metric; further ones are counted together, with `other` as every label. */
const MOST_SERIES = 2_000;
const FIRST_ROOM = 16;

type Level = Map<string, Level | number>;

/** Rows of numbers in one typed array, one row for each combination of labels. A known row costs a look-up per label. */
class Rows {
  readonly labels: string[][] = [];
  private readonly root: Level = new Map();
  private cells: Float64Array;

  constructor(
    private readonly width: number,
    private readonly values: readonly LabelValues[],
  ) {
    this.cells = new Float64Array(width * (values.length === 0 ? 1 : FIRST_ROOM));
    if (values.length === 0) this.labels.push([]);
  }

  get numbers(): Float64Array {
    return this.cells;
  }

  /** Where the row of these labels begins. */
  at(first?: string, second?: string, third?: string): number {
    if (first === undefined) return 0;
    let found = this.root.get(first);
    if (found !== undefined && second !== undefined) found = (found as Level).get(second);
    if (found !== undefined && third !== undefined) found = (found as Level).get(third);
    if (found !== undefined) return found as number;
    return this.add([first, second, third].filter((label) => label !== undefined));
  }

  /** A new row; or the row of `other`, where a label has too many values. Unknown values are not remembered then. */
  private add(asked: readonly string[]): number {
    const admitted = asked.map((value, index) => this.values[index]!.admit(value));
    const labels = this.labels.length < MOST_SERIES ? admitted : admitted.map(() => LabelValues.OTHER);
    const known = this.find(labels);
    if (known !== undefined) return known;
    const at = this.labels.length * this.width;
    this.labels.push(labels);
    if (at + this.width > this.cells.length) this.grow();
    this.remember(labels, at);
    return at;
  }

  private find(labels: readonly string[]): number | undefined {
    let found: Level | number | undefined = this.root;
    for (const label of labels) found = found === undefined ? undefined : (found as Level).get(label);
    return found as number | undefined;
  }

  private remember(labels: readonly string[], at: number): void {
    let level = this.root;
    for (const label of labels.slice(0, -1)) {
      const next = (level.get(label) as Level | undefined) ?? new Map();
      level.set(label, next);
      level = next;
    }
    level.set(labels.at(-1)!, at);
  }

  private grow(): void {
    const larger = new Float64Array(2 * this.cells.length);
    larger.set(this.cells);
    this.cells = larger;
  }
}

/** A metric has at most three labels: the look-ups are written out, because they are on the path of every turn. */
export class Counter implements Metric {
  readonly kind = 'counter';
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  private readonly rows: Rows;

  constructor({ name, help, labels = [] }: Description, bounds: Bounds) {
    this.name = name;
    this.help = help;
    this.labelNames = labels;
    this.rows = new Rows(
      1,
      labels.map((label) => bounds.of(label)),
    );
  }

  add(amount: number, first?: string, second?: string, third?: string): void {
    const at = this.rows.at(first, second, third);
    this.rows.numbers[at]! += amount;
  }

  series(): Series[] {
    const { labels, numbers } = this.rows;
    return labels.map((row, index) => ({ labels: row, value: numbers[index]! }));
  }
}

/** The distribution of observed values. */
class Histogram implements Metric {
  readonly kind = 'histogram';
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  private readonly rows: Rows;

  constructor(
    { name, help, labels = [] }: Description,
    readonly bounds: readonly number[],
    labelBounds: Bounds,
  ) {
    this.name = name;
    this.help = help;
    this.labelNames = labels;
    // A count for each bound, one for what is larger than all of them, and the sum.
    this.rows = new Rows(
      bounds.length + 2,
      labels.map((label) => labelBounds.of(label)),
    );
  }

  observe(value: number, first?: string, second?: string, third?: string): void {
    const { bounds, rows } = this;
    const at = rows.at(first, second, third);
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]!) bucket++;
    const { numbers } = rows;
    numbers[at + bucket]! += 1;
    numbers[at + bounds.length + 1]! += value;
  }

  series(): Series[] {
    const { labels, numbers } = this.rows;
    const width = this.bounds.length + 2;
    return labels.map((row, index) => {
      const at = index * width;
      const buckets = [...numbers.subarray(at, at + width - 1)];
      return { labels: row, value: numbers[at + width - 1]!, buckets };
    });
  }
}

/** A value that is read when the metrics are read. */
class Gauge implements Metric {
  readonly kind = 'gauge';
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];

  constructor(
    { name, help, labels = [] }: Description,
    private readonly read: () => Iterable<readonly [value: number, ...labels: string[]]>,
  ) {
    this.name = name;
    this.help = help;
    this.labelNames = labels;
  }

  series(): Series[] {
    return Array.from(this.read(), ([value, ...labels]) => ({ labels, value }));
  }
}

/** All metrics of the gateway. Observing is cheap: texts are made only when the metrics are read. */
export class Registry {
  private readonly registered: Metric[] = [];

  constructor(private readonly bounds: Bounds) {}

  get metrics(): readonly Metric[] {
    return this.registered;
  }

  counter(name: string, help: string, ...labels: string[]): Counter {
    return this.add(new Counter({ name, help, labels }, this.bounds));
  }

  histogram(name: string, help: string, bounds: readonly number[], ...labels: string[]): Histogram {
    return this.add(new Histogram({ name, help, labels }, bounds, this.bounds));
  }

  /** `read` gives the values of the moment, each with its labels; few enough for a metric. */
  gauge(
    name: string,
    help: string,
    read: () => number | Iterable<readonly [number, ...string[]]>,
    ...labels: string[]
  ): void {
    const rows = (): Iterable<readonly [number, ...string[]]> => {
      const value = read();
      return typeof value === 'number' ? [[value]] : value;
    };
    this.add(new Gauge({ name, help, labels }, rows));
  }

  /** A count that another part keeps, and that only grows. */
  count(name: string, help: string, read: () => number): void {
    this.add({ kind: 'counter', name, help, labelNames: [], series: () => [{ labels: [], value: read() }] });
  }

  private add<Added extends Metric>(metric: Added): Added {
    this.registered.push(metric);
    return metric;
  }
}
