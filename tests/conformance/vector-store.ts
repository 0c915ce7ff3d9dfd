import { beforeEach, describe, expect, test } from 'bun:test';
import { newSessionId, newTurnId, type TurnId } from '../../src/core/ids.ts';
import type { PassageVector, VectorScope, VectorStore } from '../../src/session/vector-store.ts';
import { ACME, GLOBEX, NOW } from './turn-rows.ts';

const scopeOf = (tenant = ACME): VectorScope => ({
  ...{ tenant, session: newSessionId(NOW), model: 'openai/text-embedding-3-small 512' },
});

const vectorOf = (turn: TurnId, passage: string, ...values: number[]): PassageVector => ({
  ...{ turn, passage, vector: Int8Array.from(values) },
});

/** What every `VectorStore` does. `makeStore` gives an empty one. */
export function vectorStoreConformance(name: string, makeStore: () => Promise<VectorStore>): void {
  describe(`${name}: vectors`, () => {
    let store: VectorStore;
    let scope: VectorScope;
    let turns: TurnId[];
    beforeEach(async () => {
      store = await makeStore();
      scope = scopeOf();
      turns = [1, 2, 3].map((ms) => newTurnId(scope.session, NOW + ms));
    });
    const all = (of: VectorScope = scope) => store.readVectors(of, undefined, 100);

    test('are read as they were put, by turn and passage', async () => {
      const [one, two] = turns as [TurnId, TurnId];
      const put = [
        vectorOf(two, 'i0.0', -128, 127, 0),
        vectorOf(one, 'o0.0', 1),
        vectorOf(one, 'i0.0', 2, -2),
        vectorOf(one, 'i0.1', 3),
      ];
      await store.putVectors(scope, put);
      expect(await all()).toEqual([put[2]!, put[3]!, put[1]!, put[0]!]);
    });

    test('that are put again are replaced, not doubled', async () => {
      await store.putVectors(scope, [vectorOf(turns[0]!, 'i0.0', 1)]);
      await store.putVectors(scope, [vectorOf(turns[0]!, 'i0.0', 2), vectorOf(turns[1]!, 'i0.0', 3)]);
      expect((await all()).map(({ vector }) => [...vector])).toEqual([[2], [3]]);
    });

    test('are read in pages', async () => {
      const put = turns.flatMap((turn) => [vectorOf(turn, 'i0.0', 1), vectorOf(turn, 'o0.0', 2)]);
      await store.putVectors(scope, put);
      const found: PassageVector[] = [];
      for (let after: PassageVector | undefined; ; after = found.at(-1)) {
        const page = await store.readVectors(scope, after, 4);
        found.push(...page);
        if (page.length < 4) break;
      }
      expect(found).toEqual(put);
    });

    test('of other models, sessions and tenants are never found', async () => {
      await store.putVectors(scope, [vectorOf(turns[0]!, 'i0.0', 1)]);
      const others = [{ ...scope, model: 'gemini/x' }, { ...scope, tenant: GLOBEX }, scopeOf()];
      for (const other of others) expect(await all(other)).toEqual([]);
    });

    test('of a turn are forgotten, of all models', async () => {
      const other = { ...scope, model: 'gemini/x' };
      for (const of of [scope, other])
        await store.putVectors(of, [vectorOf(turns[0]!, 'i0.0', 1), vectorOf(turns[1]!, 'i0.0', 2)]);
      await store.forgetTurn(GLOBEX, scope.session, turns[0]!);
      expect(await all()).toHaveLength(2);
      await store.forgetTurn(scope.tenant, scope.session, turns[0]!);
      for (const of of [scope, other]) expect((await all(of)).map(({ turn }) => turn)).toEqual([turns[1]!]);
    });

    test('of a session are erased, and of no other', async () => {
      const other = scopeOf();
      const foreign = { ...scope, tenant: GLOBEX };
      for (const of of [scope, other, foreign]) await store.putVectors(of, [vectorOf(turns[0]!, 'i0.0', 1)]);
      await store.eraseVectors(scope.tenant, scope.session);
      expect(await all()).toEqual([]);
      expect(await all(other)).toHaveLength(1);
      expect(await all(foreign)).toHaveLength(1);
    });

    test('say which sessions have them', async () => {
      const scopes = [scope, scopeOf(), scopeOf(GLOBEX)];
      for (const of of scopes) await store.putVectors(of, [vectorOf(turns[0]!, 'i0.0', 1)]);
      const named = scopes.map(({ tenant, session }) => ({ tenant, session }));
      const first = await store.sessionsWithVectors(undefined, 2);
      const rest = await store.sessionsWithVectors(first[1], 2);
      expect(first).toHaveLength(2);
      expect([...first, ...rest].toSorted((a, b) => (a.session < b.session ? -1 : 1))).toEqual(
        named.toSorted((a, b) => (a.session < b.session ? -1 : 1)),
      );
    });
  });
}
