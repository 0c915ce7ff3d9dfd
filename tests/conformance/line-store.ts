import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { newSessionId, type SessionId } from '../../src/core/ids.ts';
import { type LineStore, REMEMBERED_LINES } from '../../src/session/line-store.ts';
import type { TurnLog } from '../../src/session/turn-log.ts';
import { ACME, aSession, aTurn, GLOBEX, NOW } from './turn-rows.ts';

type Store = LineStore & TurnLog;

/** What every `LineStore` does. `makeStore` gives an empty one; the suite closes it. */
export function lineStoreConformance(name: string, makeStore: () => Promise<Store>): void {
  describe(`${name}: lines`, () => {
    let store: Store;
    let session: SessionId;

    beforeEach(async () => {
      store = await makeStore();
      session = newSessionId(NOW);
      await store.createSession(aSession({ id: session }));
    });
    afterEach(() => store.close());

    const add = (number: number, opening = `opening ${number}`, agent?: string) =>
      store.addLine(ACME, session, { number, opening, agent });
    const lines = async () => (await store.readLines(ACME, session)).lines;
    const side = (from: null | string, promotes = false) => ({
      line: { tip: { from: from as never, promotes } },
    });
    const found = () => store.findSession(ACME, { id: session });

    test('are read as they were added, by number', async () => {
      expect(await store.readLines(ACME, session)).toEqual({ main: 0, lines: [] });
      expect(await add(0)).toBe(true);
      expect(await add(1, '', 'agent')).toBe(true);
      expect(await store.readLines(ACME, session)).toEqual({
        main: 0,
        lines: [
          { number: 0, opening: 'opening 0', tip: null, digest: '' },
          { number: 1, opening: '', agent: 'agent', tip: null, digest: '' },
        ],
      });
      expect(await store.readLines(GLOBEX, session)).toEqual({ main: 0, lines: [] });
    });

    test('are added once: of several at the same time, the first one wins', async () => {
      const added = await Promise.all(['a', 'b', 'c'].map((opening) => add(0, opening)));
      expect(added.filter(Boolean)).toHaveLength(1);
      expect((await lines())[0]?.opening).toBe(['a', 'b', 'c'][added.indexOf(true)]!);
    });

    test('are forgotten when there are many, but for the first one', async () => {
      for (let number = 0; number <= REMEMBERED_LINES + 3; number++) await add(number);
      const kept = Array.from({ length: REMEMBERED_LINES }, (_, i) => i + 4);
      expect((await lines()).map(({ number }) => number)).toEqual([0, ...kept]);
    });

    test('have the latest turn that was committed on them, and its digest', async () => {
      await add(0);
      await add(1);
      const root = aTurn(session, null, { line: 1 });
      expect(await store.commitTurn(root, side(null))).toBe(true);
      const next = aTurn(session, root, { line: 1 });
      expect(await store.commitTurn(next, side(root.id))).toBe(true);
      // Another turn was faster.
      expect(await store.commitTurn(aTurn(session, root, { line: 1 }), side(root.id))).toBe(true);
      expect((await lines())[1]).toMatchObject({ tip: next.id, digest: next.digest });
      expect((await lines())[0]).toMatchObject({ tip: null });
      expect((await found())?.head).toBeNull();
      const tree = await store.readTree(ACME, session);
      expect(tree.map(({ line }) => line)).toEqual([1, 1, 1]);
      expect((await store.readTurn(ACME, next.id))?.line).toBe(1);
    });

    test('take a new opening with a turn', async () => {
      await add(0);
      const root = aTurn(session, null);
      await store.commitTurn(root, { move: { from: null }, line: { opening: 'new' } });
      expect((await lines())[0]?.opening).toBe('new');
      expect((await found())?.head).toBe(root.id);
    });

    test('become the main one when they are continued first', async () => {
      await add(0);
      await add(1);
      const title = aTurn(session, null);
      await store.commitTurn(title, { move: { from: null } });
      const first = aTurn(session, null, { line: 1 });
      await store.commitTurn(first, side(null));
      expect((await found())?.main).toBeUndefined();
      const second = aTurn(session, first, { line: 1 });
      await store.commitTurn(second, side(first.id, true));
      expect(await found()).toMatchObject({ main: 1, head: second.id });
      const { main, lines: known } = await store.readLines(ACME, session);
      expect(main).toBe(1);
      expect(known[0]?.tip).toBe(title.id);
      const third = aTurn(session, second, { line: 1 });
      expect(await store.commitTurn(third, { move: { from: second.id } })).toBe(true);
      expect((await found())?.head).toBe(third.id);
    });

    test('do not become the main one after the first line was continued', async () => {
      await add(0);
      await add(1);
      const root = aTurn(session, null);
      const next = aTurn(session, root);
      await store.commitTurn(root, { move: { from: null } });
      await store.commitTurn(next, { move: { from: root.id } });
      const first = aTurn(session, null, { line: 1 });
      await store.commitTurn(first, side(null));
      await store.commitTurn(aTurn(session, first, { line: 1 }), side(first.id, true));
      expect((await found())?.main).toBeUndefined();
      expect((await found())?.head).toBe(next.id);
    });

    test('keep a turn that began while they were the main one', async () => {
      await add(0);
      await add(1);
      const first = aTurn(session, null, { line: 1 });
      await store.commitTurn(first, side(null));
      const second = aTurn(session, first, { line: 1 });
      await store.commitTurn(second, side(first.id, true));
      const title = aTurn(session, null);
      expect(await store.commitTurn(title, { move: { from: null } })).toBe(true);
      expect((await lines())[0]?.tip).toBe(title.id);
      expect((await found())?.head).toBe(second.id);
    });

    test('do not have turns without output', async () => {
      const failed = aTurn(session, null, { line: null });
      await store.commitTurn(failed);
      expect(await store.readTurn(ACME, failed.id)).toEqual(failed);
      expect((await store.readTree(ACME, session))[0]?.line).toBeNull();
    });

    test('are erased with their session', async () => {
      await add(0);
      await add(1);
      await store.commitTurn(aTurn(session, null, { line: 1 }), side(null));
      await store.erase(ACME, session);
      expect(await store.readLines(ACME, session)).toEqual({ main: 0, lines: [] });
      // The place of an erased turn is used again.
      const next = aTurn(newSessionId(NOW), null);
      await store.commitTurn(next);
      expect((await store.readTurn(ACME, next.id))?.line).toBe(0);
    });
  });
}
