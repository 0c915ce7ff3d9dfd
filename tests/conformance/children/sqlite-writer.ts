/**
 * A process that commits turns to the database named on the command line until it is killed, or until it
 * has committed as many as the second argument says. Prints the id of each one that was acknowledged.
 */
import { newSessionId } from '../../../src/core/ids.ts';
import { SqliteStore } from '../../../src/stores/sqlite/store.ts';
import { aTurn, faultOf } from '../turn-rows.ts';

const [path = '', limit = 'Infinity'] = process.argv.slice(2);
const store = await SqliteStore.open(path);
let begun = 0;

async function write(): Promise<void> {
  while (begun++ < Number(limit)) {
    const turn = aTurn(newSessionId(Date.now()), null, { body: JSON.stringify('x'.repeat(1000)) });
    const fault = await faultOf(store.commitTurn(turn));
    process.stdout.write(`${fault ?? turn.id}\n`);
  }
}

await Promise.all(Array.from({ length: 8 }, write));
await store.close();
