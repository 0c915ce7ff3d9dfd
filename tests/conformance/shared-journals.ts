import { afterEach, beforeEach } from 'bun:test';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Emit } from '../../src/core/events.ts';
import type { MemberRegistry } from '../../src/session/members.ts';
import { FileJournal } from '../../src/stores/files/journal.ts';
import { FileMembers } from '../../src/stores/files/members.ts';
import { FileTurnFeed } from '../../src/stores/files/turn-feed.ts';
import { MemoryStore } from '../../src/stores/memory/store.ts';

/** What a process has in a data folder. */
export interface FileProcess {
  members: FileMembers;
  journal: FileJournal;
  feed: FileTurnFeed;
  /** Ends in order, as a process does. */
  close(): Promise<void>;
}

export async function startFileProcess(
  dataDir: string,
  registry: MemberRegistry = new MemoryStore(),
  segmentBytes?: number,
  emit?: Emit,
): Promise<FileProcess> {
  const members = await FileMembers.join(dataDir, registry);
  const journal = FileJournal.open(dataDir, members, { segmentBytes, emit });
  const feed = FileTurnFeed.open(dataDir, journal);
  const close = async () => {
    feed.close();
    await journal.close();
    await members.leave();
  };
  return { members, journal, feed, close };
}

/** Processes that share a folder and a registry, new for each test. */
export interface SharedJournals {
  dataDir(): string;
  registry(): MemberRegistry;
  /** The process ends after the test. */
  start(segmentBytes?: number, emit?: Emit): Promise<FileProcess>;
  /** Paths in the journal's folder. */
  files(ending: string): string[];
}

export function shareJournals(): SharedJournals {
  let dataDir: string;
  let registry: MemoryStore;
  let started: FileProcess[];
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'clawhold-journal-'));
    registry = new MemoryStore();
    started = [];
  });
  afterEach(async () => {
    for (const process of started) await process.close();
    rmSync(dataDir, { recursive: true });
  });
  return {
    dataDir: () => dataDir,
    registry: () => registry,
    async start(segmentBytes, emit) {
      const process = await startFileProcess(dataDir, registry, segmentBytes, emit);
      started.push(process);
      return process;
    },
    files(ending) {
      const names = readdirSync(join(dataDir, 'journal')).filter((name) => name.endsWith(ending));
      return names.map((name) => join(dataDir, 'journal', name));
    },
  };
}
