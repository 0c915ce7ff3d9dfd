import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tenant } from '../../src/core/turn.ts';
import { FileBlobStore } from '../../src/stores/files/blob-store.ts';
import { pathName } from '../../src/stores/files/path-name.ts';
import { ACME, faultOf } from './turn-rows.ts';

const root = mkdtempSync(join(tmpdir(), 'clawhold-blobs-'));
afterAll(() => rmSync(root, { recursive: true }));

describe('blob files', () => {
  let dataDir: string;
  let store: FileBlobStore;
  beforeEach(() => {
    dataDir = mkdtempSync(join(root, 'd-'));
    store = new FileBlobStore(dataDir);
  });

  const pathOf = (hash: string) => join(dataDir, 'blobs', 'acme', hash.slice(0, 2), hash);

  test('stand at their hash, alone, compressed', async () => {
    const hash = await store.putBlob(ACME, 'claw '.repeat(100_000));
    expect(readdirSync(join(dataDir, 'blobs', 'acme', hash.slice(0, 2)))).toEqual([hash]);
    expect(statSync(pathOf(hash)).size).toBeLessThan(5000);
  });

  test('survive in a new store', async () => {
    const hash = await store.putBlob(ACME, 'kept');
    expect(await new FileBlobStore(dataDir).getBlob(ACME, hash)).toBe('kept');
  });

  test.each([
    ['cut short', (path: string) => truncateSync(path, 9)],
    ['empty', (path: string) => truncateSync(path, 0)],
    ['replaced', (path: string) => writeFileSync(path, Bun.zstdCompressSync('other'))],
  ])('that are %s are missing, and are mended by another put', async (_how, damage) => {
    const hash = await store.putBlob(ACME, 'a long enough content');
    damage(pathOf(hash));
    expect(await store.getBlob(ACME, hash)).toBeUndefined();
    await store.putBlob(ACME, 'a long enough content');
    expect(await store.getBlob(ACME, hash)).toBe('a long enough content');
  });

  test('that cannot be written are an error', async () => {
    writeFileSync(join(dataDir, 'blobs'), 'a file in the way');
    expect(await faultOf(store.putBlob(ACME, 'content'))).toBe('store_unavailable');
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
