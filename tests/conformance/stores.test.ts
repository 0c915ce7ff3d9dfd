import { afterAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Channel, type Packet } from '../../src/core/channel.ts';
import { surveyedTurn } from '../../src/session/surveyed-turn.ts';
import { FileBlobStore } from '../../src/stores/files/blob-store.ts';
import { FileMembers } from '../../src/stores/files/members.ts';
import { FileRatioStore } from '../../src/stores/files/ratio-store.ts';
import { MemoryBlobStore } from '../../src/stores/memory/blob-store.ts';
import { MemoryJournal } from '../../src/stores/memory/journal.ts';
import { MemoryKeyStore } from '../../src/stores/memory/key-store.ts';
import { MemoryMembers } from '../../src/stores/memory/members.ts';
import { MemoryRateStore } from '../../src/stores/memory/rate-store.ts';
import { MemoryStore } from '../../src/stores/memory/store.ts';
import { MemorySurvey } from '../../src/stores/memory/survey.ts';
import { MemoryTurnFeed } from '../../src/stores/memory/turn-feed.ts';
import { MemoryVectorStore } from '../../src/stores/memory/vector-store.ts';
import { SqliteStore } from '../../src/stores/sqlite/store.ts';
import { SqliteSurvey } from '../../src/stores/sqlite/survey/survey.ts';
import { SqliteVectorStore } from '../../src/stores/sqlite/vectors/vector-store.ts';
import { AskedRateStore, serveRates } from '../../src/stores/workers/rate-store.ts';
import { blobStoreConformance } from './blob-store.ts';
import { claimStoreConformance } from './claim-store.ts';
import { journalConformance } from './journal.ts';
import { keyStoreConformance } from './key-store.ts';
import { leaseStoreConformance } from './lease-store.ts';
import { lineStoreConformance } from './line-store.ts';
import { memberRegistryConformance, membersConformance } from './members.ts';
import { rateStoreConformance } from './rate-store.ts';
import { type RatioPlace, ratioStoreConformance } from './ratio-store.ts';
import { sealKeyStoreConformance } from './seal-key-store.ts';
import { type FileProcess, startFileProcess } from './shared-journals.ts';
import { surveyStoreConformance } from './survey-store.ts';
import { type FeedProcess, turnFeedConformance } from './turn-feed.ts';
import { turnLogConformance } from './turn-log.ts';
import { valueStoreConformance } from './value-store.ts';
import { vectorStoreConformance } from './vector-store.ts';

const root = mkdtempSync(join(tmpdir(), 'clawhold-stores-'));
const directory = () => mkdtempSync(join(root, 'd-'));
afterAll(() => rmSync(root, { recursive: true }));

const memory = async () => new MemoryStore();
const sqlite = () => SqliteStore.open(join(directory(), 'sessions.db'));

const SURVEY_WORKER = new URL('../../src/composition/survey-worker.ts', import.meta.url).href;

async function memorySurvey() {
  const log = new MemoryStore();
  return { log, survey: new MemorySurvey(log, surveyedTurn) };
}

async function sqliteSurvey() {
  const folder = directory();
  const logPath = join(folder, 'sessions.db');
  const log = await SqliteStore.open(logPath);
  const survey = SqliteSurvey.open({
    follows: true,
    path: join(folder, 'survey.db'),
    logPath,
    start: () => new Worker(SURVEY_WORKER),
    forget: (until) => log.forgetChanges(until),
  });
  return { log, survey };
}

/** A process whose journal can be closed and opened again in the same folder. */
let dataDir: string;
const fileProcess = () => startFileProcess(dataDir);
const firstFiles = () => {
  dataDir = directory();
  return fileProcess();
};
const processes = new Map<unknown, FileProcess>();
const journalOf = (process: FileProcess) => {
  processes.set(process.journal, process);
  return process.journal;
};

function timedRates() {
  let now = 5_000_400;
  const pass = (ms: number) => {
    now += ms;
  };
  return { store: new MemoryRateStore(() => now), pass };
}

/** A worker's store and that of its supervisor. Their messages are copied and come later, as those of processes. */
function askedRates() {
  const { store: kept, pass } = timedRates();
  const later = (take: (packet: Packet) => void) => (packet: Packet) => {
    const copy = structuredClone(packet);
    setImmediate(() => take(copy));
  };
  const worker: Channel = new Channel(later((packet) => supervisor.receive(packet)));
  const supervisor: Channel = new Channel(later((packet) => worker.receive(packet)));
  serveRates(supervisor, kept);
  return { store: new AskedRateStore(worker), pass };
}

function ratioFile(): RatioPlace {
  const folder = directory();
  return { open: () => FileRatioStore.open(folder) };
}

