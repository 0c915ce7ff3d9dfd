/**
 * A process that journals turns in the data directory named on the command line until it is killed. Four
 * turns run at a time and get nine deltas each; every seventh turn never ends. Prints what was accepted
 * (`begin <turn>`, `delta <turn>`, `end <turn>`) and `refused` for what was not, then `done` if a number
 * of rounds was given.
 */
import { Fault } from '../../../src/core/errors.ts';
import { FileJournal } from '../../../src/stores/files/journal.ts';
import { anIntent, textDelta } from '../journal.ts';

const [dataDir = '', segmentBytes = '', rounds = 'Infinity'] = process.argv.slice(2);
const journal = FileJournal.open(dataDir, Number(segmentBytes));
let printed = '';

function accepted(what: string, write: () => void): boolean {
  try {
    write();
    printed += `${what}\n`;
    return true;
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'store_unavailable') throw error;
    printed += 'refused\n';
    return false;
  }
}

for (let round = 0; round < Number(rounds); round++) {
  const intents = Array.from({ length: 4 }, (_, place) => anIntent(4 * round + place));
  const begun = intents.filter((intent) => accepted(`begin ${intent.id}`, () => journal.begin(intent)));
  for (let n = 0; n < 9; n++) {
    const delta = textDelta(`${n} `.repeat(40));
    for (const { id } of begun) accepted(`delta ${id}`, () => journal.append(id, [delta]));
  }
  for (const { id, createdAt } of begun)
    if (createdAt % 7 !== 0) accepted(`end ${id}`, () => journal.end(id));
  process.stdout.write(printed);
  printed = '';
  if (round % 10 === 0) await Bun.sleep(1);
}
console.log('done');
await Bun.sleep(60_000);
