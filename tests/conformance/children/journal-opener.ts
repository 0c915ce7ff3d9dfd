/**
 * Joins the data folder named on the command line 300 times, as if as many processes started, prints the id of
 * each one and then `done`, and stays until it is killed.
 */
import { FileMembers } from '../../../src/stores/files/members.ts';
import { MemoryStore } from '../../../src/stores/memory/store.ts';

const [dataDir = ''] = process.argv.slice(2);
const registry = new MemoryStore();
const joined = await Promise.all(Array.from({ length: 300 }, () => FileMembers.join(dataDir, registry)));
console.log(`${joined.map(({ self }) => self).join('\n')}\ndone`);
await Bun.sleep(60_000);
