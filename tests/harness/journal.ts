import { join } from 'node:path';
import { FileJournal } from '../../src/stores/files/journal.ts';
import { FileMembers } from '../../src/stores/files/members.ts';
import { SqliteStore } from '../../src/stores/sqlite/store.ts';

/** The turns that a start on this directory would find unfinished; no gateway may run on it. */
export async function unfinishedTurns(dataDir: string): Promise<string[]> {
  const registry = await SqliteStore.open(join(dataDir, 'clawhold.db'));
  const members = await FileMembers.join(dataDir, registry);
  const journal = FileJournal.open(dataDir, members);
  const turns = await journal.inherit();
  await journal.close();
  await members.leave();
  await registry.close();
  return turns.map(({ intent }) => intent.id);
}
