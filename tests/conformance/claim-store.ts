import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { newSessionId, sessionOf } from '../../src/core/ids.ts';
import type { Claim, ClaimStore } from '../../src/session/claim-store.ts';
import type { TurnLog } from '../../src/session/turn-log.ts';
import { ACME, aTurn, GLOBEX, NOW } from './turn-rows.ts';

const DAY_MS = 86_400_000;
const NEVER = { claimsMs: DAY_MS, fingerprintsMs: DAY_MS };

type Store = ClaimStore & TurnLog;

export const aClaim = (fields: Partial<Claim> = {}): Claim => ({
  key: 'POST /v1/responses 4711',
  fingerprint: 'ab'.repeat(32),
  target: 'resp_1',
  holder: 'us',
  ...fields,
});

/** Resolves when everything that the store holds by now is older than `OLD_MS`, and its newest entry too. */
const growOld = () => Bun.sleep(30);
const OLD_MS = 15;

/** What every `ClaimStore` does. `makeStore` gives an empty one; the suite closes it. */
export function claimStoreConformance(name: string, makeStore: () => Promise<Store>): void {
  describe(name, () => claimsAndFingerprints(makeStore));
}

function claimsAndFingerprints(makeStore: () => Promise<Store>): void {
  let store: Store;
  beforeEach(async () => {
    store = await makeStore();
  });
  afterEach(() => store.close());

  const find = (key = aClaim().key, tenant = ACME) => store.findClaim(tenant, key, DAY_MS);

  describe('claims', () => {
    test('are found as they were made, and the first one stays', async () => {
      const first = aClaim();
      expect(await find()).toBeUndefined();
      expect(await store.claim(ACME, first)).toEqual(first);
      const second = aClaim({ target: 'resp_2', holder: 'them', fingerprint: 'other' });
      expect(await store.claim(ACME, second)).toEqual(first);
      expect(await find()).toStrictEqual(first);
    });

    test('on different keys are apart', async () => {
      const [first, second] = [aClaim(), aClaim({ key: 'POST /v1/responses 4712' })];
      expect(await store.claim(ACME, first)).toEqual(first);
      expect(await store.claim(ACME, second)).toEqual(second);
    });

    test('of tenants are apart', async () => {
      const [ours, theirs] = [aClaim(), aClaim({ target: 'resp_2' })];
      await store.claim(ACME, ours);
      expect(await find(ours.key, GLOBEX)).toBeUndefined();
      expect(await store.claim(GLOBEX, theirs, { over: ours })).toEqual(theirs);
      expect(await find()).toEqual(ours);
    });

    test('made at once have one winner', async () => {
      const rivals = Array.from({ length: 20 }, (_, place) => aClaim({ target: `resp_${place}` }));
      const inForce = await Promise.all(rivals.map((claim) => store.claim(ACME, claim)));
      expect(new Set(inForce.map(({ target }) => target)).size).toBe(1);
      expect(await find()).toEqual(inForce[0]!);
    });

    test('are replaced whole, by a process that knows them', async () => {
      const first = aClaim();
      const second = aClaim({ target: 'resp_2', holder: 'them', fingerprint: 'other' });
      await store.claim(ACME, first);
      expect(await store.claim(ACME, second, { over: { holder: 'us', target: 'resp_2' } })).toEqual(first);
      expect(await store.claim(ACME, second, { over: { holder: 'them', target: 'resp_1' } })).toEqual(first);
      expect(await store.claim(ACME, second, { over: { holder: 'us', target: 'resp_1' } })).toEqual(second);
      expect(await find()).toEqual(second);
    });

    test('are replaced once, where many would', async () => {
      const first = aClaim({ holder: 'dead' });
      await store.claim(ACME, first);
      const rivals = Array.from({ length: 20 }, (_, place) => aClaim({ target: `resp_${place + 2}` }));
      const inForce = await Promise.all(rivals.map((claim) => store.claim(ACME, claim, { over: first })));
      expect(new Set(inForce.map(({ target }) => target))).toEqual(new Set([inForce[0]!.target]));
      expect(inForce[0]!.holder).toBe('us');
    });

    test('that are replaced are as young as the new one', async () => {
      await store.claim(ACME, aClaim({ holder: 'dead' }));
      await growOld();
      const next = aClaim({ target: 'resp_2' });
      await store.claim(ACME, next, { over: { holder: 'dead', target: 'resp_1' } });
      await store.forgetRequests({ ...NEVER, claimsMs: 10_000 });
      expect(await store.findClaim(ACME, next.key, 10_000)).toEqual(next);
    });

    test('that are old are found only where the caller looks so far back', async () => {
      await store.claim(ACME, aClaim());
      await growOld();
      expect(await store.findClaim(ACME, aClaim().key, OLD_MS)).toBeUndefined();
      expect(await store.findClaim(ACME, aClaim().key, 10_000)).toEqual(aClaim());
      // They are in force until they are forgotten, or replaced for their age.
      const next = aClaim({ target: 'resp_2' });
      expect(await store.claim(ACME, next)).toEqual(aClaim());
      expect(await store.claim(ACME, next, { olderThanMs: 10_000 })).toEqual(aClaim());
      expect(await store.claim(ACME, next, { olderThanMs: OLD_MS })).toEqual(next);
    });

    test('that were forgotten may be made again, even in place of another', async () => {
      const again = aClaim({ target: 'resp_2' });
      await store.claim(ACME, aClaim());
      await growOld();
      await store.forgetRequests({ ...NEVER, claimsMs: OLD_MS });
      expect(await store.claim(ACME, again, { over: { holder: 'dead', target: 'resp_1' } })).toEqual(again);
    });

    test('take along the turns that were kept for them alone', async () => {
      const hidden = aTurn(newSessionId(NOW), null, { deleted: true });
      const shown = aTurn(newSessionId(NOW), null);
      const continued = aTurn(newSessionId(NOW), null, { deleted: true });
      const turns = [hidden, shown, continued, aTurn(continued.session, continued)];
      for (const turn of turns) {
        await store.commitTurn(turn);
        await store.claim(ACME, aClaim({ key: turn.id, target: turn.id }));
      }
      await store.forgetRequests(NEVER);
      expect(await store.readTurn(ACME, hidden.id)).toBeDefined();
      await growOld();
      await store.forgetRequests({ claimsMs: OLD_MS, fingerprintsMs: OLD_MS });
      const left = await Promise.all(turns.map(({ id }) => store.readTurn(ACME, id)));
      expect(left.map(Boolean)).toEqual([false, true, true, true]);
    });

    test('cannot be changed through what was given or returned', async () => {
      const given = aClaim();
      await store.claim(ACME, given);
      given.target = 'resp_2';
      (await find())!.target = 'resp_3';
      (await store.claim(ACME, aClaim())).target = 'resp_4';
      expect(await find()).toEqual(aClaim());
    });

    test('that are old are forgotten, in all tenants', async () => {
      const keys = Array.from({ length: 500 }, (_, place) => `key ${place}`);
      await Promise.all(keys.map((key) => store.claim(GLOBEX, aClaim({ key }))));
      await store.forgetRequests(NEVER);
      expect(await find('key 0', GLOBEX)).toBeDefined();
      await Bun.sleep(1100);
      await store.claim(ACME, aClaim());
      await store.forgetRequests({ ...NEVER, claimsMs: 1000 });
      const found = await Promise.all(keys.map((key) => find(key, GLOBEX)));
      expect(found.filter(Boolean)).toEqual([]);
      expect(await find()).toEqual(aClaim());
    });

    test('go with the session that is erased: those on it and those on its turns', async () => {
      const turn = aTurn(newSessionId(NOW), null);
      const other = aTurn(newSessionId(NOW), null);
      const claims = [turn.session, turn.id, other.session, other.id, 'resp_1'].map((target) =>
        aClaim({ key: `key of ${target}`, target }),
      );
      for (const claim of claims) {
        await store.claim(ACME, claim);
        await store.claim(GLOBEX, claim);
      }
      for (const _ of [1, 2]) await store.erase(ACME, turn.session);
      await store.erase(ACME, newSessionId(NOW));
      const left = await Promise.all(claims.map(({ key }) => find(key)));
      expect(left).toEqual([undefined, undefined, ...claims.slice(2)]);
      const foreign = await Promise.all(claims.map(({ key }) => find(key, GLOBEX)));
      expect(foreign).toEqual(claims);
      const again = { ...claims[0]!, target: newSessionId(NOW) };
      expect(await store.claim(ACME, again)).toEqual(again);
    });
  });

  describe('fingerprints', () => {
    const fingerprint = '0123456789abcdef';
    const another = 'fedcba9876543210';
    const commit = async (fields: Parameters<typeof aTurn>[2]) => {
      const row = aTurn(newSessionId(NOW), null, { fingerprint, ...fields });
      await store.commitTurn(row);
      return row;
    };
    const findTurn = (wanted = fingerprint, tenant = ACME) => store.findByFingerprint(tenant, wanted, DAY_MS);

    test('lead to the latest turn that has them', async () => {
      expect(await findTurn()).toBeUndefined();
      await commit({ createdAt: NOW + 1 });
      const latest = await commit({});
      await commit({ createdAt: NOW + 2, fingerprint: another });
      await commit({ createdAt: NOW + 3, fingerprint: undefined });
      expect(await findTurn()).toBe(latest.id);
      expect(await findTurn('0'.repeat(16))).toBeUndefined();
    });

    test('are looked for as far back as asked: the time of the commit counts, not that of the turn', async () => {
      const turn = await commit({ createdAt: 1 });
      const early = await commit({ createdAt: Date.now() + DAY_MS, fingerprint: another });
      expect(await store.findByFingerprint(ACME, fingerprint, 10_000)).toBe(turn.id);
      await growOld();
      expect(await store.findByFingerprint(ACME, fingerprint, OLD_MS)).toBeUndefined();
      expect(await store.findByFingerprint(ACME, another, OLD_MS)).toBeUndefined();
      expect(await store.findByFingerprint(ACME, another, 10_000)).toBe(early.id);
    });

    test('of tenants are apart', async () => {
      const ours = await commit({});
      await commit({ tenant: GLOBEX, fingerprint: another });
      expect(await findTurn(fingerprint, GLOBEX)).toBeUndefined();
      const theirs = await commit({ tenant: GLOBEX });
      expect(await findTurn(fingerprint, GLOBEX)).toBe(theirs.id);
      expect(await findTurn()).toBe(ours.id);
    });

    test('are no part of the turn that is read', async () => {
      const { fingerprint: _, ...row } = await commit({});
      expect(await store.readTurn(ACME, row.id)).toStrictEqual(row);
    });

    test('of a turn committed again are those of the first time', async () => {
      const turn = await commit({});
      await store.commitTurn({ ...turn, fingerprint: another });
      expect(await findTurn()).toBe(turn.id);
      expect(await findTurn(another)).toBeUndefined();
    });

    test('that are old are forgotten, and their turns stay', async () => {
      const row = (fields: Parameters<typeof aTurn>[2]) =>
        aTurn(newSessionId(NOW), null, { body: '""', ...fields });
      const old = Array.from({ length: 500 }, (_, place) =>
        row({ createdAt: NOW + place, fingerprint: String(place).padStart(16, '0') }),
      );
      await Promise.all(old.map((turn) => store.commitTurn(turn)));
      await store.forgetRequests(NEVER);
      expect(await findTurn(old[0]!.fingerprint)).toBe(old[0]!.id);
      await Bun.sleep(1100);
      const young = row({ createdAt: 1, fingerprint });
      await store.commitTurn(young);
      await store.forgetRequests({ ...NEVER, fingerprintsMs: 1000 });
      const found = await Promise.all(old.map((turn) => findTurn(turn.fingerprint)));
      expect(found.filter(Boolean)).toEqual([]);
      expect(await findTurn()).toBe(young.id);
      expect(await store.readTurn(ACME, old[0]!.id)).toBeDefined();
    });

    test('go with a turn that is erased', async () => {
      const turn = await commit({ deleted: true });
      await store.claim(ACME, aClaim({ target: turn.id }));
      await growOld();
      await store.forgetRequests({ ...NEVER, claimsMs: OLD_MS });
      expect(await store.readTurn(ACME, turn.id)).toBeUndefined();
      expect(await findTurn()).toBeUndefined();
      await store.forgetRequests({ claimsMs: OLD_MS, fingerprintsMs: OLD_MS });
    });

    test('go with the session that is erased', async () => {
      const [first, other] = [await commit({ fingerprint: another }), await commit({})];
      const foreign = aTurn(sessionOf(first.id), null, { tenant: GLOBEX, fingerprint: another });
      await store.commitTurn(foreign);
      for (const _ of [1, 2]) await store.erase(ACME, first.session);
      expect(await findTurn(another)).toBeUndefined();
      expect(await findTurn()).toBe(other.id);
      expect(await findTurn(another, GLOBEX)).toBe(foreign.id);
      // A turn that is stored next must not be taken for the erased one.
      await commit({ fingerprint: undefined });
      expect(await findTurn(another)).toBeUndefined();
    });

    test('and claims are forgotten apart', async () => {
      const turn = await commit({});
      await store.claim(ACME, aClaim());
      await growOld();
      await store.forgetRequests({ ...NEVER, claimsMs: OLD_MS });
      expect(await find()).toBeUndefined();
      expect(await findTurn()).toBe(turn.id);
    });
  });
}