function memoryProcess(dead?: FeedProcess): FeedProcess {
  const journal = new MemoryJournal(dead?.journal as MemoryJournal | undefined);
  const feed = new MemoryTurnFeed(journal);
  return { journal, feed, close: async () => feed.close() };
}

/** Which implementations run which suites: `port: class`. */
const RUNS: Record<string, () => void> = {
  'TurnLog: MemoryStore': () => turnLogConformance('memory', memory),
  'TurnLog: SqliteStore': () => turnLogConformance('sqlite', sqlite),
  'SurveyStore: MemorySurvey': () => surveyStoreConformance('memory', memorySurvey),
  'SurveyStore: SqliteSurvey': () => surveyStoreConformance('sqlite', sqliteSurvey),
  'LeaseStore: MemoryStore': () => leaseStoreConformance('memory', memory),
  'LeaseStore: SqliteStore': () => leaseStoreConformance('sqlite', sqlite),
  'LineStore: MemoryStore': () => lineStoreConformance('memory', memory),
  'LineStore: SqliteStore': () => lineStoreConformance('sqlite', sqlite),
  'ValueStore: MemoryStore': () => valueStoreConformance('memory', memory),
  'ValueStore: SqliteStore': () => valueStoreConformance('sqlite', sqlite),
  'ClaimStore: MemoryStore': () => claimStoreConformance('memory', memory),
  'ClaimStore: SqliteStore': () => claimStoreConformance('sqlite', sqlite),
  'MemberRegistry: MemoryStore': () => memberRegistryConformance('memory', memory),
  'MemberRegistry: SqliteStore': () => memberRegistryConformance('sqlite', sqlite),
  'KeyStore: MemoryKeyStore': () => keyStoreConformance('memory', async () => new MemoryKeyStore()),
  'KeyStore: SqliteStore': () => keyStoreConformance('sqlite', sqlite),
  'RateStore: MemoryRateStore': () => rateStoreConformance('memory', async () => timedRates()),
  'RateStore: AskedRateStore': () => rateStoreConformance('asked', async () => askedRates()),
  'RatioStore: FileRatioStore': () => ratioStoreConformance('file', ratioFile),
  'SealKeyStore: MemoryKeyStore': () => sealKeyStoreConformance('memory', async () => new MemoryKeyStore()),
  'SealKeyStore: SqliteStore': () => sealKeyStoreConformance('sqlite', sqlite),
  'BlobStore: MemoryBlobStore': () => blobStoreConformance('memory', async () => new MemoryBlobStore()),
  'BlobStore: FileBlobStore': () => blobStoreConformance('files', async () => new FileBlobStore(directory())),
  'Members: MemoryMembers': () => membersConformance('memory', async () => new MemoryMembers()),
  'Members: FileMembers': () =>
    membersConformance('files', async () => FileMembers.join(directory(), new MemoryStore())),
  'Journal: MemoryJournal': () =>
    journalConformance(
      'memory',
      async () => new MemoryJournal(),
      async (before) => {
        await before.close();
        return new MemoryJournal(before as MemoryJournal);
      },
    ),
  'Journal: FileJournal': () =>
    journalConformance(
      'files',
      async () => journalOf(await firstFiles()),
      async (before) => {
        await processes.get(before)!.close();
        return journalOf(await fileProcess());
      },
    ),
  'VectorStore: MemoryVectorStore': () =>
    vectorStoreConformance('memory', async () => new MemoryVectorStore()),
  'VectorStore: SqliteVectorStore': () =>
    vectorStoreConformance('sqlite', async () => new SqliteVectorStore(join(directory(), 'derived.db'))),
  'TurnFeed: MemoryTurnFeed': () =>
    turnFeedConformance(
      'memory',
      async () => memoryProcess(),
      async (before) => memoryProcess(before),
    ),
  'TurnFeed: FileTurnFeed': () =>
    turnFeedConformance('files', firstFiles, async (before) => {
      await before.close();
      return fileProcess();
    }),
};

for (const run of Object.values(RUNS)) run();

describe('the suites', () => {
  const SRC = join(import.meta.dir, '../../src');

  /** Every class in src/stores with every port that it says it implements. */
  function implementations(): string[] {
    const paths = [...new Bun.Glob('stores/**/*.ts').scanSync(SRC)];
    return paths.flatMap((path) => {
      const text = readFileSync(join(SRC, path), 'utf8');
      const classes = [...text.matchAll(/export class (\w+)[^{]*?\simplements\s+([\w\s,]+?)\s*\{/g)];
      return classes.flatMap(([, name, ports]) => ports!.split(',').map((port) => `${port.trim()}: ${name}`));
    });
  }

  test('are run by every implementation of every port', () => {
    console.log(`Conformance suites:\n  ${Object.keys(RUNS).sort().join('\n  ')}`);
    expect(implementations().sort()).toEqual(Object.keys(RUNS).sort());
  });
});
