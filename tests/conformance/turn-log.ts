import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { newSessionId, newTurnId, type SessionId } from '../../src/core/ids.ts';
import type { Tenant } from '../../src/core/request.ts';
import type { ListQuery, TurnLog, TurnRow } from '../../src/session/turn-log.ts';
import { ACME, aSession, aTurn, faultOf, GLOBEX, NOW } from './turn-rows.ts';

/** What every `TurnLog` does. `makeStore` gives an empty one; the suite closes it. */
export function turnLogConformance(name: string, makeStore: () => Promise<TurnLog>): void {
  describe(`${name}: turn log,`, () => {
    let store: TurnLog;
    let session: SessionId;

    beforeEach(async () => {
      store = await makeStore();
      session = newSessionId(NOW);
    });
    afterEach(() => store.close());

    async function commitBranch(length: number, fields: Partial<TurnRow> = {}): Promise<TurnRow[]> {
      const rows: TurnRow[] = [];
      for (let i = 0; i < length; i++) rows.push(aTurn(session, rows.at(-1) ?? null, fields));
      await Promise.all(rows.map((row) => store.commitTurn(row)));
      return rows;
    }

    describe('sessions', () => {
      test('are found by id and by name, as they were made', async () => {
        const made = aSession({ name: 'trip', metadata: { 'a "key"': 'välue' } });
        expect(await store.createSession(made)).toEqual(made);
        expect(await store.findSession(ACME, { id: made.id })).toEqual(made);
        expect(await store.findSession(ACME, { name: 'trip' })).toEqual(made);
      });

      test('without a name have none', async () => {
        const made = aSession();
        await store.createSession(made);
        await store.createSession(aSession());
        expect(await store.findSession(ACME, { id: made.id })).toEqual(made);
      });

      test('that were never made are not found', async () => {
        expect(await store.findSession(ACME, { id: session })).toBeUndefined();
        expect(await store.findSession(ACME, { name: 'trip' })).toBeUndefined();
      });

      test('with a taken name are the existing ones, and nothing changes', async () => {
        const first = aSession({ name: 'trip', metadata: { by: 'first' } });
        const second = aSession({ name: 'trip', metadata: { by: 'second' } });
        const made = await Promise.all([store.createSession(first), store.createSession(second)]);
        expect(made).toEqual([first, first]);
        expect(await store.findSession(ACME, { id: second.id })).toBeUndefined();
      });

      test('made twice are made once', async () => {
        const made = aSession({ metadata: { by: 'first' } });
        await store.createSession(made);
        expect(await store.createSession({ ...made, metadata: {} })).toEqual(made);
      });

      test('take new metadata in place of the old', async () => {
        const made = await store.createSession(aSession({ metadata: { a: '1', b: '2' } }));
        expect(await store.updateSession(ACME, made.id, { c: '3' })).toEqual({
          ...made,
          metadata: { c: '3' },
        });
        expect(await store.updateSession(ACME, made.id, {})).toEqual({ ...made, metadata: {} });
        expect(await store.findSession(ACME, { id: made.id })).toEqual({ ...made, metadata: {} });
        expect(await store.updateSession(ACME, session, {})).toBeUndefined();
      });

      test('take another name and tags, unless another session has the name', async () => {
        const made = await store.createSession(aSession({ name: 'trip', metadata: { a: '1' } }));
        await store.createSession(aSession({ name: 'taken' }));
        expect(await store.labelSession(ACME, made.id, { name: 'taken' })).toBe('taken');
        const labelled = { ...made, name: 'next', tags: ['vip', 'ü'] };
        expect(await store.labelSession(ACME, made.id, { name: 'next', tags: ['vip', 'ü'] })).toEqual(
          labelled,
        );
        expect(await store.findSession(ACME, { name: 'trip' })).toBeUndefined();
        expect(await store.findSession(ACME, { name: 'next' })).toEqual(labelled);
        const { name: _, ...bare } = made;
        expect(await store.labelSession(ACME, made.id, {})).toEqual(bare);
        expect(await store.findSession(ACME, { id: made.id })).toEqual(bare);
        expect(await store.labelSession(ACME, session, { name: 'x' })).toBeUndefined();
        expect(await store.labelSession(GLOBEX, made.id, { name: 'x' })).toBeUndefined();
      });

      test('are rewound to any of their turns on a line, in their tenant', async () => {
        const { id } = await store.createSession(aSession({ id: session }));
        const [first, second] = await commitBranch(2);
        const beside = aTurn(id, first!, { line: null });
        const side = aTurn(id, first!, { line: 3 });
        await store.commitTurn(beside);
        await store.commitTurn(side);
        expect(await store.rewind(ACME, second!.id)).toMatchObject({ id, head: second!.id });
        expect(await store.rewind(ACME, side.id)).toMatchObject({ head: side.id, main: 3 });
        expect(await store.rewind(ACME, first!.id)).toMatchObject({ head: first!.id });
        expect((await store.findSession(ACME, { id }))?.main).toBeUndefined();
        expect(await store.rewind(ACME, beside.id)).toBeUndefined();
        expect(await store.rewind(ACME, newTurnId(id, NOW))).toBeUndefined();
        expect(await store.rewind(GLOBEX, second!.id)).toBeUndefined();
        expect((await store.findSession(ACME, { id }))?.head).toBe(first!.id);
      });

      test('that are deleted free their name and leave their turns', async () => {
        const made = await store.createSession(aSession({ name: 'trip' }));
        const turn = aTurn(made.id, null);
        await store.commitTurn(turn);
        expect(await store.deleteSession(ACME, made.id)).toBe(true);
        expect(await store.deleteSession(ACME, made.id)).toBe(false);
        expect(await store.findSession(ACME, { id: made.id })).toBeUndefined();
        expect(await store.findSession(ACME, { name: 'trip' })).toBeUndefined();
        expect(await store.readTurn(ACME, turn.id)).toEqual(turn);
        const next = aSession({ name: 'trip' });
        expect(await store.createSession(next)).toEqual(next);
      });

      test('cannot be changed through what was given or returned', async () => {
        const given = aSession({ metadata: { a: '1' } });
        await store.createSession(given);
        given.metadata.a = '2';
        const found = await store.findSession(ACME, { id: given.id });
        found!.metadata.a = '3';
        expect((await store.findSession(ACME, { id: given.id }))?.metadata).toEqual({ a: '1' });
      });
    });

    describe('turns', () => {
      test('are read as they were committed', async () => {
        const root = aTurn(session, null);
        const turn = aTurn(session, root, {
          state: 'incomplete',
          dialect: 'chat',
          listed: true,
          model: '',
          digest: 'not Hex',
          metadata: { key: 'välue' },
          hidden: ['i0'],
          body: JSON.stringify('x'.repeat(100_000)),
        });
        expect(await store.commitTurn(root)).toBe(true);
        expect(await store.commitTurn(turn)).toBe(true);
        expect(await store.readTurn(ACME, root.id)).toEqual(root);
        expect(await store.readTurn(ACME, turn.id)).toEqual(turn);
        expect(await store.readTurn(ACME, newTurnId(session, NOW))).toBeUndefined();
      });

      test.each(['completed', 'incomplete', 'failed', 'cancelled'] as const)(
        'keep the state %s',
        async (state) => {
          const turn = aTurn(session, null, { state });
          await store.commitTurn(turn);
          expect((await store.readTurn(ACME, turn.id))?.state).toBe(state);
        },
      );

      test('keep the name of their dialect, known or new', async () => {
        const dialects = ['chat', 'responses', 'realtime', 'Välue', 'realtime', 'chat'];
        const turns = dialects.map((dialect) => aTurn(newSessionId(NOW), null, { dialect, listed: true }));
        await Promise.all(turns.map((turn) => store.commitTurn(turn)));
        const found = await Promise.all(turns.map(({ id }) => store.readTurn(ACME, id)));
        expect(found.map((turn) => turn?.dialect)).toEqual(dialects);
        const listed = await store.listTurns(ACME, { limit: 10, order: 'asc' });
        expect(listed.map(({ dialect }) => dialect)).toEqual(dialects);
      });

      test('are committed with events', async () => {
        const turn = aTurn(session, null);
        const events = [{ type: 'store-failed', during: 'a test', failure: new Error('none') } as const];
        expect(await store.commitTurn(turn, { events })).toBe(true);
        expect(await store.readTurn(ACME, turn.id)).toEqual(turn);
      });

      test.each(['', 'ab', 'abc', 'AB', '0f'.repeat(32)])('keep the digest "%s"', async (digest) => {
        const turn = aTurn(session, null, { digest });
        await store.commitTurn(turn);
        expect((await store.readTurn(ACME, turn.id))?.digest).toBe(digest);
      });

      test('committed again change nothing', async () => {
        const made = await store.createSession(aSession({ id: session }));
        const turn = aTurn(session, null);
        expect(await store.commitTurn(turn, { move: { from: null } })).toBe(true);
        expect(await store.commitTurn({ ...turn, body: '"other"' }, { move: { from: null } })).toBe(true);
        expect(await store.readTurn(ACME, turn.id)).toEqual(turn);
        expect(await store.readTree(ACME, session)).toHaveLength(1);
        expect((await store.findSession(ACME, { id: made.id }))?.head).toBe(turn.id);
      });

      test('that follow a turn that is not stored are refused', async () => {
        const turn = aTurn(session, aTurn(session, null));
        expect(await faultOf(store.commitTurn(turn))).toBe('context_lost');
        expect(await store.readTurn(ACME, turn.id)).toBeUndefined();
      });

      test('move the head from where it is', async () => {
        await store.createSession(aSession({ id: session }));
        const first = aTurn(session, null);
        const second = aTurn(session, first);
        expect(await store.commitTurn(first, { move: { from: null } })).toBe(true);
        expect(await store.commitTurn(second, { move: { from: first.id } })).toBe(true);
        expect((await store.findSession(ACME, { id: session }))?.head).toBe(second.id);
      });

      test('of racing movers move the head once; the others are stored as forks', async () => {
        await store.createSession(aSession({ id: session }));
        const root = aTurn(session, null);
        await store.commitTurn(root, { move: { from: null } });
        const rivals = Array.from({ length: 20 }, () => aTurn(session, root));
        const moved = await Promise.all(
          rivals.map((row) => store.commitTurn(row, { move: { from: root.id } })),
        );
        expect(moved.filter(Boolean)).toHaveLength(1);
        const winner = rivals[moved.indexOf(true)]!;
        expect((await store.findSession(ACME, { id: session }))?.head).toBe(winner.id);
        expect(await store.readTree(ACME, session)).toHaveLength(21);
      });

      test('do not move the head of a session that is not there', async () => {
        const turn = aTurn(session, null);
        expect(await store.commitTurn(turn, { move: { from: null } })).toBe(false);
        expect(await store.readTurn(ACME, turn.id)).toEqual(turn);
      });

      test('may be amended', async () => {
        const [, turn] = await commitBranch(2);
        const id = turn!.id;
        expect(await store.amendTurn(ACME, id, { metadata: { a: '1' } })).toEqual({
          ...turn!,
          metadata: { a: '1' },
        });
        await store.amendTurn(ACME, id, { hide: ['i0', 'o1'] });
        await store.amendTurn(ACME, id, { hide: ['o1', 'o2'], metadata: {} });
        await store.amendTurn(ACME, id, { deleted: true });
        const amended = { ...turn!, hidden: ['i0', 'o1', 'o2'], deleted: true };
        expect(await store.amendTurn(ACME, id, {})).toEqual(amended);
        expect(await store.readTurn(ACME, id)).toEqual(amended);
        expect(await store.amendTurn(ACME, newTurnId(session, NOW), { deleted: true })).toBeUndefined();
      });
    });

    describe('turns that are found by their history', () => {
      const found = { isFoundByHistory: true as const };

      async function commitIn(fields: Partial<TurnRow>, of = aSession()): Promise<TurnRow> {
        await store.createSession(of);
        const row = aTurn(of.id, null, { tenant: of.tenant, ...fields });
        await store.commitTurn(row);
        return row;
      }

      test('the first digest that a turn has counts, and of its turns the latest', async () => {
        await commitIn({ ...found, digest: 'aa11' });
        const latest = await commitIn({ ...found, digest: 'aa11' });
        const longer = await commitIn({ ...found, digest: 'b22' });
        expect(await store.findByHistory(ACME, ['ff', 'aa11', 'b22'])).toBe(latest.session);
        expect(await store.findByHistory(ACME, ['b22', 'aa11'])).toBe(longer.session);
        expect(await store.findByHistory(ACME, ['ff'])).toBeUndefined();
        expect(await store.findByHistory(ACME, [])).toBeUndefined();
      });

      test('other turns are not, nor those of other tenants', async () => {
        await commitIn({ digest: 'aa11' });
        await commitIn({ ...found, digest: 'aa11' }, aSession({ tenant: GLOBEX }));
        expect(await store.findByHistory(ACME, ['aa11'])).toBeUndefined();
      });

      test('are not found any more when their session is deleted or erased', async () => {
        const deleted = await commitIn({ ...found, digest: 'aa11' });
        const erased = await commitIn({ ...found, digest: 'aa12' });
        await store.deleteSession(ACME, deleted.session);
        await store.erase(ACME, erased.session);
        await store.createSession(aSession({ id: erased.session }));
        expect(await store.findByHistory(ACME, ['aa11', 'aa12'])).toBeUndefined();
      });
    });

    describe('branches', () => {
      test('are read whole, oldest first', async () => {
        const rows = await commitBranch(5);
        expect(await store.readBranch(ACME, rows[4]!.id, Number.POSITIVE_INFINITY)).toEqual(rows);
        expect(await store.readBranch(ACME, rows[2]!.id, 10_000)).toEqual(rows.slice(0, 3));
      });

      test('hold only their own turns', async () => {
        const rows = await commitBranch(3);
        const fork = aTurn(session, rows[0]!);
        await store.commitTurn(fork);
        expect(await store.readBranch(ACME, fork.id, 10_000)).toEqual([rows[0]!, fork]);
      });

      test('are cut by tokens, but for their root', async () => {
        const rows = await commitBranch(6);
        expect(await store.readBranch(ACME, rows[5]!.id, 200)).toEqual([rows[0]!, rows[4]!, rows[5]!]);
        expect(await store.readBranch(ACME, rows[5]!.id, 600)).toEqual(rows);
        expect(await store.readBranch(ACME, rows[5]!.id, 1)).toEqual([rows[0]!, rows[5]!]);
        expect(await store.readBranch(ACME, rows[0]!.id, 1)).toEqual([rows[0]!]);
      });

      test('of a turn that is not there are empty', async () => {
        expect(await store.readBranch(ACME, newTurnId(session, NOW), 1000)).toEqual([]);
      });

      test('of a session end in its head, and are found by id and by name', async () => {
        const rows = await commitBranch(3);
        const made = await store.createSession(aSession({ id: session, name: 'trip', head: rows[1]!.id }));
        const head = { session: made, branch: rows.slice(0, 2) };
        expect(await store.readHead(ACME, { id: session }, 10_000)).toEqual(head);
        expect(await store.readHead(ACME, { name: 'trip' }, 10_000)).toEqual(head);
        expect(await store.readHead(ACME, { name: 'trip' }, 1)).toEqual(head);
        expect(await store.readHead(GLOBEX, { id: session }, 10_000)).toBeUndefined();
        expect(await store.readHead(ACME, { id: newSessionId(NOW) }, 10_000)).toBeUndefined();
      });

      test('are not read again where the caller knows the head, until an item is hidden', async () => {
        const rows = await commitBranch(2);
        const made = await store.createSession(aSession({ id: session, head: rows[1]!.id }));
        const known = { head: rows[1]!.id, edits: 0 };
        expect(await store.readHead(ACME, { id: session }, 1000, known)).toEqual({ session: made });
        const stale = { head: rows[0]!.id, edits: 0 };
        expect((await store.readHead(ACME, { id: session }, 1000, stale))?.branch).toEqual(rows);
        await store.amendTurn(ACME, rows[0]!.id, { hide: ['i0'] });
        const after = await store.readHead(ACME, { id: session }, 1000, known);
        expect(after?.session.edits).toBe(1);
        expect(after?.branch?.[0]?.hidden).toEqual(['i0']);
      });

      test('of an empty session are empty', async () => {
        const made = await store.createSession(aSession());
        expect(await store.readHead(ACME, { id: made.id }, 1)).toEqual({ session: made, branch: [] });
      });

      test('with two roots in one session keep apart', async () => {
        const [first] = await commitBranch(2);
        const second = await commitBranch(2);
        expect(await store.readBranch(ACME, second[1]!.id, 10_000)).toEqual(second);
        expect(second).not.toContainEqual(first);
      });

      test('of 10,000 turns are read at their end, in one piece', async () => {
        const rows = await commitBranch(10_000, { body: '"short"' });
        const end = await store.readBranch(
          ACME,
          rows[9999]!.id,
          rows[9999]!.totalTokens - rows[9979]!.totalTokens,
        );
        expect(end).toEqual([rows[0]!, ...rows.slice(9980)]);
        expect(await store.readBranch(ACME, rows[9999]!.id, Number.POSITIVE_INFINITY)).toHaveLength(10_000);
      });

      test('together are a tree, parents first', async () => {
        const rows = await commitBranch(3);
        const fork = aTurn(session, rows[0]!);
        await store.commitTurn(fork);
        const nodes = [...rows, fork].map(({ id, parent, digest, line }) => ({ id, parent, digest, line }));
        expect(await store.readTree(ACME, session)).toEqual(nodes);
        expect(await store.readTree(ACME, newSessionId(NOW))).toEqual([]);
      });
    });

    describe('lists', () => {
      const query = (fields: Partial<ListQuery> = {}): ListQuery => ({ limit: 100, order: 'asc', ...fields });
      const ids = async (fields: Partial<ListQuery> = {}) =>
        (await store.listTurns(ACME, query(fields))).map((row) => row.id);

      test('hold listed turns of all sessions by time', async () => {
        const rows = [2, 0, 1].map((time) =>
          aTurn(newSessionId(NOW), null, { listed: true, createdAt: NOW + time }),
        );
        for (const row of [...rows, aTurn(session, null)]) await store.commitTurn(row);
        const [last, first, middle] = rows.map((row) => row.id);
        expect(await ids()).toEqual([first!, middle!, last!]);
        expect(await ids({ order: 'desc' })).toEqual([last!, middle!, first!]);
        expect((await store.listTurns(ACME, query()))[2]).toEqual(rows[0]!);
      });

      test.each(['asc', 'desc'] as const)('are paged (%s), also within one millisecond', async (order) => {
        for (let i = 0; i < 7; i++) await store.commitTurn(aTurn(newSessionId(NOW), null, { listed: true }));
        const whole = await ids({ order });
        const paged = await ids({ order, limit: 3 });
        while (paged.length < 7) paged.push(...(await ids({ order, limit: 3, after: paged.at(-1)! })));
        expect(paged).toEqual(whole);
        expect(await ids({ order, after: whole.at(-1)! })).toEqual([]);
      });

      test('leave out what is deleted, and can still go on after it', async () => {
        const rows = Array.from({ length: 3 }, () => aTurn(session, null, { listed: true }));
        for (const row of rows) await store.commitTurn(row);
        await store.amendTurn(ACME, rows[1]!.id, { deleted: true });
        expect(await ids()).toEqual([rows[0]!.id, rows[2]!.id]);
        expect(await ids({ after: rows[1]!.id })).toEqual([rows[2]!.id]);
        expect(await ids({ after: newTurnId(session, NOW) })).toEqual([]);
      });

      test('are filtered by model and metadata', async () => {
        const metadatas = [{}, { a: '1' }, { a: '1', 'b "c".d': '2' }, { a: '2' }];
        const rows = metadatas.map((metadata) =>
          aTurn(session, null, { listed: true, metadata: { ...metadata } as Record<string, string> }),
        );
        rows.push(aTurn(session, null, { listed: true, model: 'other' }));
        for (const row of rows) await store.commitTurn(row);
        const [plain, one, both, , other] = rows.map((row) => row.id);
        expect(await ids({ model: 'other' })).toEqual([other!]);
        expect(await ids({ metadata: { a: '1' } })).toEqual([one!, both!]);
        expect(await ids({ metadata: { a: '1', 'b "c".d': '2' } })).toEqual([both!]);
        expect(await ids({ metadata: {}, model: 'gpt-5', limit: 1 })).toEqual([plain!]);
      });
    });

    describe('tenants', () => {
      test('do not see or change what belongs to another', async () => {
        const made = await store.createSession(aSession({ id: session, name: 'trip' }));
        const turn = aTurn(session, null, { listed: true });
        await store.commitTurn(turn, { move: { from: null } });
        const before = { ...made, head: turn.id };

        expect(await store.findSession(GLOBEX, { id: session })).toBeUndefined();
        expect(await store.findSession(GLOBEX, { name: 'trip' })).toBeUndefined();
        expect(await store.updateSession(GLOBEX, session, { a: '1' })).toBeUndefined();
        expect(await store.deleteSession(GLOBEX, session)).toBe(false);
        expect(await store.readTurn(GLOBEX, turn.id)).toBeUndefined();
        expect(await store.readBranch(GLOBEX, turn.id, 1000)).toEqual([]);
        expect(await store.readTree(GLOBEX, session)).toEqual([]);
        expect(await store.amendTurn(GLOBEX, turn.id, { deleted: true })).toBeUndefined();
        expect(await store.listTurns(GLOBEX, { limit: 10, order: 'asc' })).toEqual([]);
        expect(await store.listTurns(GLOBEX, { limit: 10, order: 'asc', after: turn.id })).toEqual([]);
        const follower = aTurn(session, turn, { tenant: GLOBEX });
        expect(await faultOf(store.commitTurn(follower))).toBe('context_lost');

        expect(await store.findSession(ACME, { id: session })).toEqual(before);
        expect(await store.readTurn(ACME, turn.id)).toEqual(turn);
      });

      test('may use the same ids and names', async () => {
        const ours = await store.createSession(aSession({ id: session, name: 'trip' }));
        const theirs = await store.createSession({ ...ours, tenant: GLOBEX, metadata: { a: '1' } });
        const turn = aTurn(session, null);
        expect(await store.commitTurn({ ...turn, tenant: GLOBEX }, { move: { from: null } })).toBe(true);
        expect(await store.readTurn(ACME, turn.id)).toBeUndefined();
        expect(await store.findSession(ACME, { name: 'trip' })).toEqual(ours);
        expect(await store.findSession(GLOBEX, { name: 'trip' })).toEqual({ ...theirs, head: turn.id });
      });
    });

    describe('erasing', () => {
      test('leaves nothing of a session: its record, its turns, deleted ones included', async () => {
        await store.createSession(aSession({ id: session, name: 'trip' }));
        const rows = await commitBranch(5, { listed: true });
        const fork = aTurn(session, rows[1]!, { deleted: true });
        await store.commitTurn(fork);
        await store.amendTurn(ACME, rows[2]!.id, { deleted: true });
        await store.erase(ACME, session);
        for (const { id } of [...rows, fork]) {
          expect(await store.readTurn(ACME, id)).toBeUndefined();
          expect(await store.readBranch(ACME, id, 1000)).toEqual([]);
        }
        expect(await store.readTree(ACME, session)).toEqual([]);
        expect(await store.listTurns(ACME, { limit: 10, order: 'asc' })).toEqual([]);
        expect(await store.findSession(ACME, { id: session })).toBeUndefined();
        expect(await store.readHead(ACME, { name: 'trip' }, 1000)).toBeUndefined();
        expect(await faultOf(store.commitTurn(aTurn(session, rows[4]!)))).toBe('context_lost');
      });

      test('frees the name for a new session', async () => {
        await store.createSession(aSession({ id: session, name: 'trip', metadata: { a: '1' } }));
        await store.erase(ACME, session);
        const next = aSession({ name: 'trip' });
        expect(await store.createSession(next)).toEqual(next);
        const root = aTurn(next.id, null);
        expect(await store.commitTurn(root, { move: { from: null } })).toBe(true);
        expect((await store.readHead(ACME, { name: 'trip' }, 1000))?.branch).toEqual([root]);
      });

      test('takes a session that was deleted, and one that never had a record', async () => {
        const [first] = await commitBranch(2);
        await store.createSession(aSession({ id: session }));
        await store.deleteSession(ACME, session);
        await store.erase(ACME, session);
        expect(await store.readTurn(ACME, first!.id)).toBeUndefined();
        const chain = aTurn(newSessionId(NOW), null);
        await store.commitTurn(chain);
        await store.erase(ACME, chain.session);
        expect(await store.readTurn(ACME, chain.id)).toBeUndefined();
      });

      test('may be done twice, and where there is nothing', async () => {
        await commitBranch(2);
        await store.erase(ACME, session);
        await store.erase(ACME, session);
        await store.erase(ACME, newSessionId(NOW));
        await store.erase('unknown' as Tenant, session);
      });

      test('does not touch other sessions and tenants', async () => {
        const other = await store.createSession(aSession({ name: 'other' }));
        const ours = [aTurn(other.id, null), aTurn(session, null)];
        await store.createSession(aSession({ id: session, name: 'trip' }));
        const theirs = await store.createSession(aSession({ id: session, name: 'trip', tenant: GLOBEX }));
        const foreign = aTurn(session, null, { tenant: GLOBEX });
        for (const row of [...ours, foreign]) await store.commitTurn(row, { move: { from: null } });
        await store.erase(ACME, session);
        expect(await store.readTurn(ACME, ours[1]!.id)).toBeUndefined();
        expect(await store.readHead(ACME, { name: 'other' }, 1000)).toEqual({
          session: { ...other, head: ours[0]!.id },
          branch: [ours[0]!],
        });
        expect(await store.readHead(GLOBEX, { name: 'trip' }, 1000)).toEqual({
          session: { ...theirs, head: foreign.id },
          branch: [foreign],
        });
      });

      test('a session of 2,000 turns does not cut the branches of the next one', async () => {
        await commitBranch(2000, { body: '"short"' });
        const next = newSessionId(NOW);
        const before = aTurn(next, null);
        await store.commitTurn(before);
        await store.erase(ACME, session);
        const after = aTurn(next, before);
        await store.commitTurn(after);
        expect(await store.readBranch(ACME, after.id, 1000)).toEqual([before, after]);
      });
    });
  });
}
