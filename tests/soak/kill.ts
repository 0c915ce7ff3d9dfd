import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { KillRun, type KillSummary } from '../faults/kill-run.ts';
import { temporaryDirectory } from '../harness/gateway.ts';

/** The long form of `tests/faults/kill.test.ts`: `npm run test:kill -- --kills 1000`. */
const { values } = parseArgs({ options: { kills: { type: 'string', default: process.env.KILLS ?? '300' } } });
const kills = Number(values.kills);
const dataDir = temporaryDirectory();

const line = ({ kills: done, acknowledged, fates, violations }: KillSummary) =>
  `${done}/${kills} kills; ${acknowledged} turns acknowledged; unfinished: ${fates.unknown} before the intent, ` +
  `${fates.empty} closed empty, ${fates.partial} closed with a part, ${fates.unheard} whole but unheard; ` +
  `${violations.length} violations`;

const summary = await new KillRun(dataDir).run(kills, (soFar) => {
  if (soFar.kills % 10 === 0) console.log(line(soFar));
});
console.log(`\n${line(summary)}`);
for (const [point, count] of Object.entries(summary.byPoint)) console.log(`  ${count} × ${point}`);
for (const violation of summary.violations) console.log(`VIOLATION: ${violation}`);
if (summary.violations.length > 0) {
  console.log(`The data is kept in ${dataDir}`);
  process.exit(1);
}
rmSync(dataDir, { recursive: true });
