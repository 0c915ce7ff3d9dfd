import { afterAll, describe, expect, test } from 'bun:test';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newSessionId, newTurnId } from '../../src/core/ids.ts';
import { SqliteVectorStore } from '../../src/stores/sqlite/vectors/vector-store.ts';
import { temporaryDirectory } from '../harness/gateway.ts';
import { ACME, NOW } from './turn-rows.ts';

const directory = temporaryDirectory();
const open: SqliteVectorStore[] = [];
const openStore = (name: string = crypto.randomUUID()) => {
  const store = new SqliteVectorStore(join(directory, `${name}.db`));
  open.push(store);
  return store;
};

afterAll(async () => {
  for (const store of open) await store.close();
  rmSync(directory, { recursive: true });
});

describe('the file of vectors', () => {
  const session = newSessionId(NOW);
  const scope = { tenant: ACME, session, model: 'm' };
  const vector = { turn: newTurnId(session, NOW), passage: 'i0.0', vector: Int8Array.of(1, 2) };

  test('keeps them', async () => {
    const store = openStore('kept');
    await store.putVectors(scope, [vector]);
    await store.close();
    expect(await openStore('kept').readVectors(scope, undefined, 9)).toEqual([vector]);
  });

  test.each([
    ['is no database', 'something else'.repeat(1000)],
    ['is empty', ''],
  ])('that %s is replaced', async (name, content) => {
    writeFileSync(join(directory, `${name}.db`), content);
    const store = openStore(name);
    await store.putVectors(scope, [vector]);
    expect(await store.readVectors(scope, undefined, 9)).toEqual([vector]);
  });

  test('rejects what is asked after it is closed', async () => {
    const store = openStore();
    await store.close();
    expect(store.eraseVectors(ACME, session)).rejects.toMatchObject({ code: 'store_unavailable' });
  });
});
