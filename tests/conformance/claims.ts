import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { newSessionId } from '../../src/core/ids.ts';
import type { Claim, SessionStore } from '../../src/session/store.ts';
import { ACME, aTurn, GLOBEX, NOW } from './turn-rows.ts';

export const aClaim = (fields: Partial<Claim> = {}): Claim => ({
  key: 'POST /v1/responses 4711',
  fingerprint: 'ab'.repeat(32),
  target: 'resp_1',
  holder: 'us',
  createdAt: NOW,
  ...fields,
});

/** What every `SessionStore` does about requests that come again. */
export function claimConformance(name: string, makeStore: () => Promise<SessionStore>): void {
  let store: SessionStore;
  beforeEach(async () => {
    store = await makeStore();
  });
  afterEach(() => store.close());

  describe(`${name}: claims`, () => {
    test('stand as they were made, and the first one stays', async () => {
      const first = aClaim();
      expect(await store.findClaim(ACME, first.key)).toBeUndefined();
      expect(await store.claim(ACME, first)).toEqual(first);
      const second = aClaim({ target: 'resp_2', holder: 'them', createdAt: NOW + 1, fingerprint: 'other' });
      expect(await store.claim(ACME, second)).toEqual(first);
      expect(await store.findClaim(ACME, first.key)).toEqual(first);
    });

    test('on different keys are apart', async () => {
      const [first, second] = [aClaim(), aClaim({ key: 'POST /v1/responses 4712' })];
      expect(await store.claim(ACME, first)).toEqual(first);
      expect(await store.claim(ACME, second)).toEqual(second);
    });

    test('of tenants are apart', async () => {
      const [ours, theirs] = [aClaim(), aClaim({ target: 'resp_2' })];
      await store.claim(ACME, ours);
      expect(await store.findClaim(GLOBEX, ours.key)).toBeUndefined();
      expect(await store.claim(GLOBEX, theirs, ours)).toEqual(theirs);
      expect(await store.findClaim(ACME, ours.key)).toEqual(ours);
    });

    test('made at once have one winner', async () => {
      const rivals = Array.from({ length: 20 }, (_, place) => aClaim({ target: `resp_${place}` }));
      const standing = await Promise.all(rivals.map((claim) => store.claim(ACME, claim)));
      expect(new Set(standing.map(({ target }) => target)).size).toBe(1);
      expect(await store.findClaim(ACME, rivals[0]!.key)).toEqual(standing[0]!);
    });

    test('are replaced by who knows them, whole', async () => {
      const first = aClaim();
      const second = aClaim({ target: 'resp_2', holder: 'them', createdAt: NOW + 1, fingerprint: 'other' });
      await store.claim(ACME, first);
      expect(await store.claim(ACME, second, { holder: 'us', target: 'resp_2' })).toEqual(first);
      expect(await store.claim(ACME, second, { holder: 'them', target: 'resp_1' })).toEqual(first);
      expect(await store.claim(ACME, second, { holder: 'us', target: 'resp_1' })).toEqual(second);
      expect(await store.findClaim(ACME, first.key)).toEqual(second);
    });

    test('are replaced once, where many would', async () => {
      const first = aClaim({ holder: 'dead' });
      await store.claim(ACME, first);
      const rivals = Array.from({ length: 20 }, (_, place) => aClaim({ target: `resp_${place + 2}` }));
      const standing = await Promise.all(rivals.map((claim) => store.claim(ACME, claim, first)));
      expect(new Set(standing.map(({ target }) => target))).toEqual(new Set([standing[0]!.target]));
      expect(standing[0]!.holder).toBe('us');
    });

    test('that were forgotten may be made again, even in place of another', async () => {
      const again = aClaim({ target: 'resp_2' });
      await store.claim(ACME, aClaim());
      await store.forgetRequests(NOW + 1, 0);
      expect(await store.claim(ACME, again, { holder: 'dead', target: 'resp_1' })).toEqual(again);
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
      await store.forgetRequests(NOW, NOW);
      expect(await store.readTurn(ACME, hidden.id)).toBeDefined();
      await store.forgetRequests(NOW + 1, NOW + 1);
      const left = await Promise.all(turns.map(({ id }) => store.readTurn(ACME, id)));
      expect(left.map(Boolean)).toEqual([false, true, true, true]);
    });

    test('cannot be changed through what was given or returned', async () => {
      const given = aClaim();
      await store.claim(ACME, given);
      given.target = 'resp_2';
      (await store.findClaim(ACME, given.key))!.target = 'resp_3';
      (await store.claim(ACME, aClaim())).target = 'resp_4';
      expect(await store.findClaim(ACME, given.key)).toEqual(aClaim());
    });

    test('made before a time are forgotten, in all tenants', async () => {
      const keys = Array.from({ length: 500 }, (_, place) => `key ${place}`);
      const old = keys.map((key) => store.claim(GLOBEX, aClaim({ key, createdAt: NOW - 1 })));
      await Promise.all([...old, store.claim(ACME, aClaim())]);
      await store.forgetRequests(NOW, NOW);
      const found = await Promise.all(keys.map((key) => store.findClaim(GLOBEX, key)));
      expect(found.filter(Boolean)).toEqual([]);
      expect(await store.findClaim(ACME, aClaim().key)).toEqual(aClaim());
    });
  });

  describe(`${name}: fingerprints`, () => {
    const fingerprint = '0123456789abcdef';
    const commit = async (fields: Parameters<typeof aTurn>[2]) => {
      const row = aTurn(newSessionId(NOW), null, { fingerprint, ...fields });
      await store.commitTurn(row);
      return row;
    };

    test('lead to the latest turn that has them', async () => {
      expect(await store.findRepeated(ACME, fingerprint, 0)).toBeUndefined();
      await commit({});
      const latest = await commit({ createdAt: NOW + 1 });
      await commit({ createdAt: NOW + 2, fingerprint: 'fedcba9876543210' });
      await commit({ createdAt: NOW + 3, fingerprint: undefined });
      expect(await store.findRepeated(ACME, fingerprint, 0)).toBe(latest.id);
      expect(await store.findRepeated(ACME, '0'.repeat(16), 0)).toBeUndefined();
    });

    test('are looked for as far back as asked', async () => {
      const turn = await commit({});
      expect(await store.findRepeated(ACME, fingerprint, NOW)).toBe(turn.id);
      expect(await store.findRepeated(ACME, fingerprint, NOW + 1)).toBeUndefined();
    });

    test('of tenants are apart', async () => {
      const ours = await commit({});
      await commit({ tenant: GLOBEX, fingerprint: 'fedcba9876543210' });
      expect(await store.findRepeated(GLOBEX, fingerprint, 0)).toBeUndefined();
      const theirs = await commit({ tenant: GLOBEX });
      expect(await store.findRepeated(GLOBEX, fingerprint, 0)).toBe(theirs.id);
      expect(await store.findRepeated(ACME, fingerprint, 0)).toBe(ours.id);
    });

    test('are no part of the turn that is read', async () => {
      const { fingerprint: _, ...row } = await commit({});
      expect(await store.readTurn(ACME, row.id)).toStrictEqual(row);
    });

    test('of a turn committed again are those of the first time', async () => {
      const turn = await commit({});
      await store.commitTurn({ ...turn, fingerprint: 'fedcba9876543210' });
      expect(await store.findRepeated(ACME, fingerprint, 0)).toBe(turn.id);
      expect(await store.findRepeated(ACME, 'fedcba9876543210', 0)).toBeUndefined();
    });

    test('of turns begun before a time are forgotten, in whatever order they ended', async () => {
      const row = (createdAt: number, fingerprint: string) =>
        aTurn(newSessionId(NOW), null, { createdAt, fingerprint, body: '""' });
      const young = row(NOW, fingerprint);
      const old = Array.from({ length: 500 }, (_, place) => row(NOW - 1, String(place).padStart(16, '0')));
      await Promise.all([young, ...old].map((turn) => store.commitTurn(turn)));
      await store.forgetRequests(NOW, NOW);
      const found = await Promise.all(old.map((turn) => store.findRepeated(ACME, turn.fingerprint!, 0)));
      expect(found.filter(Boolean)).toEqual([]);
      expect(await store.findRepeated(ACME, fingerprint, 0)).toBe(young.id);
      expect(await store.readTurn(ACME, old[0]!.id)).toBeDefined();
    });

    test('go with a turn that is erased', async () => {
      const turn = await commit({ deleted: true });
      await store.claim(ACME, aClaim({ target: turn.id }));
      await store.forgetRequests(NOW + 1, 0);
      expect(await store.readTurn(ACME, turn.id)).toBeUndefined();
      expect(await store.findRepeated(ACME, fingerprint, 0)).toBeUndefined();
      await store.forgetRequests(NOW + 1, NOW + 1);
    });

    test('and claims are forgotten apart', async () => {
      const turn = await commit({});
      await store.claim(ACME, aClaim());
      await store.forgetRequests(NOW + 1, NOW);
      expect(await store.findClaim(ACME, aClaim().key)).toBeUndefined();
      expect(await store.findRepeated(ACME, fingerprint, 0)).toBe(turn.id);
    });
  });
}
