import { accessSync, constants, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Config } from '../config/config.ts';
import type { RatioStore } from '../context/ratio-store.ts';
import type { Emit } from '../core/events.ts';
import type { RateStore } from '../limits/rate-store.ts';
import { timedPort } from '../observe/timed-port.ts';
import type { KeyStore } from '../security/key-store.ts';
import { DEFAULT_TENANT } from '../security/keys.ts';
import { RootKeyFile } from '../security/root-key-file.ts';
import type { SealKeyStore } from '../security/seal-key-store.ts';
import type { BlobStore } from '../session/blob-store.ts';
import type { ClaimStore } from '../session/claim-store.ts';
import type { Journal } from '../session/journal.ts';
import type { LeaseStore } from '../session/lease-store.ts';
import type { LineStore } from '../session/line-store.ts';
import type { Members } from '../session/members.ts';
import type { SurveyStore } from '../session/survey-store.ts';
import { surveyedTurn } from '../session/surveyed-turn.ts';
import type { TurnFeed } from '../session/turn-feed.ts';
import type { TurnLog } from '../session/turn-log.ts';
import type { ValueStore } from '../session/value-store.ts';
import type { VectorStore } from '../session/vector-store.ts';
import { FileBlobStore } from '../stores/files/blob-store.ts';
import { FileJournal } from '../stores/files/journal.ts';
import { journalDirectory } from '../stores/files/journal-files.ts';
import { FileMembers } from '../stores/files/members.ts';
import { FileRatioStore } from '../stores/files/ratio-store.ts';
import { FileTurnFeed } from '../stores/files/turn-feed.ts';
import { MemoryBlobStore } from '../stores/memory/blob-store.ts';
import { MemoryJournal } from '../stores/memory/journal.ts';
import { MemoryKeyStore } from '../stores/memory/key-store.ts';
import { MemoryMembers } from '../stores/memory/members.ts';
import { MemoryRateStore } from '../stores/memory/rate-store.ts';
import { MemoryStore } from '../stores/memory/store.ts';
import { MemorySurvey } from '../stores/memory/survey.ts';
import { MemoryTurnFeed } from '../stores/memory/turn-feed.ts';
import { MemoryVectorStore } from '../stores/memory/vector-store.ts';
import { checkDatabase } from '../stores/sqlite/database-file.ts';
import { SqliteStore } from '../stores/sqlite/store.ts';
import { SqliteSurvey } from '../stores/sqlite/survey/survey.ts';
import { SqliteVectorStore } from '../stores/sqlite/vectors/vector-store.ts';
import { Unusable } from '../stores/unusable.ts';
import { AskedRateStore } from '../stores/workers/rate-store.ts';
import type { WorkerPlace } from './other-workers.ts';

/** What the gateway keeps, and where. One store may serve several ports. */
export interface Stores {
  log: TurnLog;
  leases: LeaseStore;
  lines: LineStore;
  values: ValueStore;
  claims: ClaimStore;
  survey: SurveyStore;
  keys: KeyStore & SealKeyStore;
  /** Absent where nothing is written to disk. */
  keyFile?: RootKeyFile;
  members: Members;
  journal: Journal;
  feed: TurnFeed;
  blobs: BlobStore;
  /** Of this process, or of all workers of the gateway. */
  rates: RateStore;
  /** Derived data, which can be deleted. */
  vectors: VectorStore;
  /** Derived data. Absent where nothing is written to disk. */
  ratios?: RatioStore;
  /** Resolves when they can be read and written; rejects with the reason why they cannot. */
  probe(): Promise<void>;
  /** Closes them in an order that leaves nothing undone. */
  close(): Promise<void>;
}

/**
 * Rejects with the reason, in words for the operator, where a store cannot be used. A worker has the counters of its
 * supervisor.
 */
export function openStores(
  { storage, dataDir }: Pick<Config, 'storage' | 'dataDir'>,
  emit: Emit,
  worker?: WorkerPlace,
): Promise<Stores> {
  return storage.kind === 'memory' ? openInMemory() : openInFiles(dataDir, emit, worker);
}

/** The same stores; those that turns use report the time of their operations. */
export function timed(stores: Stores, emit: Emit): Stores {
  const { log, leases, lines, values, claims, journal, blobs, survey } = stores;
  return {
    ...stores,
    log: timedPort('log', log, emit),
    leases: timedPort('leases', leases, emit),
    lines: timedPort('lines', lines, emit),
    values: timedPort('values', values, emit),
    claims: timedPort('claims', claims, emit),
    journal: timedPort('journal', journal, emit),
    blobs: timedPort('blobs', blobs, emit),
    survey: timedPort('survey', survey, emit),
  };
}

