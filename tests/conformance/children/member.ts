/**
 * A process that joins a data folder, with a database as the registry, and runs one turn. Takes the folder and
 * the path of the database; prints `<its id> <the turn's id>`, then `cancelled <turn>` for each request to
 * cancel, and stays until it is killed.
 */
import { SqliteStore } from '../../../src/stores/sqlite/store.ts';
import { begin } from '../journal.ts';
import { startFileProcess } from '../shared-journals.ts';

const [dataDir = '', path = ''] = process.argv.slice(2);
const { members, journal, feed } = await startFileProcess(dataDir, await SqliteStore.open(path));
feed.onCancelRequest((turn) => console.log(`cancelled ${turn}`));
const { id } = await begin(journal);
console.log(`${members.self} ${id}`);
await Bun.sleep(60_000);
