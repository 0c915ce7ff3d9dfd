import { parseArgs } from 'node:util';
import { Soak, type SoakSummary } from './soak.ts';

/** The long form of `tests/faults/soak.test.ts`: `npm run test:soak -- --streams 100000`. */
const { values } = parseArgs({ options: { streams: { type: 'string', default: '30000' } } });
const streams = Number(values.streams);
const startedAt = performance.now();

function line({ streams: done, rss, failures }: SoakSummary): string {
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  return `${done}/${streams} streams in ${seconds} s; ${rss.at(-1)} MB resident; ${failures.length} failures`;
}

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

const { rss, left, byKind, failures } = await new Soak().run(streams, (soFar) => console.log(line(soFar)));
const third = Math.floor(rss.length / 3);
const [middle, last] = [median(rss.slice(third, 2 * third)), median(rss.slice(2 * third))];
for (const [kind, count] of Object.entries(byKind)) console.log(`  ${count} × ${kind}`);
console.log(`Resident memory: ${middle} MB in the second third, ${last} MB in the last.`);
console.log(`Left: ${JSON.stringify(left)}`);
for (const failure of new Set(failures)) console.log(`FAILURE: ${failure}`);
const { segments, ...held } = left;
const isClean = failures.length === 0 && segments <= 1 && Object.values(held).every((count) => count === 0);
const isFlat = last <= 1.1 * middle;
if (!isFlat) console.log('Memory grows.');
process.exit(isClean && isFlat ? 0 : 1);
