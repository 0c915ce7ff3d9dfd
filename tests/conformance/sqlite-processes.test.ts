import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import type { TurnId } from '../../src/core/ids.ts';
import { SqliteStore } from '../../src/stores/sqlite/store.ts';
import { aClaim } from './claim-store.ts';
import { expectDenied, taken } from './lease-store.ts';
import { databasePaths, someTurns, stored } from './sqlite-files.ts';
import { ACME, aSession } from './turn-rows.ts';

const freshPath = databasePaths();
const WRITER = join(import.meta.dir, 'children', 'sqlite-writer.ts');
const CONTENDER = join(import.meta.dir, 'children', 'sqlite-contender.ts');
const LEASE = { holder: 'us', lastsMs: 60_000 };
const DAY_MS = 86_400_000;

describe('sqlite: two processes', () => {
  test('write to one database, and each sees what the other wrote', async () => {
    const path = freshPath();
    const child = Bun.spawn([process.execPath, WRITER, path, '500'], { stdout: 'pipe' });
    const store = await SqliteStore.open(path);
    const ours = someTurns(500);
    for (const row of ours) expect(await store.commitTurn(row)).toBe(true);
    const theirs = (await child.stdout.text()).trim().split('\n');
    expect(theirs).toHaveLength(500);
    const seen = await Promise.all(theirs.map((id) => store.readTurn(ACME, id as TurnId)));
    expect(seen).not.toContain(undefined);
    await store.close();
    expect(await stored(path, [...theirs, ...ours.map((row) => row.id)])).not.toContain(false);
  });

  test('hold a lease one at a time, and both see its branch grow', async () => {
    const path = freshPath();
    const store = await SqliteStore.open(path);
    await store.createSession(aSession({ name: 'contended' }));
    const start = () => Bun.spawn([process.execPath, CONTENDER, path, '100'], { stdout: 'pipe' });
    const printed = await Promise.all([start(), start()].map((child) => child.stdout.text()));
    const ids = printed.flatMap((text) => text.trim().split('\n'));
    const head = await store.readHead(ACME, { name: 'contended' }, Number.POSITIVE_INFINITY);
    expect(head?.branch?.map(({ id }) => id as string).sort()).toEqual(ids.sort());
    expect(ids).toHaveLength(200);
    await store.close();
  });

  test('have no moment in which both hold a lease', async () => {
    const path = freshPath();
    const stores = [await SqliteStore.open(path), await SqliteStore.open(path)];
    const { id } = await stores[0]!.createSession(aSession());
    const holding = new Set<string>();
    const tokens: number[] = [];
    const contend = async (store: SqliteStore, holder: string) => {
      while (tokens.length < 200) {
        const head = await store.takeHead(ACME, { id }, 1, { ...LEASE, holder });
        if (!head || 'expiresInMs' in head) continue;
        tokens.push(head.token);
        holding.add(holder);
        expect(await store.renewLease(ACME, id, head.token, LEASE.lastsMs)).toBe(true);
        expect(holding).toEqual(new Set([holder]));
        holding.delete(holder);
        await store.releaseLease(ACME, id, head.token);
      }
    };
    await Promise.all(stores.map((store, place) => contend(store, `process ${place}`)));
    expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
    for (const store of stores) await store.close();
  });

  test('claim a key once, and both know whose it is', async () => {
    const path = freshPath();
    const stores = [await SqliteStore.open(path), await SqliteStore.open(path)];
    for (let round = 0; round < 50; round++) {
      const key = `key ${round}`;
      const rivals = stores.map((store, place) =>
        store.claim(ACME, aClaim({ key, target: `resp_${place}`, holder: `process ${place}` })),
      );
      const [ours, theirs] = await Promise.all(rivals);
      expect(theirs!).toEqual(ours!);
      for (const store of stores) expect(await store.findClaim(ACME, key, DAY_MS)).toEqual(ours!);
    }
    for (const store of stores) await store.close();
  });

  test('of which one has died leave its leases to the other', async () => {
    const path = freshPath();
    const [first, second] = [await SqliteStore.open(path), await SqliteStore.open(path)];
    const { id } = await first.createSession(aSession());
    const { token } = await taken(first.takeHead(ACME, { id }, 1, LEASE));
    await first.close();
    await expectDenied(second.takeHead(ACME, { id }, 1, LEASE));
    await second.releaseLeasesOf('us');
    const next = await taken(second.takeHead(ACME, { id }, 1, LEASE));
    expect(next.token).toBeGreaterThan(token);
    await second.close();
  });

  test('see the signs of life of one another', async () => {
    const path = freshPath();
    const [first, second] = [await SqliteStore.open(path), await SqliteStore.open(path)];
    await first.beat('us');
    expect(await second.silentFor('us')).toBeLessThan(10_000);
    await second.remove('us');
    expect(await first.silentFor('us')).toBeUndefined();
    for (const store of [first, second]) await store.close();
  });

  test('give the same number to a dialect that is new to both', async () => {
    const path = freshPath();
    const stores = [await SqliteStore.open(path), await SqliteStore.open(path)];
    const dialects = Array.from({ length: 20 }, (_, number) => `dialect ${number}`);
    const turns = stores.map((store) =>
      dialects.map((dialect) => {
        const turn = { ...someTurns(1)[0]!, dialect };
        return { turn, committed: store.commitTurn(turn) };
      }),
    );
    for (const { turn, committed } of turns.flat()) {
      expect(await committed).toBe(true);
      for (const store of stores) expect(await store.readTurn(ACME, turn.id)).toEqual(turn);
    }
    for (const store of stores) await store.close();
  });

  test('may make one database at the same time', async () => {
    const path = freshPath();
    const start = () => Bun.spawn([process.execPath, WRITER, path, '10'], { stdout: 'pipe', stderr: 'pipe' });
    const children = Array.from({ length: 6 }, start);
    const printed = await Promise.all(children.map((child) => child.stdout.text()));
    const ids = printed.flatMap((text) => text.trim().split('\n'));
    expect(ids).toHaveLength(60);
    expect(await stored(path, ids)).not.toContain(false);
  });
});
