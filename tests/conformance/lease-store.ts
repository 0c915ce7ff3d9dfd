import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { newSessionId, type SessionId } from '../../src/core/ids.ts';
import type { LeaseRequest, LeaseStore, TakenHead } from '../../src/session/lease-store.ts';
import type { TurnLog, TurnRow } from '../../src/session/turn-log.ts';
import { ACME, aSession, aTurn, GLOBEX, NOW } from './turn-rows.ts';

const LASTS_MS = 60_000;
const WINDOW = 10_000;

type Store = LeaseStore & TurnLog;
type Taking = ReturnType<LeaseStore['takeHead']>;

export const aLease = (holder: string, lastsMs = LASTS_MS): LeaseRequest => ({ holder, lastsMs });

/** The head that was asked for; fails where another holder has it. */
export async function taken(asked: Taking): Promise<TakenHead> {
  const head = await asked;
  if (!head || 'expiresInMs' in head) throw new Error(`The lease was not given: ${JSON.stringify(head)}`);
  return head;
}

/** Fails unless the lease is denied because of one that was to last `lastsMs`, not long ago. */
export async function expectDenied(asked: Taking, lastsMs = LASTS_MS): Promise<void> {
  const denied = await asked;
  if (!denied || !('expiresInMs' in denied))
    throw new Error(`The lease was not denied: ${JSON.stringify(denied)}`);
  expect(denied.expiresInMs).toBeGreaterThan(0);
  expect(denied.expiresInMs).toBeLessThanOrEqual(lastsMs);
  expect(denied.expiresInMs).toBeGreaterThan(lastsMs - 20_000);
}

