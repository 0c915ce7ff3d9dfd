import { describe, expect, test } from 'bun:test';
import type { SealKey, SealKeyStore } from '../../src/security/seal-key-store.ts';

const keyOf = (id: string, createdAt: number): SealKey => {
  return { id, secret: new Uint8Array(32).map((_, index) => index + createdAt), createdAt };
};

/** What every `SealKeyStore` does. `makeStore` gives an empty one. */
export function sealKeyStoreConformance(
  name: string,
  makeStore: () => Promise<SealKeyStore & { close?(): Promise<void> }>,
): void {
  describe(`${name}: keys of seals`, () => {
    test('do not exist at first', async () => {
      const store = await makeStore();
      expect(await store.sealKeys()).toEqual([]);
      await store.close?.();
    });

    test('are read with every byte, the newest last', async () => {
      const store = await makeStore();
      for (const key of [keyOf('cc', 20), keyOf('bb', 7), keyOf('aa', 20)]) await store.addSealKey(key);
      const found = await store.sealKeys();
      expect(found.map(({ id }) => id)).toEqual(['bb', 'aa', 'cc']);
      expect(found.map(({ createdAt }) => createdAt)).toEqual([7, 20, 20]);
      expect(found.map(({ secret }) => [...secret])).toEqual(
        [keyOf('bb', 7), keyOf('aa', 20), keyOf('cc', 20)].map(({ secret }) => [...secret]),
      );
      await store.close?.();
    });

    test('are never changed', async () => {
      const store = await makeStore();
      await store.addSealKey(keyOf('aa', 1));
      await store.addSealKey(keyOf('aa', 2));
      expect((await store.sealKeys()).map(({ createdAt }) => createdAt)).toEqual([1]);
      await store.close?.();
    });
  });
}
