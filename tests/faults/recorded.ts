import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseResponseId, type SessionId, sessionOf, type TurnId } from '../../src/core/ids.ts';
import type { Item } from '../../src/core/items.ts';
import type { Tenant, Turn } from '../../src/core/turn.ts';
import { decodeTurn } from '../../src/session/codec.ts';
import { SqliteSessionStore } from '../../src/stores/sqlite/session-store.ts';

const TENANT = 'default' as Tenant;

/** The log of a session as it is on disk. */
export interface RecordedSession {
  /** Where the next turn would follow. */
  head: TurnId | null;
  /** All, oldest first, also those beside the branch. */
  turns: Turn[];
}

/** How a client says what it continues. */
interface Conversation {
  name: string;
  /** A response's id. */
  previous?: string;
  manner: { state: 'session' | 'chain' | 'none' };
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

  /** The session that a client names, or the one that its last response is part of. */
  async sessionOf({ name, previous, manner }: Conversation): Promise<RecordedSession> {
    if (manner.state === 'session') return this.named(name);
    const tip = previous === undefined ? undefined : parseResponseId(previous);
    return tip ? this.endingIn(tip) : { head: null, turns: [] };
  }

  async named(name: string): Promise<RecordedSession> {
    const session = await this.store.findSession(TENANT, { name });
    if (!session) return { head: null, turns: [] };
    return { head: session.head, turns: await this.turns(session.id) };
  }

  /** The session that a turn is part of, as far as the turn. */
  async endingIn(turn: TurnId): Promise<RecordedSession> {
    return { head: turn, turns: await this.turns(sessionOf(turn)) };
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
  | ['begin', TurnId, { input: Item[] }]
  | ['deltas', TurnId, { type: string; text?: string }[]]
  | ['end', TurnId];

/** A turn that was begun and not ended. */
export interface Unfinished {
  /** What was asked. */
  asked: string;
  /** What has been answered so far. */
  text: string;
}

/** What the journal shows as unfinished, read without the code under test. */
export function readJournal(dataDir: string): Map<TurnId, Unfinished> {
  const open = new Map<TurnId, Unfinished>();
  for (const name of journalFiles(dataDir).filter((file) => file.endsWith('.log'))) {
    // What follows the last line break is being written, or was cut short by a kill.
    for (const line of readSegment(join(dataDir, 'journal', name))
      .split('\n')
      .slice(0, -1)) {
      const [kind, turn, content] = JSON.parse(line) as JournalLine;
      if (kind === 'begin') open.set(turn, { asked: textOf(content.input), text: '' });
      else if (kind === 'end') open.delete(turn);
      else
        open.get(turn)!.text += content.map(({ type, text }) => (type === 'text-delta' ? text : '')).join('');
    }
  }
  return open;
}

/** Segments go when their turns have ended, and change their names when they are taken over. */
function readSegment(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

export function journalFiles(dataDir: string): string[] {
  return readdirSync(join(dataDir, 'journal'));
}
