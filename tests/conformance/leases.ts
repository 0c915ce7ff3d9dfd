import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { newSessionId, type SessionId } from '../../src/core/ids.ts';
import type { LeaseRequest, SessionStore, TakenHead, TurnRow } from '../../src/session/store.ts';
import { ACME, aSession, aTurn, GLOBEX, NOW } from './turn-rows.ts';

const UNTIL = NOW + 1000;
const WINDOW = 10_000;

type Taking = ReturnType<SessionStore['takeHead']>;

/** The head that was asked for; fails where somebody else has it. */
export async function taken(asked: Taking): Promise<TakenHead> {
  const head = await asked;
  if (!head || 'heldUntil' in head) throw new Error(`The lease was not given: ${JSON.stringify(head)}`);
  return head;
}

/** What every `SessionStore` does about leases. `makeStore` gives an empty one; the suite closes it. */
export function leaseConformance(name: string, makeStore: () => Promise<SessionStore>): void {
  describe(`${name}: leases`, () => {
    let store: SessionStore;
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

    const take = (holder: string, fields: Partial<LeaseRequest> = {}): Taking =>
      store.takeHead(ACME, { id: session }, WINDOW, { holder, now: NOW, until: UNTIL, ...fields });
    const headOf = async (id = session) => (await store.findSession(ACME, { id }))?.head;

    describe('are given', () => {
      test('with the head, by id and by name', async () => {
        const { token, ...head } = await taken(take('us'));
        expect(Number.isSafeInteger(token)).toBe(true);
        expect(head).toEqual((await store.readHead(ACME, { id: session }, WINDOW))!);
        expect(head.branch).toEqual([root]);
        await store.releaseLease(ACME, session, token);
        const lease = { holder: 'us', now: NOW, until: UNTIL };
        const named = await taken(store.takeHead(ACME, { name: 'trip' }, WINDOW, lease));
        expect(named).toEqual({ ...head, token: named.token });
      });

      test('with no more of the branch than the window reaches', async () => {
        const rows = [root];
        for (let i = 0; i < 4; i++) rows.push(aTurn(session, rows.at(-1)!));
        for (const row of rows.slice(1)) await store.commitTurn(row, { move: { from: row.parent } });
        const lease = { holder: 'us', now: NOW, until: UNTIL };
        const { branch } = await taken(store.takeHead(ACME, { id: session }, 200, lease));
        expect(branch).toEqual([rows[0]!, rows[3]!, rows[4]!]);
      });

      test('without the branch where the caller knows it', async () => {
        const lease = { holder: 'us', now: NOW, until: UNTIL };
        const takeKnown = async (known: { head: TurnRow['parent']; edits: number }) => {
          const head = await taken(store.takeHead(ACME, { name: 'trip' }, WINDOW, lease, known));
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
        const lease = { holder: 'us', now: NOW, until: UNTIL };
        const { token, ...head } = await taken(store.takeHead(ACME, { id: empty.id }, WINDOW, lease));
        expect(head).toEqual({ session: empty, branch: [] });
      });

      test('to one at a time', async () => {
        const { token } = await taken(take('us'));
        expect(await take('them')).toEqual({ heldUntil: UNTIL });
        expect(await take('us', { until: UNTIL + 1 })).toEqual({ heldUntil: UNTIL });
        expect(await take('them', { now: UNTIL - 1 })).toEqual({ heldUntil: UNTIL });
        expect(await store.renewLease(ACME, session, token, UNTIL)).toBe(true);
      });

      test('to one of many who ask at once', async () => {
        const asked = await Promise.all(Array.from({ length: 20 }, (_, place) => take(`holder ${place}`)));
        expect(asked.filter((head) => head && 'token' in head)).toHaveLength(1);
        expect(asked.filter((head) => head && 'heldUntil' in head)).toHaveLength(19);
      });

      test('for each session apart', async () => {
        const other = await store.createSession(aSession());
        await taken(take('us'));
        const lease = { holder: 'them', now: NOW, until: UNTIL };
        await taken(store.takeHead(ACME, { id: other.id }, WINDOW, lease));
      });

      test('only where there is a session', async () => {
        const lease = { holder: 'us', now: NOW, until: UNTIL };
        const later = aSession();
        expect(await store.takeHead(ACME, { id: later.id }, WINDOW, lease)).toBeUndefined();
        expect(await store.takeHead(ACME, { name: 'nobody' }, WINDOW, lease)).toBeUndefined();
        await store.createSession(later);
        await taken(store.takeHead(ACME, { id: later.id }, WINDOW, { ...lease, holder: 'them' }));
        await store.deleteSession(ACME, session);
        expect(await take('us')).toBeUndefined();
      });
    });

    describe('that have expired', () => {
      test('are taken over', async () => {
        const ours = await taken(take('us'));
        const theirs = await taken(take('them', { now: UNTIL, until: UNTIL + 1000 }));
        expect(theirs.token).toBeGreaterThan(ours.token);
        expect(await take('us', { now: UNTIL })).toEqual({ heldUntil: UNTIL + 1000 });
      });

      test('and were taken over let nobody write at the head', async () => {
        const ours = await taken(take('us'));
        const theirs = await taken(take('them', { now: UNTIL, until: UNTIL + 1000 }));
        const late = aTurn(session, root);
        const at = { move: { from: root.id }, token: ours.token };
        expect(await store.commitTurn(late, at)).toBe(false);
        expect(await headOf()).toBe(root.id);
        expect(await store.readTurn(ACME, late.id)).toEqual(late);
        expect(await store.readTree(ACME, session)).toHaveLength(2);

        expect(await take('us', { now: UNTIL })).toEqual({ heldUntil: UNTIL + 1000 });
        const next = aTurn(session, root);
        expect(await store.commitTurn(next, { ...at, token: theirs.token })).toBe(true);
        expect(await headOf()).toBe(next.id);
      });

      test('may be used as long as nobody has taken them over', async () => {
        const { token } = await taken(take('us'));
        expect(await store.renewLease(ACME, session, token, UNTIL + 5000)).toBe(true);
        expect(await take('them', { now: UNTIL })).toEqual({ heldUntil: UNTIL + 5000 });
        const turn = aTurn(session, root);
        expect(await store.commitTurn(turn, { move: { from: root.id }, token })).toBe(true);
      });

      test('and were taken over cannot be renewed or given back', async () => {
        const ours = await taken(take('us'));
        await taken(take('them', { now: UNTIL, until: UNTIL + 1000 }));
        expect(await store.renewLease(ACME, session, ours.token, UNTIL + 9000)).toBe(false);
        await store.releaseLease(ACME, session, ours.token);
        expect(await take('us', { now: UNTIL })).toEqual({ heldUntil: UNTIL + 1000 });
      });
    });

    describe('are given back', () => {
      test('once', async () => {
        const { token } = await taken(take('us'));
        await store.releaseLease(ACME, session, token);
        expect(await store.renewLease(ACME, session, token, UNTIL)).toBe(false);
        await taken(take('them'));
        await store.releaseLease(ACME, session, token);
        expect(await take('us')).toEqual({ heldUntil: UNTIL });
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
        expect(await store.renewLease(ACME, session, token, UNTIL)).toBe(false);
      });

      test('all at once for a process that is dead, in every tenant', async () => {
        const other = await store.createSession(aSession());
        const foreign = await store.createSession(aSession({ tenant: GLOBEX }));
        const takeOther = (holder: string) =>
          store.takeHead(ACME, { id: other.id }, WINDOW, { holder, now: NOW, until: UNTIL });
        const takeForeign = (holder: string) =>
          store.takeHead(GLOBEX, { id: foreign.id }, WINDOW, { holder, now: NOW, until: UNTIL });
        const { token } = await taken(take('dead'));
        await taken(takeForeign('dead'));
        await taken(takeOther('alive'));
        expect((await store.leaseHolders()).sort()).toEqual(['alive', 'dead']);
        await store.releaseLeasesOf('dead');
        await store.releaseLeasesOf('nobody');
        expect(await store.leaseHolders()).toEqual(['alive']);
        expect(await take('us')).toMatchObject({ session: { id: session } });
        await taken(takeForeign('us'));
        expect(await takeOther('us')).toEqual({ heldUntil: UNTIL });

        const late = aTurn(session, root);
        expect(await store.commitTurn(late, { move: { from: root.id }, token })).toBe(false);
        expect(await headOf()).toBe(root.id);
      });
    });

    describe('have tokens', () => {
      test('that nobody can make up', async () => {
        const turn = aTurn(session, root);
        expect(await store.commitTurn(turn, { move: { from: root.id }, token: NOW })).toBe(false);
        expect(await store.renewLease(ACME, session, NOW, UNTIL)).toBe(false);
        expect(await store.readTurn(ACME, turn.id)).toEqual(turn);
      });

      test('that grow within a millisecond and when the clock steps back, however they were given back', async () => {
        const giveBack = [
          (token: number) => store.releaseLease(ACME, session, token),
          (token: number) => store.commitTurn(aTurn(session, root), { token }),
          (token: number) => store.commitTurn(aTurn(session, root), { move: { from: null }, token }),
          () => store.releaseLeasesOf('us'),
          // It has expired, and is taken over.
          async () => {},
        ];
        const tokens: number[] = [];
        for (const now of [NOW, NOW, NOW - 5000, NOW - 5000, NOW + 1, NOW - 60_000]) {
          for (const giveBackOnce of giveBack) {
            const { token } = await taken(take('us', { now, until: 0 }));
            await giveBackOnce(token);
            tokens.push(token);
          }
        }
        expect(tokens).toHaveLength(30);
        expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
        expect(tokens.every(Number.isSafeInteger)).toBe(true);
      });
    });

    test('of tenants with sessions of the same id are apart', async () => {
      await store.createSession(aSession({ id: session, tenant: GLOBEX }));
      const lease = { holder: 'us', now: NOW, until: UNTIL };
      const stranger = newSessionId(NOW);
      expect(await store.takeHead(GLOBEX, { id: stranger }, WINDOW, lease)).toBeUndefined();
      expect(await store.takeHead(GLOBEX, { name: 'trip' }, WINDOW, lease)).toBeUndefined();
      const { token } = await taken(take('us', { now: NOW + 7 }));
      await store.releaseLease(GLOBEX, session, token);
      expect(await store.renewLease(GLOBEX, session, token, UNTIL)).toBe(false);
      const foreign = aTurn(session, null, { tenant: GLOBEX });
      expect(await store.commitTurn(foreign, { move: { from: null }, token })).toBe(false);
      expect(await take('them')).toEqual({ heldUntil: UNTIL });
      await taken(store.takeHead(GLOBEX, { id: session }, WINDOW, lease));
    });
  });
}
