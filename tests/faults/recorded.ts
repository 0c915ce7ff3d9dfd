import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseResponseId, type SessionId, sessionOf, type TurnId } from '../../src/core/ids.ts';
import type { Item } from '../../src/core/items.ts';
import type { Tenant, Turn } from '../../src/core/turn.ts';
import { decodeTurn } from '../../src/session/codec.ts';
import { SqliteSessionStore } from '../../src/stores/sqlite/session-store.ts';
import type { Talk } from './talk.ts';

const TENANT = 'default' as Tenant;

/** The log of a session as it is on disk. */
export interface RecordedSession {
  /** Where the next turn would follow. */
  head: TurnId | null;
  /** All, oldest first, also those beside the branch. */
  turns: Turn[];
}

/** Reads the database beside the gateway, as a second process would. */
export async function readLog<Result>(
  dataDir: string,
  read: (log: RecordedLog) => Promise<Result>,
): Promise<Result> {
  const store = await SqliteSessionStore.open(join(dataDir, 'clawhold.db'));
  try {
    return await read(new RecordedLog(store));
  } finally {
    await store.close();
  }
}

export class RecordedLog {
  constructor(private readonly store: SqliteSessionStore) {}

  async sessionOf({ manner, name, previous }: Talk): Promise<RecordedSession> {
    if (manner.dialect === 'chat') return this.named(name);
    const tip = previous === undefined ? undefined : parseResponseId(previous);
    if (!tip) return { head: null, turns: [] };
    return { head: tip, turns: await this.turns(sessionOf(tip)) };
  }

  async named(name: string): Promise<RecordedSession> {
    const session = await this.store.findSession(TENANT, { name });
    if (!session) return { head: null, turns: [] };
    return { head: session.head, turns: await this.turns(session.id) };
  }

  private async turns(session: SessionId): Promise<Turn[]> {
    const nodes = await this.store.readTree(TENANT, session);
    const rows = await Promise.all(nodes.map(({ id }) => this.store.readTurn(TENANT, id)));
    return rows.map((row) => decodeTurn(row!));
  }
}

/** The path from the root to `head`. Throws where a turn is missing. */
export function branchOf({ head, turns }: RecordedSession): Turn[] {
  const byId = new Map(turns.map((turn) => [turn.id, turn]));
  const branch: Turn[] = [];
  for (let id = head; id !== null; ) {
    const turn = byId.get(id);
    if (!turn) throw new Error(`turn ${id} is on the branch and not in the log`);
    branch.push(turn);
    id = turn.parent;
  }
  return branch.reverse();
}

export function textOf(items: readonly Item[]): string {
  return items
    .flatMap((item) => (item.type === 'message' ? item.content : []))
    .map((part) => ('text' in part ? part.text : ''))
    .join('');
}

/** What was said on a branch. */
export function saidOn(branch: readonly Turn[]): string[] {
  return branch.flatMap(({ input, output }) => [textOf(input), textOf(output)]).filter((text) => text !== '');
}

type JournalLine =
  | ['begin', TurnId, unknown]
  | ['deltas', TurnId, { type: string; text?: string }[]]
  | ['end', TurnId];

/** The text of every turn that the journal shows as unfinished, read without the code under test. */
export function readJournal(dataDir: string): Map<TurnId, string> {
  const open = new Map<TurnId, string>();
  for (const name of journalFiles(dataDir).filter((file) => file.endsWith('.log'))) {
    const lines = readFileSync(join(dataDir, 'journal', name), 'utf8').split('\n');
    // What follows the last line break is a line that the kill cut short.
    for (const line of lines.slice(0, -1)) {
      const [kind, turn, content] = JSON.parse(line) as JournalLine;
      if (kind === 'begin') open.set(turn, '');
      else if (kind === 'end') open.delete(turn);
      else {
        const text = content.map((delta) => (delta.type === 'text-delta' ? delta.text : '')).join('');
        open.set(turn, open.get(turn)! + text);
      }
    }
  }
  return open;
}

export function journalFiles(dataDir: string): string[] {
  return readdirSync(join(dataDir, 'journal'));
}
