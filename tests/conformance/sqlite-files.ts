import { afterAll } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newSessionId, type TurnId } from '../../src/core/ids.ts';
import type { TurnRow } from '../../src/session/turn-log.ts';
import { SqliteStore } from '../../src/stores/sqlite/store.ts';
import { ACME, aTurn, NOW } from './turn-rows.ts';

/**
 * Paths of databases that are yet to be made, each in a folder of its own; they go when the tests have run.
 */
export function databasePaths(): () => string {
  const root = mkdtempSync(join(tmpdir(), 'clawhold-sqlite-'));
  afterAll(() => rmSync(root, { recursive: true }));
  return () => join(mkdtempSync(join(root, 'd-')), 'sessions.db');
}

/** Turns that each begin a session. */
export function someTurns(count: number): TurnRow[] {
  return Array.from({ length: count }, () => aTurn(newSessionId(NOW), null));
}

/** Whether each of these turns is in a database. */
export async function stored(path: string, ids: string[]): Promise<boolean[]> {
  const store = await SqliteStore.open(path);
  const rows = await Promise.all(ids.map((id) => store.readTurn(ACME, id as TurnId)));
  await store.close();
  return rows.map((row) => row !== undefined);
}
