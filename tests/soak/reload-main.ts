import { parseArgs } from 'node:util';
import { ReloadSoak } from './reloads.ts';

/** The long form of `tests/faults/reloads.test.ts`: `npm run test:reloads -- --seconds 600`. */
const { values } = parseArgs({ options: { seconds: { type: 'string', default: '60' } } });
const { reloads, answers, failures, held } = await new ReloadSoak().run(Number(values.seconds));
console.log(`${reloads} reloads, ${answers} answers, ${failures.length} failures`);
for (const { counts, heap, files, timers } of held)
  console.log(
    `  ${(heap / 2 ** 20).toFixed(1)} MiB heap, ${files} files, ${timers} timers, ${JSON.stringify(counts)}`,
  );
for (const failure of new Set(failures)) console.log(`FAILURE: ${failure}`);
const [warm, , end] = held;
const isClean = Object.values(end!.counts).every((count) => count === 0) && end!.timers <= warm!.timers + 5;
const isFlat = end!.heap < 1.5 * warm!.heap && end!.files <= warm!.files + 20;
if (!isFlat) console.log('The heap or the open files grow.');
process.exit(failures.length === 0 && isClean && isFlat ? 0 : 1);
