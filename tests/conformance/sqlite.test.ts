import { Database } from 'bun:sqlite';
import { describe, expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { newSessionId, type TurnId } from '../../src/core/ids.ts';
import type { TurnRow } from '../../src/session/turn-log.ts';
import type { TurnSuffix } from '../../src/stores/sqlite/columns.ts';
import { sessionColumns, turnColumns } from '../../src/stores/sqlite/columns.ts';
import { openDatabase } from '../../src/stores/sqlite/database-file.ts';
import { GroupCommit } from '../../src/stores/sqlite/group-commit.ts';
import type { OperationArgs, OperationName, OperationResult } from '../../src/stores/sqlite/operations.ts';
import schema1 from '../../src/stores/sqlite/sql/schema-1.sql' with { type: 'text' };
import schema2 from '../../src/stores/sqlite/sql/schema-2.sql' with { type: 'text' };
import schema3 from '../../src/stores/sqlite/sql/schema-3.sql' with { type: 'text' };
import schema4 from '../../src/stores/sqlite/sql/schema-4.sql' with { type: 'text' };
import schema5 from '../../src/stores/sqlite/sql/schema-5.sql' with { type: 'text' };
import schema6 from '../../src/stores/sqlite/sql/schema-6.sql' with { type: 'text' };
import schema7 from '../../src/stores/sqlite/sql/schema-7.sql' with { type: 'text' };
import schema8 from '../../src/stores/sqlite/sql/schema-8.sql' with { type: 'text' };
import { SqliteStore } from '../../src/stores/sqlite/store.ts';
import { StoreThread, startWorker } from '../../src/stores/sqlite/store-thread.ts';
import { openSurvey } from '../../src/stores/sqlite/survey/survey-file.ts';
import type { Call } from '../../src/stores/sqlite/thread-protocol.ts';
import { killOnce, lines } from './children/kill.ts';
import { aClaim } from './claim-store.ts';
import { aLease, expectGrowing, taken } from './lease-store.ts';
import { databasePaths, someTurns, stored } from './sqlite-files.ts';
import { ACME, aSession, aTurn, faultOf, NOW } from './turn-rows.ts';

const freshPath = databasePaths();
const WRITER = join(import.meta.dir, 'children', 'sqlite-writer.ts');
const LEASE = aLease('us');
const DAY_MS = 86_400_000;

/** A database of `count` turns, closed. */
async function makeDatabase(path: string, count: number): Promise<string[]> {
  const store = await SqliteStore.open(path);
  const rows = someTurns(count);
  for (const row of rows) store.createSession(aSession({ id: row.session, name: row.session }));
  await Promise.all(rows.map((row) => store.commitTurn(row, { move: { from: null } })));
  await store.close();
  return rows.map((row) => row.id);
}

describe('sqlite: the file', () => {
  test('keeps everything over close and open, and is alone when closed', async () => {
    const path = freshPath();
    const ids = await makeDatabase(path, 100);
    expect(readdirSync(dirname(path))).toEqual(['sessions.db']);
    expect(await stored(path, ids)).not.toContain(false);
    const store = await SqliteStore.open(path);
    const session = await store.findSession(ACME, { name: ids[7]!.slice(0, 20) });
    expect<string | null | undefined>(session?.head).toBe(ids[7]!);
    await store.close();
  });

  test('is made with the folders above it, for its owner alone', async () => {
    const path = join(dirname(freshPath()), 'a', 'b', 'sessions.db');
    await (await SqliteStore.open(path)).close();
    expect(existsSync(path)).toBe(true);
    expect(statSync(path).mode & 0o077).toBe(0);
  });

  test('keeps within 1.3 times its content', async () => {
    const path = freshPath();
    const store = await SqliteStore.open(path);
    const body = JSON.stringify('x'.repeat(1100));
    const sessions = Array.from({ length: 50 }, () => newSessionId(NOW));
    for (let i = 0; i < 5000; i++) store.commitTurn(aTurn(sessions[i % 50]!, null, { body }));
    await store.close();
    expect(statSync(path).size / (5000 * body.length)).toBeLessThan(1.3);
  });

  test('with a gap in a branch gives an error, never a thinner branch', async () => {
    const path = freshPath();
    const store = await SqliteStore.open(path);
    const session = newSessionId(NOW);
    const rows: TurnRow[] = [];
    for (let i = 0; i < 5; i++) rows.push(aTurn(session, rows.at(-1) ?? null));
    await Promise.all(rows.map((row) => store.commitTurn(row)));
    const tip = rows[4]!.id;
    await store.createSession(aSession({ id: session, head: tip }));
    const db = new Database(path);
    const removed = (place: number) => {
      db.run('DELETE FROM turns WHERE place = ?', [place]);
      return faultOf(store.readBranch(ACME, tip, 200));
    };
    expect(await removed(2)).toBeUndefined();
    expect(await faultOf(store.readBranch(ACME, tip, Infinity))).toBe('context_lost');
    expect(await removed(3)).toBe('context_lost');
    expect(await removed(1)).toBe('context_lost');
    // Nor does it leave a lease behind.
    for (const _ of [1, 2]) {
      expect(await faultOf(store.takeHead(ACME, { id: session }, 200, LEASE))).toBe('context_lost');
    }
    db.close();
    await store.close();
  });

  test('with a damaged turn gives a final error for it and the other turns', async () => {
    const path = freshPath();
    const store = await SqliteStore.open(path);
    const [broken, newer, sound] = someTurns(3) as [TurnRow, TurnRow, TurnRow];
    for (const row of [broken, newer, sound]) await store.commitTurn(row);
    const db = new Database(path);
    db.run('UPDATE turns SET body = substr(body, 1, length(body) - 3) WHERE place = 1');
    // A dictionary that this program does not have.
    db.run("UPDATE turns SET body = CAST(x'26' || substr(body, 2) AS BLOB) WHERE place = 2");
    db.close();
    expect(await faultOf(store.readTurn(ACME, broken.id))).toBe('context_lost');
    expect(await store.readTurn(ACME, sound.id)).toEqual(sound);
    const reason = await store.readTurn(ACME, newer.id).catch((error: Error) => error.message);
    expect(reason).toMatch(/dictionary 38.*Start the newer program/);
    expect(await store.readTurn(ACME, sound.id)).toEqual(sound);
    await store.close();
  });

  test('does not take a turn for another one that was erased', async () => {
    const path = freshPath();
    const store = await SqliteStore.open(path);
    const fingerprint = '0123456789abcdef';
    await store.commitTurn({ ...someTurns(1)[0]!, fingerprint });
    const db = new Database(path);
    db.run('DELETE FROM turns');
    await store.commitTurn(someTurns(1)[0]!);
    expect(await store.findByFingerprint(ACME, fingerprint, DAY_MS)).toBeUndefined();
    db.run('DELETE FROM turns');
    db.close();
    const [next] = someTurns(1);
    expect(await store.commitTurn({ ...next!, fingerprint })).toBe(true);
    expect(await store.findByFingerprint(ACME, fingerprint, DAY_MS)).toBe(next!.id);
    await store.close();
  });

  test('gives no token twice, even where a power cut has undone the last leases', async () => {
    const path = freshPath();
    const store = await SqliteStore.open(path);
    const { id } = await store.createSession(aSession());
    const undone = await taken(store.takeHead(ACME, { id }, 1, LEASE));
    await store.releaseLease(ACME, id, undone.token);
    const db = new Database(path);
    db.run('UPDATE sessions SET token = 0');
    db.close();
    await Bun.sleep(2);
    const next = await taken(store.takeHead(ACME, { id }, 1, LEASE));
    expect(next.token).toBeGreaterThan(undone.token);
    await store.close();
  });

  test('has the last token of a session, which the next one exceeds though the clock was set back', async () => {
    const path = freshPath();
    const store = await SqliteStore.open(path);
    const { id } = await store.createSession(aSession());
    const db = new Database(path);
    const later = Date.now() + DAY_MS;
    db.run('UPDATE sessions SET token = ?', [later]);
    const released = await taken(store.takeHead(ACME, { id }, 1, LEASE));
    await store.releaseLease(ACME, id, released.token);
    const expired = await taken(store.takeHead(ACME, { id }, 1, aLease('us', 0)));
    const over = await taken(store.takeHead(ACME, { id }, 1, LEASE));
    expect([released, expired, over].map(({ token }) => token)).toEqual([later + 1, later + 2, later + 3]);
    expect(db.query('SELECT token FROM leases').get()).toEqual({ token: later + 3 });
    db.close();
    await store.close();
  });

  test('holds no byte of a session that was erased', async () => {
    const path = freshPath();
    const store = await SqliteStore.open(path);
    const word = 'unmistakable';
    const session = newSessionId(NOW);
    const rows: TurnRow[] = [];
    for (let i = 0; i < 50; i++) {
      const body = `${word} ${i} ${crypto.getRandomValues(new Uint8Array(3000)).toHex()}`.slice(0, i * 100);
      rows.push(aTurn(session, rows.at(-1) ?? null, { body, metadata: { word }, model: word }));
    }
    await store.createSession(aSession({ id: session, name: word, metadata: { word } }));
    await store.claim(ACME, aClaim({ key: word, target: session }));
    const put = { kind: 'put', json: JSON.stringify(word.repeat(1000)) } as const;
    await store.changeValue(ACME, session, 'a', put, { kind: 'none' });
    await Promise.all(rows.map((row) => store.commitTurn(row)));
    const [other] = someTurns(1);
    await store.commitTurn(other!);
    await store.erase(ACME, session);
    // The survey has seen it.
    await store.forgetChanges(Number.MAX_SAFE_INTEGER);
    await store.close();
    const bytes = readFileSync(path);
    expect(bytes.includes(word)).toBe(false);
    expect(bytes.includes(session)).toBe(false);
    expect(await stored(path, [other!.id])).toEqual([true]);
  });

  test('is refused after close', async () => {
    const store = await SqliteStore.open(freshPath());
    const [turn] = someTurns(1);
    const asked = store.commitTurn(turn!);
    await Promise.all([store.close(), store.close()]);
    expect(await asked).toBe(true);
    expect(await faultOf(store.readTurn(ACME, turn!.id))).toBe('store_unavailable');
  });
});

const SCHEMAS = [schema1, schema2, schema3, schema4, schema5, schema6, schema7, schema8];

describe.each([1, 2, 3, 4, 5, 6, 7, 8])('sqlite: a file of version %d', (version) => {
  const session = aSession({ name: 'trip' });
  const turns = [aTurn(session.id, null), aTurn(session.id, null, { dialect: 'chat' })];
  const [turn, chat] = turns as [TurnRow, TurnRow];
  const head = turnColumns(turn).id;

  function makeOld(path: string): void {
    const db = new Database(path, { strict: true });
    for (const schema of SCHEMAS.slice(0, version)) db.run(schema);
    db.run(`PRAGMA application_id = ${0x436c6177}`);
    db.run(`PRAGMA user_version = ${version}`);
    db.run('PRAGMA journal_mode = WAL');
    const insert = db.query(
      `INSERT INTO turns (tenant, session, id, created_at, state, dialect, listed, deleted, model, tokens,
         total_tokens, digest, body)
       VALUES (:tenant, :session, :id, :createdAt, :state, :dialect, :listed, :deleted, :model, :tokens,
         :totalTokens, :digest, :body)`,
    );
    for (const row of turns)
      insert.run({
        ...turnColumns(row),
        dialect: ['chat', 'responses'].indexOf(row.dialect),
        // Short bodies were stored as text, longer ones as a frame of zstd.
        body: row === turn ? row.body : Bun.zstdCompressSync(row.body, { level: 1 }),
      });
    db.run('INSERT INTO sessions (tenant, id, name, created_at, head) VALUES (?, ?, ?, ?, ?)', [
      ...[ACME, session.id, 'trip', NOW, head],
    ]);
    db.close();
  }

  test('has its turns, and what later versions brought', async () => {
    const path = freshPath();
    makeOld(path);
    const store = await SqliteStore.open(path);
    const { token, ...found } = await taken(store.takeHead(ACME, { name: 'trip' }, 1000, LEASE));
    expect(found).toEqual({ session: { ...session, head: turn.id }, branch: [turn] });
    expect(await store.readTurn(ACME, chat.id)).toEqual(chat);
    expect(await store.commitTurn({ ...chat, body: 'a second commit' })).toBe(true);
    expect(await store.readTurn(ACME, chat.id)).toEqual(chat);
    expect((await store.readTree(ACME, session.id)).map(({ id }) => id)).toEqual([turn.id, chat.id]);
    const next = aTurn(session.id, turn, { fingerprint: '0123456789abcdef' });
    expect(await store.commitTurn(next, { move: { from: turn.id }, token })).toBe(true);
    expect(await store.findByFingerprint(ACME, '0123456789abcdef', DAY_MS)).toBe(next.id);
    expect(await store.claim(ACME, aClaim())).toEqual(aClaim());
    await store.beat('us');
    expect(await store.silentFor('us')).toBeDefined();
    expect(await store.readLines(ACME, session.id)).toEqual({ main: 0, lines: [] });
    expect(await store.addLine(ACME, session.id, { number: 0, opening: 'ours' })).toBe(true);
    expect((await store.readTree(ACME, session.id)).map(({ line }) => line)).toEqual([0, 0, 0]);
    const values = [{ key: 'plan', json: '[1]' }];
    const named = aTurn(session.id, next);
    await store.commitTurn(named, { move: { from: next.id }, values });
    const put = { kind: 'put', json: '[2]' } as const;
    await store.changeValue(ACME, session.id, 'plan', put, { kind: 'version', version: 1 });
    expect(await store.listValues(ACME, session.id)).toMatchObject([{ json: '[2]', version: 2 }]);
    const realtime = aTurn(session.id, null, { dialect: 'realtime' });
    await store.commitTurn(realtime);
    expect(await store.readTurn(ACME, realtime.id)).toEqual(realtime);
    await store.close();
    expect(await stored(path, [turn.id, next.id])).toEqual([true, true]);
    const again = await SqliteStore.open(path);
    await again.erase(ACME, session.id);
    expect(await again.readTree(ACME, session.id)).toEqual([]);
    await again.close();
  }, 20_000);

  test('may be opened by several at once', async () => {
    const path = freshPath();
    makeOld(path);
    const stores = await Promise.all([1, 2, 3].map(() => SqliteStore.open(path)));
    for (const store of stores) {
      expect(await store.readTurn(ACME, turn.id)).toEqual(turn);
      expect(await store.claim(ACME, aClaim())).toEqual(aClaim());
      await store.close();
    }
  });
});

describe('sqlite: a file of version 2', () => {
  test('keeps its leases, claims and fingerprints', async () => {
    const path = freshPath();
    const store = await SqliteStore.open(path);
    const { id } = await store.createSession(aSession());
    const turn = aTurn(id, null, { fingerprint: '0123456789abcdef' });
    await store.commitTurn(turn);
    await store.claim(ACME, aClaim());
    const { token } = await taken(store.takeHead(ACME, { id }, 1, LEASE));
    await store.close();
    const db = new Database(path);
    // The second version had none of these, and its view had the number of the dialect.
    const tables = ['members', 'dialects', 'lines', 'side_turns', 'seal_keys', 'session_values', 'histories'];
    const added = [...tables, 'survey_changes'].map((table) => `TABLE ${table}`);
    const ofTurns = ['side_turns_erased', 'histories_erased', 'turns_amended', 'turns_gone'];
    const ofSessions = ['sessions_made', 'sessions_labelled', 'sessions_deleted'];
    const triggers = [...ofTurns, ...ofSessions].map((name) => `TRIGGER ${name}`);
    for (const drop of [...triggers, ...added, 'VIEW turn_rows']) db.run(`DROP ${drop}`);
    for (const column of ['main', 'value_floor', 'tags'])
      db.run(`ALTER TABLE sessions DROP COLUMN ${column}`);
    db.run('CREATE VIEW turn_rows AS SELECT * FROM turns');
    db.run('PRAGMA user_version = 2');
    db.close();
    const next = await SqliteStore.open(path);
    expect(await next.findClaim(ACME, aClaim().key, DAY_MS)).toEqual(aClaim());
    expect(await next.findByFingerprint(ACME, turn.fingerprint!, DAY_MS)).toBe(turn.id);
    expect(await next.takeHead(ACME, { id }, 1, LEASE)).toHaveProperty('expiresInMs');
    expect(await next.renewLease(ACME, id, token, 0)).toBe(true);
    await next.close();
  });
});

describe('sqlite: the clock of the store', () => {
  const open = () => {
    let now = NOW;
    const group = new GroupCommit(openDatabase(freshPath()), () => now);
    const call = <Name extends OperationName>(name: Name, ...args: OperationArgs<Name>) => {
      const [result] = group.run([{ name, args }]).results;
      if (!result || !('value' in result)) throw new Error(JSON.stringify(result));
      return result.value as OperationResult<Name>;
    };
    return {
      call,
      close: () => group.close(),
      set: (time: number) => {
        now = time;
      },
    };
  };

  test('decides when a lease expires, to the millisecond', () => {
    const { call, set, close } = open();
    const { id } = call('createSession', sessionColumns(aSession()));
    const take = (lastsMs: number) => call('takeHead', ACME, { id }, 1, { holder: 'us', lastsMs });
    const { token } = take(1000) as { token: number };
    set(NOW + 999);
    expect(take(1000)).toEqual({ expiresInMs: 1 });
    expect(call('renewLease', ACME, id, token, 10)).toBe(true);
    expect(take(1000)).toEqual({ expiresInMs: 10 });
    set(NOW + 1009);
    expect(take(1000)).toMatchObject({ token: NOW + 1009 });
    close();
  });

  test('may step back: tokens grow, in every way in which a lease can end', () => {
    const { call, set, close } = open();
    const { id, tenant } = call('createSession', sessionColumns(aSession()));
    const turn = () => turnColumns(aTurn(id, null));
    const waysToEnd = [
      (token: number) => call('releaseLease', tenant, id, token),
      (token: number) => call('commitTurn', turn(), { token }),
      (token: number) => call('commitTurn', turn(), { move: { from: 'none' as TurnSuffix }, token }),
      () => call('releaseLeasesOf', 'us'),
      // It expires, and is taken over.
      () => {},
    ];
    const tokens: number[] = [];
    for (const now of [NOW, NOW, NOW - 5000, NOW - 5000, NOW + 1, NOW - 60_000]) {
      for (const end of waysToEnd) {
        set(now);
        // Expired at any of these times.
        const lease = aLease('us', -DAY_MS);
        const { token } = call('takeHead', tenant, { id }, 1, lease) as { token: number };
        end(token);
        tokens.push(token);
      }
    }
    expect(tokens).toHaveLength(30);
    expectGrowing(tokens);
    close();
  });

  test('decides how old claims, fingerprints and signs of life are', () => {
    const { call, set, close } = open();
    const fingerprint = '0123456789abcdef';
    const { tenant, key } = { tenant: ACME, key: aClaim().key };
    call('commitTurn', turnColumns(aTurn(newSessionId(NOW), null, { createdAt: 1 })), { fingerprint });
    call('claim', tenant, aClaim());
    call('beat', 'us');
    set(NOW + 1000);
    expect(call('silentFor', 'us')).toBe(1000);
    expect(call('findClaim', tenant, key, 1000)).toEqual(aClaim());
    expect(call('findClaim', tenant, key, 999)).toBeUndefined();
    expect(call('findByFingerprint', tenant, fingerprint, 1000)).toBeDefined();
    expect(call('findByFingerprint', tenant, fingerprint, 999)).toBeUndefined();
    call('forgetClaims', 1000);
    call('forgetFingerprints', 1000);
    expect(call('findClaim', tenant, key, 1000)).toBeDefined();
    expect(call('findByFingerprint', tenant, fingerprint, 1000)).toBeDefined();
    call('forgetClaims', 999);
    call('forgetFingerprints', 999);
    expect(call('findClaim', tenant, key, DAY_MS)).toBeUndefined();
    expect(call('findByFingerprint', tenant, fingerprint, DAY_MS)).toBeUndefined();
    set(NOW - 1000);
    expect(call('silentFor', 'us')).toBe(0);
    close();
  });
});

describe('sqlite: statements', () => {
  test('that look for turns never read all of them', () => {
    const path = freshPath();
    const db = openDatabase(path);
    const survey = openSurvey(join(dirname(path), 'survey.db'), path);
    const root = join(import.meta.dir, '../../src/stores/sqlite');
    let seen = 0;
    for (const [folder, file] of [
      ['sql', db],
      ['survey/sql', survey],
    ] as const) {
      for (const name of readdirSync(join(root, folder))) {
        if (!name.endsWith('.sql') || name.includes('schema')) continue;
        const sql = readFileSync(join(root, folder, name), 'utf8');
        if (!/\b(FROM|JOIN|UPDATE) (log\.)?turn(s|_rows)\b/.test(sql)) continue;
        seen++;
        const plan = file.query<{ detail: string }, []>(`EXPLAIN QUERY PLAN ${sql}`).all();
        const scans = plan.filter(({ detail }) => /^SCAN (log\.)?(turns|turn_rows|[tiop])\b/.test(detail));
        expect({ name, scans }).toEqual({ name, scans: [] });
      }
    }
    expect(seen).toBeGreaterThan(15);
    survey.close();
    db.close();
  });
});

describe('sqlite: a dialect that is new', () => {
  test('has no number where its turn was not stored', () => {
    const db = openDatabase(freshPath());
    const group = new GroupCommit(db);
    const good = turnColumns(aTurn(newSessionId(NOW), null, { dialect: 'realtime' }));
    const bad = { ...good, session: newSessionId(NOW), dialect: 'bad', model: null as unknown as string };
    const commit = (turn: typeof good): Call => ({ name: 'commitTurn', args: [turn] });
    group.run([commit(bad)]);
    group.run([commit(good), commit(bad)]);
    expect(db.query('SELECT name FROM dialects ORDER BY number').values()).toEqual([
      ['chat'],
      ['responses'],
      ['realtime'],
    ]);
    group.close();
  });
});

describe('sqlite: a file that cannot be used is left as it is', () => {
  /** The reason why the file was refused; fails where it changed. */
  async function refusal(path: string): Promise<string> {
    const before = readFileSync(path);
    const reason = await SqliteStore.open(path).then(
      () => 'opened',
      (error: Error) => error.message,
    );
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(reason).toContain(path);
    return reason;
  }

  function damage(path: string, from: number, to: number): void {
    const bytes = readFileSync(path);
    bytes.fill(0xa5, from, to);
    writeFileSync(path, bytes);
  }

  test('when it is something else', async () => {
    const path = freshPath();
    writeFileSync(path, 'Dear diary, today I lost a session.');
    expect(await refusal(path)).toMatch(/is not an SQLite database.*Restore it from a backup/);
  });

  test("when it is another application's", async () => {
    const path = freshPath();
    const db = new Database(path);
    db.run('PRAGMA journal_mode = WAL');
    db.run('CREATE TABLE diary (day TEXT)');
    db.close();
    expect(await refusal(path)).toMatch(/belongs to another application.*Choose another path/);
  });

  test('when a newer program wrote it', async () => {
    const path = freshPath();
    await makeDatabase(path, 10);
    const db = new Database(path);
    db.run('PRAGMA user_version = 99');
    db.close();
    expect(await refusal(path)).toMatch(/schema version 99.*newer program/);
  });

  test('when it was cut off', async () => {
    const path = freshPath();
    await makeDatabase(path, 1000);
    truncateSync(path, statSync(path).size / 2);
    expect(await refusal(path)).toMatch(/is damaged.*Restore it from a backup/);
  });

  test('when its first bytes are damaged', async () => {
    const path = freshPath();
    await makeDatabase(path, 10);
    damage(path, 0, 8);
    expect(await refusal(path)).toMatch(/first bytes are damaged/);
  });

  test('when its schema is damaged', async () => {
    const path = freshPath();
    await makeDatabase(path, 10);
    damage(path, 100, 8192);
    expect(await refusal(path)).toMatch(/is damaged/);
  });

  test.each([0.1, 0.4, 0.7])('when a part of it is damaged (at %p)', async (part) => {
    const path = freshPath();
    await makeDatabase(path, 1200);
    const start = Math.floor(statSync(path).size * part);
    damage(path, start, Math.floor(start + statSync(path).size * 0.2));
    expect(await refusal(path)).toMatch(/is damaged/);
  });

  test('while it is open: a page that is damaged is final, and the file is named', async () => {
    const path = freshPath();
    const ids = (await makeDatabase(path, 1000)) as TurnId[];
    const store = await SqliteStore.open(path);
    damage(path, Math.floor(statSync(path).size * 0.1), statSync(path).size);
    const failures = await Promise.all(
      ids.map((id) =>
        store.readTurn(ACME, id).then(
          () => undefined,
          ({ code, message }) => ({ code, message }),
        ),
      ),
    );
    const final = { code: 'context_lost', message: expect.stringMatching(/sessions\.db is damaged/) };
    expect(failures.find((failure) => failure !== undefined)).toEqual(final);
    expect(failures.some((failure) => failure?.code === 'store_unavailable')).toBe(false);
    await store.close();
  });

  test('when its write-ahead log is there and the file is not', async () => {
    const path = freshPath();
    writeFileSync(`${path}-wal`, 'the last copy of the latest turns');
    const reason = await SqliteStore.open(path).catch((error: Error) => error.message);
    expect(reason).toMatch(/is missing or empty, but its -wal file is not/);
    expect(readFileSync(`${path}-wal`, 'utf8')).toBe('the last copy of the latest turns');
  });

  test('when it is a folder', async () => {
    const path = dirname(freshPath());
    const reason = await SqliteStore.open(path).catch((error: Error) => error.message);
    expect(reason).toMatch(/cannot be opened.*Check that the path is right/);
  });
});

describe('sqlite: groups', () => {
  test('of commits asked together share a transaction', async () => {
    const store = await SqliteStore.open(freshPath());
    await Promise.all(someTurns(500).map((row) => store.commitTurn(row)));
    expect(store.counts).toEqual({ calls: 500, transactions: 1 });
    await store.close();
  });

  test('of writers that each wait for their own commit share transactions', async () => {
    const store = await SqliteStore.open(freshPath());
    const write = async () => {
      for (const row of someTurns(20)) await store.commitTurn(row);
    };
    await Promise.all(Array.from({ length: 50 }, write));
    expect(store.counts.calls).toBe(1000);
    expect(store.counts.transactions).toBeLessThan(100);
    await store.close();
  });

  test('of leases and signs of life alone are not synced to disk, all others are', () => {
    const db = openDatabase(freshPath());
    const group = new GroupCommit(db);
    const id = newSessionId(NOW);
    const take: Call = { name: 'takeHead', args: [ACME, { id }, 1, LEASE] };
    const release: Call = { name: 'releaseLeasesOf', args: ['us'] };
    const commit = (): Call => ({ name: 'commitTurn', args: [turnColumns(aTurn(id, null))] });
    const syncing = (...calls: Call[]) => {
      expect(group.run(calls).transactions).toBe(1);
      return db.query<{ synchronous: number }, []>('PRAGMA synchronous').get()?.synchronous;
    };
    const [normal, full] = [1, 2];
    expect(syncing(commit())).toBe(full);
    expect(syncing(take, release)).toBe(normal);
    expect(syncing({ name: 'beat', args: ['us'] }, { name: 'removeMember', args: ['us'] })).toBe(normal);
    expect(syncing(take, commit(), release)).toBe(full);
    expect(syncing(release)).toBe(normal);
    expect(syncing(commit())).toBe(full);
    group.close();
  });

  test('of leases do not wait for commits to gather', async () => {
    const thread = new StoreThread({ path: freshPath(), use: 'write' }, startWorker, 60_000);
    await thread.open();
    const [first, second] = someTurns(2).map(turnColumns);
    await thread.call('commitTurn', first!);
    const gathering = thread.call('commitTurn', second!);
    expect(await thread.call('takeHead', ACME, { id: first!.session }, 1, LEASE)).toBeUndefined();
    expect(thread.counts).toEqual({ calls: 2, transactions: 2 });
    await Promise.all([gathering, thread.close()]);
  });

  test('survive a call that fails, which fails alone', async () => {
    const path = freshPath();
    const store = await SqliteStore.open(path);
    const [before, bad, after] = someTurns(3);
    const stray = aTurn(newSessionId(NOW), null);
    const asked = [
      faultOf(store.commitTurn(before!)),
      faultOf(store.commitTurn({ ...bad!, model: null as unknown as string })),
      faultOf(store.commitTurn(aTurn(stray.session, stray))),
      faultOf(store.commitTurn(after!)),
    ];
    expect(await Promise.all(asked)).toEqual([undefined, 'store_unavailable', 'context_lost', undefined]);
    await store.close();
    expect(await stored(path, [before!.id, bad!.id, after!.id])).toEqual([true, false, true]);
  });
});

describe('sqlite: deaths', () => {
  test('of the process by kill -9 lose no acknowledged commit', async () => {
    const path = freshPath();
    const child = Bun.spawn([process.execPath, WRITER, path], { stdout: 'pipe' });
    const printed = await killOnce(child, lines(500));
    const acknowledged = printed.slice(0, printed.lastIndexOf('\n')).split('\n');
    expect(await stored(path, acknowledged)).not.toContain(false);
  });

  test('of the disk refuse what cannot be stored and keep what was', async () => {
    const path = freshPath();
    // Files may grow to a megabyte, then writes fail, as they do on a full disk.
    const command = `trap '' XFSZ; ulimit -f 1024; exec '${process.execPath}' '${WRITER}' '${path}' 3000`;
    const child = Bun.spawn(['bash', '-c', command], { stdout: 'pipe' });
    const printed = (await child.stdout.text()).trim().split('\n');
    const acknowledged = printed.filter((line) => line !== 'store_unavailable');
    expect(printed).toContain('store_unavailable');
    expect(acknowledged.length).toBeGreaterThan(100);
    expect(await stored(path, acknowledged)).not.toContain(false);
  });

  test('of the thread reject what is under way, and the next call starts a new one', async () => {
    const path = freshPath();
    const workers: Worker[] = [];
    const store = await SqliteStore.open(path, () => {
      workers.push(startWorker());
      return workers.at(-1)!;
    });
    const rows = someTurns(20_000);
    const { session } = rows[0]!;
    const asked = rows.map((row) => faultOf(store.commitTurn(row)));
    asked.push(faultOf(store.takeHead(ACME, { id: session }, 1, LEASE)));
    await Promise.resolve();
    workers[0]!.terminate();
    const faults = await Promise.all(asked);
    expect(new Set(faults)).toEqual(new Set(['store_unavailable']));
    expect(await store.commitTurn(rows[0]!)).toBe(true);
    expect(await store.readTurn(ACME, rows[0]!.id)).toEqual(rows[0]!);
    // One that writes, one that reads, and the new one that writes.
    expect(workers).toHaveLength(3);
    await store.close();
  });
});
