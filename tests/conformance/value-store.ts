import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { newSessionId, type SessionId } from '../../src/core/ids.ts';
import { mergePatch, type ValueCondition } from '../../src/core/values.ts';
import type { TurnLog } from '../../src/session/turn-log.ts';
import {
  MOST_TOTAL_BYTES,
  MOST_VALUE_BYTES,
  MOST_VALUES,
  type ValueChange,
  type ValueOutcome,
  type ValueStore,
} from '../../src/session/value-store.ts';
import { ACME, aSession, aTurn, GLOBEX, NOW } from './turn-rows.ts';

type Store = ValueStore & TurnLog;

const NONE: ValueCondition = { kind: 'none' };
const ABSENT: ValueCondition = { kind: 'absent' };
const version = (number: number): ValueCondition => ({ kind: 'version', version: number });
const put = (json: string): ValueChange => ({ kind: 'put', json });
const DELETE: ValueChange = { kind: 'delete' };

/** A JSON text of this many bytes. */
const sized = (bytes: number) => `"${'x'.repeat(bytes - 2)}"`;

/** What every `ValueStore` does. `makeStore` gives an empty one; the suite closes it. */
export function valueStoreConformance(name: string, makeStore: () => Promise<Store>): void {
  describe(`${name}: values`, () => {
    let store: Store;
    let session: SessionId;

    beforeEach(async () => {
      store = await makeStore();
      session = newSessionId(NOW);
      await store.createSession(aSession({ id: session, name: 'trip' }));
    });
    afterEach(() => store.close());

    const change = (key: string, what: ValueChange, condition = NONE) =>
      store.changeValue(ACME, session, key, what, condition);
    const read = (key: string) => store.readValue(ACME, session, key);
    const list = () => store.listValues(ACME, session);
    const kinds = (outcomes: ValueOutcome[]) => outcomes.map(({ kind }) => kind);

    test('are read as they were written, with their version and times', async () => {
      const before = Date.now();
      const outcome = await change('plan', put('{"a":"ü🦞\\u0000"}'));
      expect(outcome).toMatchObject({ kind: 'done', value: { key: 'plan', version: 1 } });
      const first = (await read('plan'))!;
      expect(outcome).toEqual({ kind: 'done', value: first });
      expect(first.json).toBe('{"a":"ü🦞\\u0000"}');
      expect(first.createdAt).toBeGreaterThanOrEqual(before);
      expect(first.updatedAt).toBe(first.createdAt);
      await Bun.sleep(2);
      await change('plan', put('[1]'));
      const second = (await read('plan'))!;
      expect(second).toEqual({ ...first, json: '[1]', version: 2, updatedAt: second.updatedAt });
      expect(second.updatedAt).toBeGreaterThan(first.updatedAt);
    });

    test('are listed by key, and belong to one session of one tenant', async () => {
      for (const key of ['b', 'a', 'B', 'a.b', '10', '9', '_']) await change(key, put(`"${key}"`));
      expect((await list()).map(({ key }) => key)).toEqual(['10', '9', 'B', '_', 'a', 'a.b', 'b']);
      expect(await store.readValue(GLOBEX, session, 'a')).toBeUndefined();
      expect(await store.listValues(GLOBEX, session)).toEqual([]);
      expect(await store.changeValue(GLOBEX, session, 'a', put('1'), NONE)).toEqual({ kind: 'no-session' });
      const other = await store.createSession(aSession());
      expect(await store.readValue(ACME, other.id, 'a')).toBeUndefined();
      expect(await store.listValues(ACME, other.id)).toEqual([]);
    });

    test('need a session', async () => {
      const unknown = newSessionId(NOW);
      for (const what of [put('1'), DELETE])
        expect(await store.changeValue(ACME, unknown, 'a', what, NONE)).toEqual({ kind: 'no-session' });
      expect(await store.listValues(ACME, unknown)).toEqual([]);
    });

    test('are patched as RFC 7396 says, and only where they exist', async () => {
      expect(await change('a', { kind: 'merge', patch: '{}' })).toEqual({ kind: 'missing' });
      await change('a', put('{"b":{"c":1,"d":2},"e":[1]}'));
      const merge: ValueChange = { kind: 'merge', patch: '{"b":{"c":null,"f":{"g":null}},"e":[2]}' };
      const outcome = await change('a', merge, version(1));
      expect(outcome).toMatchObject({ kind: 'done', value: { version: 2 } });
      expect((await read('a'))?.json).toBe('{"b":{"d":2,"f":{}},"e":[2]}');
      expect(await change('a', merge, version(1))).toMatchObject({ kind: 'unmet', current: { version: 2 } });
    });

    test('change only where the condition holds', async () => {
      expect(await change('a', put('1'), version(1))).toEqual({ kind: 'unmet' });
      expect(await change('a', put('1'), { kind: 'present' })).toEqual({ kind: 'unmet' });
      expect(await change('a', DELETE)).toEqual({ kind: 'missing' });
      expect(await list()).toEqual([]);
      expect((await change('a', put('1'), ABSENT)).kind).toBe('done');
      const current = (await read('a'))!;
      for (const [what, condition] of [
        [put('2'), ABSENT],
        [put('2'), version(2)],
        [DELETE, version(2)],
      ] as const)
        expect(await change('a', what, condition)).toEqual({ kind: 'unmet', current });
      expect(await read('a')).toEqual(current);
      expect((await change('a', put('2'), version(1))).kind).toBe('done');
      expect((await change('a', put('3'), { kind: 'present' })).kind).toBe('done');
      expect(await change('a', DELETE, version(3))).toMatchObject({ kind: 'done', value: { version: 3 } });
      expect(await read('a')).toBeUndefined();
    });

    test('never have a version again that they had before they were deleted', async () => {
      for (const json of ['1', '2', '3']) await change('a', put(json));
      await change('a', DELETE);
      await change('b', put('1'));
      await change('b', DELETE);
      expect(await change('a', put('4'), version(1))).toEqual({ kind: 'unmet' });
      await change('a', put('4'), ABSENT);
      expect((await read('a'))!.version).toBeGreaterThan(3);
      await change('new', put('1'));
      expect((await read('new'))!.version).toBeGreaterThan(3);
    });

    test('are made once: of 64 at the same time, the first one wins', async () => {
      const asked = Array.from({ length: 64 }, (_, index) => change('once', put(`${index}`), ABSENT));
      const outcomes = await Promise.all(asked);
      expect(kinds(outcomes).filter((kind) => kind === 'done')).toHaveLength(1);
      expect((await read('once'))?.json).toBe(`${kinds(outcomes).indexOf('done')}`);
    });

    test('lose no change: of each version there is one successor, and patches add up', async () => {
      await change('n', put('{}'));
      const raced = await Promise.all(
        Array.from({ length: 32 }, (_, i) =>
          change('n', { kind: 'merge', patch: `{"r${i}":1}` }, version(1)),
        ),
      );
      expect(kinds(raced).filter((kind) => kind === 'done')).toHaveLength(1);
      await Promise.all(
        Array.from({ length: 32 }, (_, i) => change('n', { kind: 'merge', patch: `{"f${i}":1}` })),
      );
      const { json, version: last } = (await read('n'))!;
      expect(Object.keys(JSON.parse(json))).toHaveLength(33);
      expect(last).toBe(34);
    });

    test('have at most so many bytes, each in UTF-8', async () => {
      const limit = { kind: 'over-limit', limit: 'value' };
      expect((await change('a', put(sized(MOST_VALUE_BYTES)))).kind).toBe('done');
      expect(await change('b', put(sized(MOST_VALUE_BYTES + 1)))).toEqual(limit as ValueOutcome);
      expect(await change('b', put(`"${'ü'.repeat(MOST_VALUE_BYTES / 2)}"`))).toEqual(limit as ValueOutcome);
      await change('c', put(`{"a":${sized(MOST_VALUE_BYTES - 10)}}`));
      const merge = { kind: 'merge', patch: '{"b":"12345"}' } as const;
      expect(await change('c', merge)).toEqual(limit as ValueOutcome);
      expect((await list()).map(({ key }) => key)).toEqual(['a', 'c']);
    });

    test('are at most so many in a session, and of so many bytes together', async () => {
      for (let i = 0; i < MOST_VALUES; i++) await change(`k${i}`, put('1'));
      expect(await change('one-more', put('1'))).toEqual({ kind: 'over-limit', limit: 'number' });
      expect((await change('k0', put('2'))).kind).toBe('done');
      await store.deleteSession(ACME, session);
      await store.createSession(aSession({ id: session }));
      const fit = MOST_TOTAL_BYTES / MOST_VALUE_BYTES;
      for (let i = 0; i < fit; i++)
        expect((await change(`k${i}`, put(sized(MOST_VALUE_BYTES)))).kind).toBe('done');
      expect(await change('one-more', put('1'))).toEqual({ kind: 'over-limit', limit: 'total' });
      expect((await change('k0', put(sized(MOST_VALUE_BYTES)))).kind).toBe('done');
      await change('k0', put('1'));
      expect((await change('one-more', put('1'))).kind).toBe('done');
    });

    test('go with their session', async () => {
      await change('a', put('1'));
      await store.deleteSession(ACME, session);
      expect(await read('a')).toBeUndefined();
      expect(await list()).toEqual([]);
      await store.createSession(aSession({ id: session }));
      await change('a', put('1'));
      await store.erase(ACME, session);
      expect(await read('a')).toBeUndefined();
      expect(await list()).toEqual([]);
    });

    describe('that a commit sets', () => {
      const values = [
        { key: 'step', json: '2' },
        { key: 'result', json: '{"a":1}' },
      ];
      const keysAndVersions = async () => (await list()).map(({ key, version: at }) => [key, at]);

      test('are there with the turn, once', async () => {
        await change('step', put('1'));
        const turn = aTurn(session, null);
        expect(await store.commitTurn(turn, { move: { from: null }, values })).toBe(true);
        expect(await list()).toMatchObject([
          { ...values[1]!, version: 1 },
          { ...values[0]!, version: 2 },
        ]);
        expect(await store.commitTurn(turn, { move: { from: null }, values })).toBe(true);
        expect(await keysAndVersions()).toEqual([
          ['result', 1],
          ['step', 2],
        ]);
      });

      test('are there with a turn that does not move the head', async () => {
        expect(await store.commitTurn(aTurn(session, null), { values })).toBe(true);
        expect(await keysAndVersions()).toHaveLength(2);
      });

      test('are not set where the head should move and did not', async () => {
        const root = aTurn(session, null);
        await store.commitTurn(root, { move: { from: null } });
        expect(await store.commitTurn(aTurn(session, root), { move: { from: null }, values })).toBe(false);
        expect(await list()).toEqual([]);
      });

      test('are not set where the turn is refused, or the session is gone', async () => {
        const lost = aTurn(session, aTurn(session, null));
        expect(await store.commitTurn(lost, { values }).catch(() => 'refused')).toBe('refused');
        expect(await list()).toEqual([]);
        await store.deleteSession(ACME, session);
        await store.commitTurn(aTurn(session, null), { values });
        await store.createSession(aSession({ id: session }));
        expect(await list()).toEqual([]);
      });

      test('are set beyond the limit of a session, and such a session shrinks', async () => {
        for (let i = 0; i < MOST_VALUES; i++) await change(`k${i}`, put('12'));
        await store.commitTurn(aTurn(session, null), { values });
        expect(await list()).toHaveLength(MOST_VALUES + 2);
        expect((await change('k0', put('1'))).kind).toBe('done');
        expect((await change('k1', DELETE)).kind).toBe('done');
        expect(await change('one-more', put('1'))).toEqual({ kind: 'over-limit', limit: 'number' });
      });
    });

    test('behave as a map would, in any order of changes', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(steps, { maxLength: 40 }), async (asked) => {
          const { id } = await store.createSession(aSession());
          const model = new Map<string, { json: string; version: number }>();
          const seen = new Set<string>();
          for (const { key, what, asked: wish } of asked) {
            const held = model.get(key);
            const condition = conditionOf(wish, held?.version ?? 1);
            const outcome = await store.changeValue(ACME, id, key, what, condition);
            expect(outcome.kind).toBe(kindOf(what, condition, held?.version));
            if (outcome.kind !== 'done') continue;
            if (what.kind === 'delete') model.delete(key);
            if (what.kind === 'delete') continue;
            const { json, version: at } = outcome.value;
            if (what.kind === 'put') expect(json).toBe(what.json);
            if (what.kind === 'merge') expect(json).toBe(mergePatch(held!.json, what.patch));
            if (held) expect(at).toBe(held.version + 1);
            expect(seen.has(`${key} ${at}`)).toBe(false);
            seen.add(`${key} ${at}`);
            model.set(key, { json, version: at });
          }
          const stored = (await store.listValues(ACME, id)).map(
            ({ key, json, version: at }) => [key, { json, version: at }] as const,
          );
          expect(stored).toEqual([...model].sort(([one], [other]) => (one < other ? -1 : 1)));
        }),
        { numRuns: 30 },
      );
    }, 60_000);
  });
}

