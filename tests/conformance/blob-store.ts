import { beforeEach, describe, expect, test } from 'bun:test';
import { newSessionId } from '../../src/core/ids.ts';
import type { Tenant } from '../../src/core/request.ts';
import type { BlobOwner, BlobStore } from '../../src/session/blob-store.ts';
import { ACME, GLOBEX, NOW } from './turn-rows.ts';

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

export const textOf = (bytes: Uint8Array | undefined): string | undefined =>
  bytes && new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);

export const anOwner = (tenant: Tenant = ACME): BlobOwner => ({ tenant, session: newSessionId(NOW) });

/** What every `BlobStore` does. `makeStore` gives an empty one. */
export function blobStoreConformance(name: string, makeStore: () => Promise<BlobStore>): void {
  describe(`${name}: blobs`, () => {
    let store: BlobStore;
    let owner: BlobOwner;
    beforeEach(async () => {
      store = await makeStore();
      owner = anOwner();
    });

    const contents = [
      '',
      'data:image/png;base64,aGk=',
      '\ufeff— “quoted”, \u0000, 🦞',
      'x'.repeat(3_000_000),
    ];
    test.each([
      ...contents.map(bytesOf),
      Uint8Array.of(0xff, 0xfe, 0, 0x80),
      crypto.getRandomValues(new Uint8Array(10_000)),
    ])('are kept as they were given (%#)', async (content) => {
      const hash = await store.putBlob(owner, content);
      expect(hash).toBe(new Bun.CryptoHasher('sha256').update(content).digest('hex'));
      const found = await store.getBlob(owner, hash);
      expect(Buffer.compare(found!, content)).toBe(0);
    });

    test('may be put many times', async () => {
      const hashes = await Promise.all(
        Array.from({ length: 10 }, () => store.putBlob(owner, bytesOf('same'))),
      );
      expect(new Set(hashes).size).toBe(1);
      expect(textOf(await store.getBlob(owner, hashes[0]!))).toBe('same');
    });

    test('that were never put are missing', async () => {
      expect(await store.getBlob(owner, 'a'.repeat(64))).toBeUndefined();
      expect(await store.getBlob(owner, '../../../etc/passwd')).toBeUndefined();
    });

    test('cannot be changed through what was given or returned', async () => {
      const given = bytesOf('given');
      const hash = await store.putBlob(owner, given);
      given.fill(0);
      (await store.getBlob(owner, hash))!.fill(1);
      expect(textOf(await store.getBlob(owner, hash))).toBe('given');
    });

    test.each([GLOBEX, 'Acme', 'acme/', '../acme', '..', '', 'a'.repeat(300)] as Tenant[])(
      'do not reach tenant "%s"',
      async (tenant) => {
        const stranger = { ...owner, tenant };
        const hash = await store.putBlob(owner, bytesOf('ours'));
        expect(await store.getBlob(stranger, hash)).toBeUndefined();
        expect(await store.putBlob(stranger, bytesOf('theirs'))).not.toBe(hash);
        expect(await store.getBlob(stranger, hash)).toBeUndefined();
        await store.deleteBlob(stranger, hash);
        await store.erase(tenant, owner.session);
        expect(textOf(await store.getBlob(owner, hash))).toBe('ours');
      },
    );

    test('do not reach another session', async () => {
      const other = anOwner();
      const hash = await store.putBlob(owner, bytesOf('ours'));
      expect(await store.getBlob(other, hash)).toBeUndefined();
      await store.deleteBlob(other, hash);
      await store.erase(ACME, other.session);
      expect(textOf(await store.getBlob(owner, hash))).toBe('ours');
    });

    test('are deleted one by one', async () => {
      const [first, second] = [
        await store.putBlob(owner, bytesOf('1')),
        await store.putBlob(owner, bytesOf('2')),
      ];
      for (const _ of [1, 2]) await store.deleteBlob(owner, first);
      await store.deleteBlob(anOwner(), first);
      await store.deleteBlob(owner, '../../../etc/passwd');
      expect(await store.getBlob(owner, first)).toBeUndefined();
      expect(textOf(await store.getBlob(owner, second))).toBe('2');
    });

    test('of a session are erased together, and those of no other one', async () => {
      const owners = [owner, anOwner(), { ...owner, tenant: GLOBEX }];
      const hashes = await Promise.all(['1', '2'].map((text) => store.putBlob(owner, bytesOf(text))));
      for (const one of owners) await store.putBlob(one, bytesOf('1'));
      for (const _ of [1, 2]) await store.erase(ACME, owner.session);
      await store.erase('unknown' as Tenant, owner.session);
      for (const hash of hashes) expect(await store.getBlob(owner, hash)).toBeUndefined();
      for (const one of owners.slice(1)) expect(textOf(await store.getBlob(one, hashes[0]!))).toBe('1');
      await store.putBlob(owner, bytesOf('1'));
      expect(textOf(await store.getBlob(owner, hashes[0]!))).toBe('1');
    });
  });
}
