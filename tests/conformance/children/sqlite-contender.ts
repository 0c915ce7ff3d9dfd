/**
 * A process that appends turns to the session `contended` of a database, each under a lease. Takes the
 * path and how many turns; prints the id of each one that became the head, `beside` for one that did not.
 */
import { SqliteStore } from '../../../src/stores/sqlite/store.ts';
import { ACME, aTurn } from '../turn-rows.ts';

const [path = '', count = ''] = process.argv.slice(2);
const store = await SqliteStore.open(path);
const holder = `process ${process.pid}`;

for (let turns = 0; turns < Number(count); ) {
  const lease = { holder, lastsMs: 60_000 };
  const taken = await store.takeHead(ACME, { name: 'contended' }, 1, lease);
  if (!taken || 'expiresInMs' in taken) continue;
  const { session, branch, token } = taken;
  const turn = aTurn(session.id, branch?.at(-1) ?? null);
  const moved = await store.commitTurn(turn, { move: { from: session.head }, token });
  process.stdout.write(moved ? `${turn.id}\n` : 'beside\n');
  turns++;
}
await store.close();
