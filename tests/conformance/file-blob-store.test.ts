import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Tenant } from '../../src/core/request.ts';
import type { BlobOwner } from '../../src/session/blob-store.ts';
import { FileBlobStore } from '../../src/stores/files/blob-store.ts';
import { pathName } from '../../src/stores/files/path-name.ts';
import { anOwner, bytesOf, textOf } from './blob-store.ts';
import { ACME, faultOf, GLOBEX } from './turn-rows.ts';

const root = mkdtempSync(join(tmpdir(), 'clawhold-blobs-'));
afterAll(() => rmSync(root, { recursive: true }));

describe('blob files', () => {
  let dataDir: string;
  let store: FileBlobStore;
  let owner: BlobOwner;
  beforeEach(() => {
    dataDir = mkdtempSync(join(root, 'd-'));
    store = new FileBlobStore(dataDir);
    owner = anOwner();
  });

  const pathOf = (hash: string, { session } = owner) =>
    join(dataDir, 'blobs', 'acme', session.slice(-2), session, hash);

  test('are named after their hash, alone in the folder of their session, compressed', async () => {
    const hash = await store.putBlob(owner, bytesOf('claw '.repeat(100_000)));
    expect(readdirSync(dirname(pathOf(hash)))).toEqual([hash]);
    expect(statSync(pathOf(hash)).size).toBeLessThan(5000);
  });

  test('survive in a new store', async () => {
    const hash = await store.putBlob(owner, bytesOf('kept'));
    expect(textOf(await new FileBlobStore(dataDir).getBlob(owner, hash))).toBe('kept');
  });

  test.each([
    ['cut short', (path: string) => truncateSync(path, 9)],
    ['empty', (path: string) => truncateSync(path, 0)],
    ['replaced', (path: string) => writeFileSync(path, Bun.zstdCompressSync('other'))],
  ])('that are %s are missing, and are repaired by another put', async (_how, damage) => {
    const content = bytesOf('a long enough content');
    const hash = await store.putBlob(owner, content);
    damage(pathOf(hash));
    expect(await store.getBlob(owner, hash)).toBeUndefined();
    await store.putBlob(owner, content);
    expect(await store.getBlob(owner, hash)).toEqual(content);
  });

  test('that cannot be written are an error', async () => {
    writeFileSync(join(dataDir, 'blobs'), 'a file in the way');
    expect(await faultOf(store.putBlob(owner, bytesOf('content')))).toBe('store_unavailable');
    expect(await faultOf(store.getBlob(owner, 'a'.repeat(64)))).toBe('store_unavailable');
  });

  test('that cannot be deleted are an error', async () => {
    writeFileSync(join(dataDir, 'blobs'), 'a file in the way');
    expect(await faultOf(store.deleteBlob(owner, 'a'.repeat(64)))).toBe('store_unavailable');
    expect(await faultOf(store.erase(ACME, owner.session))).toBe('store_unavailable');
  });

  test('of an erased session leave no folder, and those of a neighbour stay', async () => {
    const neighbour = { ...owner, session: `x${owner.session.slice(1)}` as BlobOwner['session'] };
    const hash = await store.putBlob(owner, bytesOf('ours'));
    await store.putBlob(neighbour, bytesOf('ours'));
    await store.erase(ACME, owner.session);
    expect(existsSync(dirname(pathOf(hash)))).toBe(false);
    expect(textOf(await store.getBlob(neighbour, hash))).toBe('ours');
  });

  describe('of version 0.1', () => {
    /** As that version wrote them: one copy for all sessions of a tenant. */
    function writeOld(text: string): { hash: string; path: string } {
      const hash = new Bun.CryptoHasher('sha256').update(text).digest('hex');
      const folder = join(dataDir, 'blobs', 'acme', hash.slice(0, 2));
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, hash), Bun.zstdCompressSync(text));
      return { hash, path: join(folder, hash) };
    }

    test('are read for every session of their tenant', async () => {
      const { hash } = writeOld('— “quoted” 🦞');
      expect(textOf(await store.getBlob(owner, hash))).toBe('— “quoted” 🦞');
      expect(textOf(await store.getBlob(anOwner(), hash))).toBe('— “quoted” 🦞');
      expect(await store.getBlob({ ...owner, tenant: GLOBEX }, hash)).toBeUndefined();
    });

    test('are stored again for the session that puts them, and stay for others', async () => {
      const { hash, path } = writeOld('shared');
      expect(await store.putBlob(owner, bytesOf('shared'))).toBe(hash);
      expect(existsSync(pathOf(hash))).toBe(true);
      await store.deleteBlob(owner, hash);
      await store.erase(ACME, owner.session);
      expect(existsSync(path)).toBe(true);
      expect(textOf(await store.getBlob(anOwner(), hash))).toBe('shared');
    });

    test('are missing where they are damaged', async () => {
      const { hash, path } = writeOld('a long enough content');
      truncateSync(path, 9);
      expect(await store.getBlob(owner, hash)).toBeUndefined();
    });
  });
});

describe('path names', () => {
  const names = [
    'acme',
    'Acme',
    'ACME',
    '',
    '.',
    '..',
    'a/b',
    'a~2fb',
    'ä',
    'a b',
    'x'.repeat(201),
    'x'.repeat(202),
  ];

  test('differ where the texts do, whatever the case', () => {
    const paths = names.map((name) => pathName(name as Tenant).toLowerCase());
    expect(new Set(paths).size).toBe(names.length);
  });

  test.each(names)('are safe for "%s"', (name) => {
    expect(pathName(name)).toMatch(/^[a-z0-9_~-]{1,200}$/);
  });
});
