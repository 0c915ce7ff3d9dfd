import { afterAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KeyStore } from '../../src/session/store.ts';
import { FileBlobStore } from '../../src/stores/files/blob-store.ts';
import { FileJournal } from '../../src/stores/files/journal.ts';
import { MemoryBlobStore } from '../../src/stores/memory/blob-store.ts';
import { MemoryJournal } from '../../src/stores/memory/journal.ts';
import { MemoryKeyStore } from '../../src/stores/memory/key-store.ts';
import { MemorySessionStore } from '../../src/stores/memory/session-store.ts';
import { SqliteSessionStore } from '../../src/stores/sqlite/session-store.ts';
import { blobStoreConformance } from './blob-store.ts';
import { claimConformance } from './claims.ts';
import { journalConformance } from './journal.ts';
import { leaseConformance } from './leases.ts';
import { sessionStoreConformance } from './session-store.ts';

const root = mkdtempSync(join(tmpdir(), 'clawhold-stores-'));
const directory = () => mkdtempSync(join(root, 'd-'));
afterAll(() => rmSync(root, { recursive: true }));

const openSqlite = () => SqliteSessionStore.open(join(directory(), 'sessions.db'));

for (const conformance of [sessionStoreConformance, leaseConformance, claimConformance]) {
  conformance('memory', async () => new MemorySessionStore());
  conformance('sqlite', openSqlite);
}

blobStoreConformance('memory', async () => new MemoryBlobStore());
blobStoreConformance('files', async () => new FileBlobStore(directory()));

journalConformance(
  'memory',
  async () => new MemoryJournal(),
  async (before) => new MemoryJournal(before as MemoryJournal),
);

let dataDir: string;
journalConformance(
  'files',
  async () => {
    dataDir = directory();
    return FileJournal.open(dataDir);
  },
  async (before) => {
    await before.close();
    return FileJournal.open(dataDir);
  },
);

const keyStores: Array<[string, () => Promise<KeyStore & { close?(): Promise<void> }>]> = [
  ['memory', async () => new MemoryKeyStore()],
  ['sqlite', openSqlite],
];

describe.each(keyStores)('%s: keys', (_name, makeStore) => {
  test('keep the hash of the root key', async () => {
    const store = await makeStore();
    expect(await store.rootKeyHash()).toBeUndefined();
    await store.setRootKeyHash('ab'.repeat(32));
    await store.setRootKeyHash('cd'.repeat(32));
    expect(await store.rootKeyHash()).toBe('cd'.repeat(32));
    await store.close?.();
  });
});
