import { expect, test } from 'bun:test';
import { newSessionId, type SessionId } from '../../../src/core/ids.ts';
import type { Tenant } from '../../../src/core/request.ts';
import { Heads } from '../../../src/session/heads.ts';
import { Leases } from '../../../src/session/leases.ts';
import { MemoryBlobStore } from '../../../src/stores/memory/blob-store.ts';
import { MemoryStore } from '../../../src/stores/memory/store.ts';
import { aTurn } from '../../conformance/turn-rows.ts';

const tenant = 'acme' as Tenant;

/** Heads that count how often a session is read from the store. */
function counting() {
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
  return {
    heads,
    reads: () => reads,
    /** Keeps a branch of so many tokens for a new session. */
    async keep(tokens: number): Promise<SessionId> {
      const id = newSessionId(0);
      const session = { id, tenant, createdAt: 0, metadata: {}, head: null, edits: 0 };
      await store.createSession(session);
      const turn = aTurn(id, null);
      const branch = [{ turn, tokens, totalTokens: tokens, digest: '', hidden: [] }];
      heads.keep(session, turn.id, branch as never, 9e6);
      return id;
    },
    close: () => leases.close(),
  };
}

/** How often the head of a session is read from the store, after its branch of so many tokens was kept. */
async function readsAfter(tokens: number): Promise<number> {
  const { heads, reads, keep, close } = counting();
  await heads.peek(tenant, await keep(tokens), 9e6);
  close();
  return reads();
}

test('a branch is kept for the next turn, unless it would take the place of many others', async () => {
  expect(await readsAfter(1_900_000)).toBe(0);
  expect(await readsAfter(2_100_000)).toBe(1);
});

test('a branch that no turn continues is forgotten after a time', async () => {
  const { heads, reads, keep, close } = counting();
  const old = await keep(10);
  await Bun.sleep(60);
  const recent = await keep(10);
  expect(heads.forgetUnused(30)).toBe(false);
  await heads.peek(tenant, recent, 9e6);
  expect(reads()).toBe(0);
  await heads.peek(tenant, old, 9e6);
  expect(reads()).toBe(1);
  await keep(10);
  await keep(10);
  await Bun.sleep(20);
  await keep(10);
  // Most of them.
  expect(heads.forgetUnused(10)).toBe(true);
  expect(heads.forgetUnused(10)).toBe(false);
  close();
});
