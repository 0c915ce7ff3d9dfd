/**
 * Opens the journal in the data directory named on the command line 300 times, as if as many processes
 * started, prints each `instance` and then `done`, and stays until it is killed.
 */
import { FileJournal } from '../../../src/stores/files/journal.ts';

const [dataDir = ''] = process.argv.slice(2);
const journals = Array.from({ length: 300 }, () => FileJournal.open(dataDir));
console.log(`${journals.map(({ instance }) => instance).join('\n')}\ndone`);
await Bun.sleep(60_000);
