import { beforeEach, describe, expect, test } from 'bun:test';
import type { Tenant } from '../../src/core/turn.ts';
import type { BlobStore } from '../../src/session/store.ts';
import { ACME, GLOBEX } from './turn-rows.ts';

/** What every `BlobStore` does. `makeStore` gives an empty one. */
export function blobStoreConformance(name: string, makeStore: () => Promise<BlobStore>): void {
  describe(`${name}: blobs`, () => {
    let store: BlobStore;
    beforeEach(async () => {
      store = await makeStore();
    });

    test.each(['', 'data:image/png;base64,aGk=', '\ufeff— “quoted”, \u0000, 🦞', 'x'.repeat(3_000_000)])(
      'are kept as they were given (%#)',
      async (content) => {
        const hash = await store.putBlob(ACME, content);
        expect(hash).toBe(new Bun.CryptoHasher('sha256').update(content).digest('hex'));
        expect((await store.getBlob(ACME, hash)) === content).toBe(true);
      },
    );

    test('may be put many times', async () => {
      const hashes = await Promise.all(Array.from({ length: 10 }, () => store.putBlob(ACME, 'same')));
      expect(new Set(hashes).size).toBe(1);
      expect(await store.getBlob(ACME, hashes[0]!)).toBe('same');
    });

    test('that nobody put are missing', async () => {
      expect(await store.getBlob(ACME, 'a'.repeat(64))).toBeUndefined();
      expect(await store.getBlob(ACME, '../../../etc/passwd')).toBeUndefined();
    });

    test.each([GLOBEX, 'Acme', 'acme/', '../acme', '..', '', 'a'.repeat(300)] as Tenant[])(
      'do not reach tenant "%s"',
      async (tenant) => {
        const hash = await store.putBlob(ACME, 'ours');
        expect(await store.getBlob(tenant, hash)).toBeUndefined();
        expect(await store.putBlob(tenant, 'theirs')).not.toBe(hash);
        expect(await store.getBlob(tenant, hash)).toBeUndefined();
      },
    );
  });
}
