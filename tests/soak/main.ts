import { parseArgs } from 'node:util';
import { Soak, type SoakLength, type SoakSummary } from './soak.ts';

/**
 * The long form of `tests/faults/soak.test.ts`: `npm run test:soak -- --streams 100000`, and with workers
 * `npm run test:soak -- --workers 4 --minutes 30`.
 */
const { values } = parseArgs({
  options: {
    streams: { type: 'string' },
    minutes: { type: 'string' },
    workers: { type: 'string', default: '1' },
    'at-once': { type: 'string' },
  },
});
const workers = Number(values.workers);
const atOnce = Number(values['at-once'] ?? (workers === 1 ? 64 : 10));
const length = lengthOf(values.streams, values.minutes);
const startedAt = performance.now();

function lengthOf(streams?: string, minutes?: string): SoakLength {
  if (minutes === undefined) return { streams: Number(streams ?? 30_000) };
  return { streams: streams === undefined ? undefined : Number(streams), ms: Number(minutes) * 60_000 };
}

const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MB`;
const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

/** The part of the run that is done, from 0 to 1. */
const doneOf = ({ streams }: SoakSummary): number =>
  Math.max(
    streams / (length.streams ?? Number.POSITIVE_INFINITY),
    (performance.now() - startedAt) / (length.ms ?? Number.POSITIVE_INFINITY),
  );

function line(summary: SoakSummary): string {
  const { streams, resident, failures } = summary;
  const seconds = (performance.now() - startedAt) / 1000;
  const left = Math.max(0, seconds / doneOf(summary) - seconds);
  const now = resident.at(-1)!;
  return (
    `${streams} streams in ${Math.round(seconds)} s, ${Math.round(left)} s left; ${mebibytes(sum(now))} resident ` +
    `(${now.map(mebibytes).join(', ')}); ${failures.length} failures`
  );
}

let printed = 0;
const summary = await new Soak({ workers, atOnce }).run(length, (soFar) => {
  if (doneOf(soFar) < printed + 0.025) return;
  printed = doneOf(soFar);
  console.log(line(soFar));
});
const { resident, left, remains, byKind, failures } = summary;
for (const [kind, count] of Object.entries(byKind)) console.log(`  ${count} × ${kind}`);

const third = Math.floor(resident.length / 3);
const thirds = [0, 1, 2].map((index) => resident.slice(index * third, (index + 1) * third));
for (const [index, samples] of thirds.entries()) {
  const each = samples[0]!.map((_, process) => median(samples.map((sample) => sample[process] ?? 0)));
  console.log(
    `Resident memory in third ${index + 1}: ${mebibytes(median(samples.map(sum)))} (${each.map(mebibytes).join(', ')})`,
  );
}
console.log(`Left: ${JSON.stringify(left)}`);
for (const remain of remains) console.log(`LEFT: ${remain}`);
for (const failure of new Set(failures)) console.log(`FAILURE: ${failure}`);
const [middle, last] = thirds.slice(1).map((samples) => median(samples.map(sum)));
const isClean =
  failures.length === 0 && remains.length === 0 && Object.values(left).every((count) => count === 0);
const isFlat = last! <= 1.1 * middle!;
if (!isFlat) console.log('Memory grows.');
process.exit(isClean && isFlat ? 0 : 1);
