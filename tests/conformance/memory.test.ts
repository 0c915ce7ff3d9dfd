import { describe, expect, test } from 'bun:test';
import { MemoryStore } from '../../src/stores/memory/store.ts';
import { aClaim } from './claim-store.ts';
import { aLease, expectGrowing, taken, waysToEnd } from './lease-store.ts';
import { ACME, aSession, aTurn, NOW } from './turn-rows.ts';

describe('memory: the clock of the store', () => {
  function open() {
    let now = NOW;
    const store = new MemoryStore(() => now);
    const set = (time: number) => {
      now = time;
    };
    return { store, set };
  }

  test('decides when a lease expires, to the millisecond', async () => {
    const { store, set } = open();
    const { id } = await store.createSession(aSession());
    const take = () => store.takeHead(ACME, { id }, 1, aLease('us', 1000));
    const { token } = await taken(take());
    set(NOW + 999);
    expect(await take()).toEqual({ expiresInMs: 1 });
    expect(await store.renewLease(ACME, id, token, 10)).toBe(true);
    expect(await take()).toEqual({ expiresInMs: 10 });
    set(NOW + 1009);
    expect((await taken(take())).token).toBeGreaterThan(token);
  });

  test('may step back: tokens grow, in every way in which a lease can end', async () => {
    const { store, set } = open();
    const { id } = await store.createSession(aSession());
    const tokens: number[] = [];
    for (const now of [NOW, NOW, NOW - 5000, NOW - 5000, NOW + 1, NOW - 60_000]) {
      for (const end of waysToEnd(store, () => aTurn(id, null))) {
        set(now);
        const lease = aLease('us', -1_000_000);
        const { token } = await taken(store.takeHead(ACME, { id }, 1, lease));
        await end(token);
        tokens.push(token);
      }
    }
    expect(tokens).toHaveLength(30);
    expectGrowing(tokens);
  });

  test('decides how old claims, fingerprints and signs of life are', async () => {
    const { store, set } = open();
    const fingerprint = '0123456789abcdef';
    const { key } = aClaim();
    const { id } = await store.createSession(aSession());
    await store.commitTurn(aTurn(id, null, { createdAt: 1, fingerprint }));
    await store.claim(ACME, aClaim());
    await store.beat('us');
    set(NOW + 1000);
    expect(await store.silentFor('us')).toBe(1000);
    expect(await store.findClaim(ACME, key, 1000)).toEqual(aClaim());
    expect(await store.findClaim(ACME, key, 999)).toBeUndefined();
    expect(await store.findByFingerprint(ACME, fingerprint, 1000)).toBeDefined();
    expect(await store.findByFingerprint(ACME, fingerprint, 999)).toBeUndefined();
    await store.forgetRequests({ claimsMs: 1000, fingerprintsMs: 1000 });
    expect(await store.findClaim(ACME, key, 1000)).toBeDefined();
    expect(await store.findByFingerprint(ACME, fingerprint, 1000)).toBeDefined();
    await store.forgetRequests({ claimsMs: 999, fingerprintsMs: 999 });
    expect(await store.findClaim(ACME, key, 1000)).toBeUndefined();
    expect(await store.findByFingerprint(ACME, fingerprint, 1000)).toBeUndefined();
    set(NOW - 1000);
    expect(await store.silentFor('us')).toBe(0);
  });
});
