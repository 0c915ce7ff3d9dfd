import { describe, expect, test } from 'bun:test';
import type { KeyStore } from '../../src/security/key-store.ts';

/** What every `KeyStore` does. `makeStore` gives an empty one. */
export function keyStoreConformance(
  name: string,
  makeStore: () => Promise<KeyStore & { close?(): Promise<void> }>,
): void {
  describe(`${name}: keys`, () => {
    test('keep the hash of the root key', async () => {
      const store = await makeStore();
      expect(await store.rootKeyHash()).toBeUndefined();
      await store.setRootKeyHash('ab'.repeat(32));
      await store.setRootKeyHash('cd'.repeat(32));
      expect(await store.rootKeyHash()).toBe('cd'.repeat(32));
      await store.close?.();
    });

    test('forget the hash of the root key', async () => {
      const store = await makeStore();
      await store.removeRootKeyHash();
      await store.setRootKeyHash('ab'.repeat(32));
      await store.removeRootKeyHash();
      expect(await store.rootKeyHash()).toBeUndefined();
      await store.close?.();
    });
  });
}
