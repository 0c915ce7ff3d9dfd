import { itemsTokens } from '../src/context/tokens.ts';
import { newTurnId } from '../src/core/ids.ts';
import type { Item } from '../src/core/items.ts';
import type { Accepted } from '../src/core/turn.ts';
import { DEFAULT_TENANT } from '../src/security/keys.ts';
import { digestItems, EMPTY_DIGEST } from '../src/session/history.ts';
import { FileJournal } from '../src/stores/files/journal.ts';
import { FileMembers } from '../src/stores/files/members.ts';
import { SqliteStore } from '../src/stores/sqlite/store.ts';
import { ASK, databaseOf, message, newSession } from './seed.ts';

/**
 * A process that dies while it runs turns: `bun bench/left-turns.ts <data folder> <turns>`. Each turn has a session of
 * its own. Half of them are in the background and wait; the others called their provider, which has not answered.
 */

const [dataDir, count] = [process.argv[2]!, Number(process.argv[3])];
const store = await SqliteStore.open(databaseOf(dataDir));
const members = await FileMembers.join(dataDir, store);
const journal = FileJournal.open(dataDir, members);
const input: Item[] = [message('user', 'input_text', 'What is a claw?')];

const sessions = await Promise.all(
  Array.from({ length: count }, (_, number) => store.createSession(newSession(`left-${number}`))),
);
for (const [number, { id: session }] of sessions.entries()) {
  const createdAt = Date.now();
  const accepted: Accepted = {
    ...ASK,
    ...{ id: newTurnId(session, createdAt), tenant: DEFAULT_TENANT, session, createdAt, key: 'root', input },
    dialect: 'responses',
    vocabulary: 'openai-responses',
    state: { kind: 'session', ref: { id: session }, create: false, history: false },
  };
  const position = {
    ...{ parent: null, branchTokens: 0, inputTokens: itemsTokens(input), moveHead: { from: null } },
    digest: digestItems(EMPTY_DIGEST, input),
  };
  if (number % 2 === 0) journal.begin({ ...accepted, kind: 'waiting', delivery: 'background' });
  else journal.begin({ ...accepted, kind: 'placed', position });
}
process.kill(process.pid, 'SIGKILL');