/** What every `LeaseStore` does. `makeStore` gives an empty one; the suite closes it. */
export function leaseStoreConformance(name: string, makeStore: () => Promise<Store>): void {
  describe(`${name}: leases`, () => {
    let store: Store;
    let session: SessionId;
    let root: TurnRow;

    beforeEach(async () => {
      store = await makeStore();
      session = newSessionId(NOW);
      root = aTurn(session, null);
      await store.createSession(aSession({ id: session, name: 'trip' }));
      await store.commitTurn(root, { move: { from: null } });
    });
    afterEach(() => store.close());

    const take = (holder: string, lastsMs = LASTS_MS): Taking =>
      store.takeHead(ACME, { id: session }, WINDOW, aLease(holder, lastsMs));
    const headOf = async (id = session) => (await store.findSession(ACME, { id }))?.head;

    describe('are given', () => {
      test('with the head, by id and by name', async () => {
        const { token, ...head } = await taken(take('us'));
        expect(Number.isSafeInteger(token)).toBe(true);
        expect(head).toEqual((await store.readHead(ACME, { id: session }, WINDOW))!);
        expect(head.branch).toEqual([root]);
        await store.releaseLease(ACME, session, token);
        const named = await taken(store.takeHead(ACME, { name: 'trip' }, WINDOW, aLease('us')));
        expect(named).toEqual({ ...head, token: named.token });
      });

      test('and keep the session from being rewound while they are held', async () => {
        const { token } = await taken(take('us'));
        expect(await store.rewind(ACME, root.id)).toBe('busy');
        await store.releaseLease(ACME, session, token);
        expect(await store.rewind(ACME, root.id)).toMatchObject({ head: root.id });
      });

      test('with no more of the branch than the window reaches', async () => {
        const rows = [root];
        for (let i = 0; i < 4; i++) rows.push(aTurn(session, rows.at(-1)!));
        for (const row of rows.slice(1)) await store.commitTurn(row, { move: { from: row.parent } });
        const { branch } = await taken(store.takeHead(ACME, { id: session }, 200, aLease('us')));
        expect(branch).toEqual([rows[0]!, rows[3]!, rows[4]!]);
      });

      test('without the branch where the caller knows it', async () => {
        const takeKnown = async (known: { head: TurnRow['parent']; edits: number }) => {
          const head = await taken(store.takeHead(ACME, { name: 'trip' }, WINDOW, aLease('us'), known));
          await store.releaseLease(ACME, session, head.token);
          return head.branch;
        };
        expect(await takeKnown({ head: root.id, edits: 0 })).toBeUndefined();
        expect(await takeKnown({ head: null, edits: 0 })).toEqual([root]);
        await store.amendTurn(ACME, root.id, { hide: ['i0'] });
        expect(await takeKnown({ head: root.id, edits: 0 })).toEqual([{ ...root, hidden: ['i0'] }]);
      });

      test('at the head of an empty session', async () => {
        const empty = await store.createSession(aSession());
        const { token, ...head } = await taken(store.takeHead(ACME, { id: empty.id }, WINDOW, aLease('us')));
        expect(head).toEqual({ session: empty, branch: [] });
      });

      test('to one at a time', async () => {
        const { token } = await taken(take('us'));
        await expectDenied(take('them'));
        await expectDenied(take('us', LASTS_MS * 2));
        await expectDenied(take('them', 0));
        expect(await store.renewLease(ACME, session, token, LASTS_MS)).toBe(true);
      });

      test('to one of many that ask at once', async () => {
        const asked = await Promise.all(Array.from({ length: 20 }, (_, place) => take(`holder ${place}`)));
        expect(asked.filter((head) => head && 'token' in head)).toHaveLength(1);
        expect(asked.filter((head) => head && 'expiresInMs' in head)).toHaveLength(19);
      });

      test('for each session apart', async () => {
        const other = await store.createSession(aSession());
        await taken(take('us'));
        await taken(store.takeHead(ACME, { id: other.id }, WINDOW, aLease('them')));
      });

      test('only where there is a session', async () => {
        const later = aSession();
        expect(await store.takeHead(ACME, { id: later.id }, WINDOW, aLease('us'))).toBeUndefined();
        expect(await store.takeHead(ACME, { name: 'unknown' }, WINDOW, aLease('us'))).toBeUndefined();
        await store.createSession(later);
        await taken(store.takeHead(ACME, { id: later.id }, WINDOW, aLease('them')));
        await store.deleteSession(ACME, session);
        expect(await take('us')).toBeUndefined();
      });

      test.each([1_000, 86_400_000, 100 * 365 * 86_400_000])('for %d ms', async (lastsMs) => {
        const { token } = await taken(take('us', lastsMs));
        const denied = await take('them');
        expect(denied).toHaveProperty('expiresInMs');
        const { expiresInMs } = denied as { expiresInMs: number };
        expect(expiresInMs).toBeLessThanOrEqual(lastsMs);
        expect(expiresInMs).toBeGreaterThan(lastsMs * 0.99 - 20_000);
        expect(await store.renewLease(ACME, session, token, lastsMs)).toBe(true);
        expect(await take('them')).toHaveProperty('expiresInMs');
      });
    });

    describe('that have expired', () => {
      test('are taken over', async () => {
        const ours = await taken(take('us', 0));
        const theirs = await taken(take('them'));
        expect(theirs.token).toBeGreaterThan(ours.token);
        await expectDenied(take('us'));
      });

      test('are taken over as soon as their time has passed', async () => {
        await taken(take('us', 50));
        const denied = await take('them');
        if (denied && 'expiresInMs' in denied) expect(denied.expiresInMs).toBeLessThanOrEqual(50);
        await Bun.sleep(60);
        await taken(take('them'));
      });

      test('and were taken over let their holder write nothing at the head', async () => {
        const ours = await taken(take('us', 0));
        const theirs = await taken(take('them'));
        const late = aTurn(session, root);
        const options = { move: { from: root.id }, token: ours.token };
        expect(await store.commitTurn(late, options)).toBe(false);
        expect(await headOf()).toBe(root.id);
        expect(await store.readTurn(ACME, late.id)).toEqual(late);
        expect(await store.readTree(ACME, session)).toHaveLength(2);

        await expectDenied(take('us'));
        const next = aTurn(session, root);
        expect(await store.commitTurn(next, { ...options, token: theirs.token })).toBe(true);
        expect(await headOf()).toBe(next.id);
      });

      test('may be used as long as they have not been taken over', async () => {
        const { token } = await taken(take('us', 0));
        expect(await store.renewLease(ACME, session, token, LASTS_MS)).toBe(true);
        await expectDenied(take('them'));
        expect(await store.renewLease(ACME, session, token, 0)).toBe(true);
        const turn = aTurn(session, root);
        expect(await store.commitTurn(turn, { move: { from: root.id }, token })).toBe(true);
      });

      test('and were taken over cannot be renewed or released', async () => {
        const ours = await taken(take('us', 0));
        await taken(take('them'));
        expect(await store.renewLease(ACME, session, ours.token, LASTS_MS)).toBe(false);
        await store.releaseLease(ACME, session, ours.token);
        await expectDenied(take('us'));
      });
    });

    test('are renewed for a time from now, longer or shorter', async () => {
      const { token } = await taken(take('us'));
      expect(await store.renewLease(ACME, session, token, LASTS_MS * 10)).toBe(true);
      await expectDenied(take('them'), LASTS_MS * 10);
      expect(await store.renewLease(ACME, session, token, 0)).toBe(true);
      await taken(take('them'));
    });

    describe('are released', () => {
      test('once', async () => {
        const { token } = await taken(take('us'));
        await store.releaseLease(ACME, session, token);
        expect(await store.renewLease(ACME, session, token, LASTS_MS)).toBe(false);
        await taken(take('them'));
        await store.releaseLease(ACME, session, token);
        await expectDenied(take('us'));
      });

      test('by the commit that moves the head', async () => {
        const { token } = await taken(take('us'));
        const turn = aTurn(session, root);
        expect(await store.commitTurn(turn, { move: { from: root.id }, token })).toBe(true);
        expect((await taken(take('them'))).branch).toEqual([root, turn]);
      });

      test('by a commit beside the branch', async () => {
        const { token } = await taken(take('us'));
        expect(await store.commitTurn(aTurn(session, root), { token })).toBe(true);
        expect((await taken(take('them'))).session.head).toBe(root.id);
      });

      test('by a commit that cannot move the head', async () => {
        const { token } = await taken(take('us'));
        expect(await store.commitTurn(aTurn(session, root), { move: { from: null }, token })).toBe(false);
        expect((await taken(take('them'))).session.head).toBe(root.id);
      });

      test('by a commit of what is stored already', async () => {
        const turn = aTurn(session, root);
        await store.commitTurn(turn);
        const { token } = await taken(take('us'));
        expect(await store.commitTurn(turn, { move: { from: root.id }, token })).toBe(true);
        expect((await taken(take('them'))).session.head).toBe(root.id);
      });

      test('by a commit after their session was deleted', async () => {
        const { token } = await taken(take('us'));
        await store.deleteSession(ACME, session);
        const turn = aTurn(session, root);
        expect(await store.commitTurn(turn, { move: { from: root.id }, token })).toBe(false);
        expect(await store.readTurn(ACME, turn.id)).toEqual(turn);
        expect(await store.renewLease(ACME, session, token, LASTS_MS)).toBe(false);
      });

      test('all at once for a process that is dead, in every tenant', async () => {
        const other = await store.createSession(aSession());
        const foreign = await store.createSession(aSession({ tenant: GLOBEX }));
        const takeOther = (holder: string) => store.takeHead(ACME, { id: other.id }, WINDOW, aLease(holder));
        const takeForeign = (holder: string) =>
          store.takeHead(GLOBEX, { id: foreign.id }, WINDOW, aLease(holder));
        const { token } = await taken(take('dead'));
        await taken(takeForeign('dead'));
        await taken(takeOther('alive'));
        expect((await store.leaseHolders()).sort()).toEqual(['alive', 'dead']);
        await store.releaseLeasesOf('dead');
        await store.releaseLeasesOf('unknown');
        expect(await store.leaseHolders()).toEqual(['alive']);
        expect(await take('us')).toMatchObject({ session: { id: session } });
        await taken(takeForeign('us'));
        await expectDenied(takeOther('us'));

        const late = aTurn(session, root);
        expect(await store.commitTurn(late, { move: { from: root.id }, token })).toBe(false);
        expect(await headOf()).toBe(root.id);
      });
    });

    test('have holders, expired or not', async () => {
      await taken(take('expired', 0));
      expect(await store.leaseHolders()).toEqual(['expired']);
    });

    describe('have tokens', () => {
      test('that cannot be made up', async () => {
        const turn = aTurn(session, root);
        const made = Date.now();
        expect(await store.commitTurn(turn, { move: { from: root.id }, token: made })).toBe(false);
        expect(await store.renewLease(ACME, session, made, LASTS_MS)).toBe(false);
        expect(await store.readTurn(ACME, turn.id)).toEqual(turn);
      });

      test('that grow, within a millisecond too, in every way in which a lease can end', async () => {
        const tokens: number[] = [];
        for (let round = 0; round < 6; round++) {
          for (const endOnce of waysToEnd(store, () => aTurn(session, root))) {
            const { token } = await taken(take('us', 0));
            await endOnce(token);
            tokens.push(token);
          }
        }
        expect(tokens).toHaveLength(30);
        expectGrowing(tokens);
      });
    });

    test('of tenants with sessions of the same id are apart', async () => {
      await store.createSession(aSession({ id: session, tenant: GLOBEX }));
      const stranger = newSessionId(NOW);
      expect(await store.takeHead(GLOBEX, { id: stranger }, WINDOW, aLease('us'))).toBeUndefined();
      expect(await store.takeHead(GLOBEX, { name: 'trip' }, WINDOW, aLease('us'))).toBeUndefined();
      const { token } = await taken(take('us'));
      await store.releaseLease(GLOBEX, session, token);
      expect(await store.renewLease(GLOBEX, session, token, LASTS_MS)).toBe(false);
      const foreign = aTurn(session, null, { tenant: GLOBEX });
      expect(await store.commitTurn(foreign, { move: { from: null }, token })).toBe(false);
      await expectDenied(take('them'));
      await taken(store.takeHead(GLOBEX, { id: session }, WINDOW, aLease('us')));
    });

    describe('erasing', () => {
      test('ends the lease of the session alone, and may be done twice', async () => {
        const other = await store.createSession(aSession());
        await store.createSession(aSession({ id: session, tenant: GLOBEX }));
        const ours = await taken(take('us'));
        const beside = await taken(store.takeHead(ACME, { id: other.id }, WINDOW, aLease('beside')));
        const foreign = await taken(store.takeHead(GLOBEX, { id: session }, WINDOW, aLease('foreign')));
        for (const _ of [1, 2]) await store.erase(ACME, session);
        expect((await store.leaseHolders()).sort()).toEqual(['beside', 'foreign']);
        expect(await store.renewLease(ACME, session, ours.token, LASTS_MS)).toBe(false);
        expect(await store.renewLease(ACME, other.id, beside.token, LASTS_MS)).toBe(true);
        expect(await store.renewLease(GLOBEX, session, foreign.token, LASTS_MS)).toBe(true);
        expect(await take('them')).toBeUndefined();
      });

      test('leaves a late commit of the lease beside the session that has its name next', async () => {
        const { token } = await taken(take('us'));
        await store.erase(ACME, session);
        const next = await store.createSession(aSession({ name: 'trip' }));
        const late = aTurn(session, null);
        expect(await store.commitTurn(late, { move: { from: null }, token })).toBe(false);
        expect(await headOf(next.id)).toBeNull();
        await taken(store.takeHead(ACME, { name: 'trip' }, WINDOW, aLease('them')));
      });

      test('takes the lease of a session whose record was deleted', async () => {
        await taken(take('us'));
        await store.deleteSession(ACME, session);
        expect(await store.leaseHolders()).toEqual(['us']);
        await store.erase(ACME, session);
        expect(await store.leaseHolders()).toEqual([]);
      });
    });
  });
}

/** Ends a lease of `us` in every way; the last one is that it expires and is taken over. */
export function waysToEnd(store: Store, nextTurn: () => TurnRow): Array<(token: number) => Promise<unknown>> {
  const { tenant, session } = nextTurn();
  return [
    (token) => store.releaseLease(tenant, session, token),
    (token) => store.commitTurn(nextTurn(), { token }),
    (token) => store.commitTurn(nextTurn(), { move: { from: null }, token }),
    () => store.releaseLeasesOf('us'),
    async () => {},
  ];
}

export function expectGrowing(tokens: number[]): void {
  expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
  expect(tokens.every(Number.isSafeInteger)).toBe(true);
}
