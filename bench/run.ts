import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bodyScan } from './body-scan.ts';
import { dialects } from './dialects.ts';
import { durability } from './durability.ts';
import { durable } from './durable.ts';
import { largeBodies } from './large-bodies.ts';
import { longSession } from './long-session.ts';
import { machine } from './machine.ts';
import { observe } from './observe.ts';
import { openStreams } from './open-streams.ts';
import { PINNED, startLoad, startSimulator } from './processes.ts';
import { type Measurement, notes, table } from './report.ts';
import { restart } from './restart.ts';
import { routing } from './routing.ts';
import { EFFORTS, type Row } from './row.ts';
import { stateless } from './stateless.ts';
import { storedBytes } from './stored-bytes.ts';
import { streamed } from './streamed.ts';

const ROWS: readonly Row[] = [
  stateless,
  streamed,
  durable,
  longSession,
  restart,
  storedBytes,
  openStreams,
  durability,
  bodyScan,
  routing,
  observe,
  dialects,
  largeBodies,
];

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
  },
});
const wanted = values.only?.split(',');
const rows = ROWS.filter(({ key }) => !wanted || wanted.includes(key));
const effort = values.quick ? EFFORTS.quick : EFFORTS.full;
const startedAt = performance.now();
const measurements: Measurement[] = [];
let failed = false;
for (const row of rows) {
  console.error(`${row.key}: ${row.title}…`);
  const simulator = await startSimulator();
  const load = startLoad();
  try {
    const say = (text: string) => console.error(`   ${text}`);
    measurements.push({ row, result: await row.measure({ effort, simulator, load, say, peers: true }) });
  } catch (error) {
    // Keep the results of the other rows.
    failed = true;
    console.error(`${row.key} failed:`, error);
  } finally {
    await load.stop();
    await simulator.stop();
  }
}
const seconds = Math.round((performance.now() - startedAt) / 1000);
const text = `${table(measurements)}\n\n${notes(measurements)}\n`;
console.log(`\n${text}`);
// Only a full run with all rows is recorded.
if (!wanted && !values.quick && !failed) {
  const page = join(import.meta.dir, '../docs/benchmarks.md');
  await Bun.write(page, (await record(text, seconds)) + sections(await Bun.file(page).text()));
  console.log(`Written to ${page}.`);
}

if (failed) process.exit(1);

async function record(text: string, seconds: number): Promise<string> {
  const facts = (await machine()).map((fact) => `- ${fact}`).join('\n');
  const cores = PINNED
    ? 'The measured program runs on the first core; simulator and load generator run on the second.'
    : 'No process is bound to a core: this machine has only one, or no `taskset`.';
  const date = new Date().toISOString().slice(0, 10);
  return `# Benchmarks\n\nWritten by \`npm run bench\` on ${date} in ${seconds} s. Run it to measure your own machine. ${cores} [bench/README.md](../bench/README.md) explains each row.\n\n${facts}\n\n${text}`;
}

/** The page's own sections: other programs measure what they tell. */
function sections(page: string): string {
  const first = page.indexOf('\n## ');
  return first === -1 ? '' : page.slice(first);
}
