import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { KillRun, type KillSummary } from '../faults/kill/run.ts';
import { temporaryDirectory } from '../harness/gateway.ts';

/**
 * The long form of `tests/faults/kill.test.ts` and, with `--workers 4`, of `tests/faults/kill-workers.test.ts`:
 * `npm run test:kill -- --kills 1000`.
 */
const { values } = parseArgs({
  options: { kills: { type: 'string', default: '500' }, workers: { type: 'string', default: '1' } },
});
const kills = Number(values.kills);
const dataDir = temporaryDirectory();
const startedAt = performance.now();

function line({ kills: done, answered, survivors, fates, violations }: KillSummary): string {
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  return (
    `${done}/${kills} kills in ${seconds} s; ${answered} turns answered, ${survivors} of them open at a kill: ` +
    `${fates.whole} whole, ${fates.rescued} rescued, ${fates.rerun} run again, ${fates.begun} not called before, ` +
    `${fates.closed} closed; ${violations.length} violations`
  );
}

let printed = 0;
const summary = await new KillRun(dataDir, Number(values.workers)).run(kills, (soFar) => {
  for (const violation of soFar.violations.slice(printed)) console.log(`VIOLATION: ${violation}`);
  printed = soFar.violations.length;
  console.log(line(soFar));
});
console.log(`\n${line(summary)}`);
for (const [point, count] of Object.entries(summary.points)) console.log(`  ${count} × ${point}`);
if (summary.violations.length > 0) {
  console.log(`The data is kept in ${dataDir}`);
  process.exit(1);
}
rmSync(dataDir, { recursive: true });
