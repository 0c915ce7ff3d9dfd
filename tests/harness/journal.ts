import { FileJournal } from '../../src/stores/files/journal.ts';

/** The turns that a start on this directory would find unfinished; no gateway may run on it. */
export async function unfinishedTurns(dataDir: string): Promise<string[]> {
  const journal = FileJournal.open(dataDir);
  const { turns } = await journal.inherit();
  await journal.close();
  return turns.map(({ intent }) => intent.id);
}