async function openInMemory(): Promise<Stores> {
  const store = new MemoryStore();
  const journal = new MemoryJournal();
  return {
    log: store,
    leases: store,
    lines: store,
    values: store,
    claims: store,
    survey: new MemorySurvey(store, surveyedTurn),
    keys: new MemoryKeyStore(),
    members: new MemoryMembers(),
    journal,
    feed: new MemoryTurnFeed(journal),
    blobs: new MemoryBlobStore(),
    rates: new MemoryRateStore(),
    vectors: new MemoryVectorStore(),
    probe: async () => {},
    close: async () => {},
  };
}

async function openInFiles(dataDir: string, emit: Emit, worker?: WorkerPlace): Promise<Stores> {
  for (const folder of [dataDir, journalDirectory(dataDir)]) expectWritable(folder);
  const store = await SqliteStore.open(databaseFile(dataDir));
  const survey = SqliteSurvey.open({
    path: join(dataDir, 'survey.db'),
    logPath: databaseFile(dataDir),
    follows: worker === undefined || worker.place === 0,
    start: () => new Worker(new URL('./survey-worker.ts', import.meta.url).href),
    forget: (until) => store.forgetChanges(until),
  });
  const members = await FileMembers.join(dataDir, store);
  const journal = FileJournal.open(dataDir, members, { emit });
  const vectors = new SqliteVectorStore(join(dataDir, 'derived.db'));
  const feed = FileTurnFeed.open(dataDir, journal);
  return {
    log: store,
    leases: store,
    lines: store,
    values: store,
    claims: store,
    survey,
    keys: store,
    keyFile: new RootKeyFile(dataDir),
    members,
    journal,
    feed,
    blobs: new FileBlobStore(dataDir),
    rates: worker ? new AskedRateStore(worker.channel) : new MemoryRateStore(),
    vectors,
    ratios: await FileRatioStore.open(dataDir),
    async probe() {
      journal.probe();
      await store.beat(members.self);
      await store.findSession(DEFAULT_TENANT, { name: 'health' });
    },
    async close() {
      feed.close();
      await journal.close();
      await members.leave();
      await survey.close();
      await vectors.close();
      await store.close();
    },
  };
}

/** Why stores cannot be used: `folder` or `database` says which part is wrong. */
export interface StoresRefusal {
  of: 'folder' | 'database';
  problem: string;
  remedy: string;
}

/** The reason for which `openStores` would reject, found without changing any file. */
export function refusalOfStores({
  storage,
  dataDir,
}: Pick<Config, 'storage' | 'dataDir'>): StoresRefusal | undefined {
  if (storage.kind === 'memory') return undefined;
  return (
    refusal('folder', () => {
      for (const folder of [dataDir, journalDirectory(dataDir)]) checkFolder(folder);
    }) ?? refusal('database', () => checkDatabase(databaseFile(dataDir)))
  );
}

function refusal(of: StoresRefusal['of'], check: () => void): StoresRefusal | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (!(error instanceof Unusable)) throw error;
    return { of, problem: error.problem, remedy: error.remedy };
  }
}

export const databaseFile = (dataDir: string): string => join(dataDir, 'clawhold.db');

/** SQLite would say only that it cannot open a file, and not which one. */
function expectWritable(folder: string): void {
  const file = join(folder, `${crypto.randomUUID()}.probe`);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(file, '');
    rmSync(file);
  } catch (cause) {
    throw unwritable(folder, cause);
  }
}

/**
 * Checks the folder without changing it. A folder that does not exist would be made in its nearest existing
 * parent.
 */
function checkFolder(folder: string): void {
  let path = folder;
  try {
    while (!existsSync(path) && dirname(path) !== path) path = dirname(path);
    if (!statSync(path).isDirectory())
      throw Object.assign(new Error('not a folder'), { code: path === folder ? 'EEXIST' : 'ENOTDIR' });
    accessSync(path, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw unwritable(folder, cause);
  }
}

function unwritable(folder: string, cause: unknown): Unusable {
  const remedy = 'Make it writable for this user, or choose another folder with `data_dir`.';
  const { code } = cause as NodeJS.ErrnoException;
  return new Unusable(`The folder ${folder} cannot be written (${code})`, remedy, { cause });
}