const texts = fc.constantFrom('1', '{"a":1}', '{"b":{"c":[]}}', '"x"', 'null');
const patches = fc.constantFrom('{"a":null}', '{"b":{"c":2}}', '{"__proto__":{"d":1}}', '[1]');
const changes: fc.Arbitrary<ValueChange> = fc.oneof(
  texts.map(put),
  patches.map((patch) => ({ kind: 'merge' as const, patch })),
  fc.constant(DELETE),
);
const wishes = fc.constantFrom('none', 'absent', 'present', 'version', 'other-version');
const steps = fc.record({ key: fc.constantFrom('a', 'b', 'c'), what: changes, asked: wishes });

function conditionOf(wish: string, current: number): ValueCondition {
  if (wish === 'version') return version(current);
  if (wish === 'other-version') return version(current + 1);
  return { kind: wish as 'none' | 'absent' | 'present' };
}

/** The kind of outcome of a change to a value with the version `current`, if there is one. */
function kindOf(what: ValueChange, condition: ValueCondition, current?: number): ValueOutcome['kind'] {
  const isMet =
    condition.kind === 'none' ||
    (condition.kind === 'absent' && current === undefined) ||
    (condition.kind === 'present' && current !== undefined) ||
    (condition.kind === 'version' && condition.version === current);
  if (!isMet) return 'unmet';
  if (what.kind !== 'put' && current === undefined) return 'missing';
  return 'done';
}
