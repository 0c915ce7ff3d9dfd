import { afterEach, beforeEach } from 'bun:test';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileJournal } from '../../src/stores/files/journal.ts';

/** The ids of the turns that the next start on this directory would take over. No gateway may run on it. */
export async function unfinishedTurns(dataDir: string): Promise<string[]> {
  const journal = FileJournal.open(dataDir);
  const turns = await journal.inherit();
  await journal.close();
  return turns.map(({ intent }) => intent.id);
}

/** Journals that share one directory. Each test gets a new directory. */
export interface SharedJournals {
  dataDir(): string;
  /** The journal is closed after the test. */
  open(segmentBytes?: number): FileJournal;
  /** Paths in the journal's directory. */
  files(ending: string): string[];
}

export function shareJournals(): SharedJournals {
  let dataDir: string;
  let opened: FileJournal[];
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'clawhold-journal-'));
    opened = [];
  });
  afterEach(async () => {
    for (const journal of opened) await journal.close();
    rmSync(dataDir, { recursive: true });
  });
  return {
    dataDir: () => dataDir,
    open(segmentBytes) {
      const journal = FileJournal.open(dataDir, segmentBytes);
      opened.push(journal);
      return journal;
    },
    files(ending) {
      const names = readdirSync(join(dataDir, 'journal')).filter((name) => name.endsWith(ending));
      return names.map((name) => join(dataDir, 'journal', name));
    },
  };
}
