import { expect, test } from 'bun:test';
import { newSessionId } from '../../../src/core/ids.ts';
import type { Tenant } from '../../../src/core/request.ts';
import { Heads } from '../../../src/session/heads.ts';
import { Leases } from '../../../src/session/leases.ts';
import { MemoryBlobStore } from '../../../src/stores/memory/blob-store.ts';
import { MemoryStore } from '../../../src/stores/memory/store.ts';
import { aTurn } from '../../conformance/turn-rows.ts';

const tenant = 'acme' as Tenant;

/** How often the head of a session is read from the store, after its branch of so many tokens was kept. */
async function readsAfter(tokens: number): Promise<number> {
  let reads = 0;
  const store = new MemoryStore();
  const log = Object.assign(Object.create(store), {
    readHead(...args: Parameters<MemoryStore['readHead']>) {
      reads++;
      return store.readHead(...args);
    },
  }) as MemoryStore;
  const leases = new Leases({ store, holder: 'us', queue: 1 });
  const heads = new Heads({ log, leaseStore: store, blobs: new MemoryBlobStore(), leases });
  const id = newSessionId(0);
  const session = { id, tenant, createdAt: 0, metadata: {}, head: null, edits: 0 };
  await store.createSession(session);
  const turn = aTurn(id, null);
  heads.keep(session, turn.id, [{ turn, tokens, totalTokens: tokens, digest: '', hidden: [] }] as never, 9e6);
  await heads.peek(tenant, id, 9e6);
  leases.close();
  return reads;
}

test('a branch is kept for the next turn, unless it would take the place of many others', async () => {
  expect(await readsAfter(1_900_000)).toBe(0);
  expect(await readsAfter(2_100_000)).toBe(1);
});
