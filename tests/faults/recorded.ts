import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseResponseId, type SessionId, sessionOf, type TurnId } from '../../src/core/ids.ts';
import type { Item } from '../../src/core/items.ts';
import type { Tenant } from '../../src/core/request.ts';
import type { Turn } from '../../src/core/turn.ts';
import { decodeTurn } from '../../src/session/stored-turn.ts';
import { SqliteStore } from '../../src/stores/sqlite/store.ts';

const TENANT = 'default' as Tenant;

/** The log of a session, as it is on disk. */
export interface RecordedSession {
  /** The turn that the next turn would follow. */
  head: TurnId | null;
  /** All turns, oldest first, also those that are not on the branch. */
  turns: Turn[];
}

/** How a client names the conversation that it continues. */
interface ConversationReference {
  name: string;
  /** The id of a response. */
  previous?: string;
  clientKind: { state: 'session' | 'chain' | 'none' };
}

/** Reads the database while the gateway runs, as a second process would. */
export async function readLog<Result>(
  dataDir: string,
  read: (log: RecordedLog) => Promise<Result>,
): Promise<Result> {
  const store = await SqliteStore.open(join(dataDir, 'clawhold.db'));
  try {
    return await read(new RecordedLog(store));
  } finally {
    await store.close();
  }
}

export class RecordedLog {
  constructor(private readonly store: SqliteStore) {}

  /** The session that a client names, or the session of its last response. */
  async sessionOf({ name, previous, clientKind }: ConversationReference): Promise<RecordedSession> {
    if (clientKind.state === 'session') return this.named(name);
    const tip = previous === undefined ? undefined : parseResponseId(previous);
    return tip ? this.endingIn(tip) : { head: null, turns: [] };
  }

  async named(name: string): Promise<RecordedSession> {
    const session = await this.store.findSession(TENANT, { name });
    if (!session) return { head: null, turns: [] };
    return { head: session.head, turns: await this.turns(session.id) };
  }

  /** The session of a turn. The turn is its head. */
  async endingIn(turn: TurnId): Promise<RecordedSession> {
    return { head: turn, turns: await this.turns(sessionOf(turn)) };
  }

  private async turns(session: SessionId): Promise<Turn[]> {
    const nodes = await this.store.readTree(TENANT, session);
    const rows = await Promise.all(nodes.map(({ id }) => this.store.readTurn(TENANT, id)));
    return rows.map((row) => decodeTurn(row!).turn);
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

/** The texts of a branch: inputs and outputs. */
export function textsOn(branch: readonly Turn[]): string[] {
  return branch.flatMap(({ input, output }) => [textOf(input), textOf(output)]).filter((text) => text !== '');
}

type JournalLine =
  | ['begin', TurnId, { input: Item[] }]
  | ['deltas', TurnId, { type: string; text?: string }[]]
  | ['end' | 'death' | 'closed', TurnId];

/** A turn that has begun and not ended. */
export interface Unfinished {
  /** The text of the input. */
  asked: string;
  /** The text of the answer so far. */
  text: string;
}

/** The unfinished turns in the journal. This reads the files without the code under test. */
export function readJournal(dataDir: string): Map<TurnId, Unfinished> {
  const open = new Map<TurnId, Unfinished>();
  for (const name of journalFiles(dataDir).filter((file) => file.endsWith('.log'))) {
    // Text after the last line break is still being written, or was cut by a kill.
    for (const line of readSegment(join(dataDir, 'journal', name))
      .split('\n')
      .slice(0, -1)) {
      const [kind, turn, content] = JSON.parse(line) as JournalLine;
      if (kind === 'begin') open.set(turn, { asked: textOf(content.input), text: '' });
      else if (kind === 'end') open.delete(turn);
      else if (kind === 'deltas')
        open.get(turn)!.text += content.map(({ type, text }) => (type === 'text-delta' ? text : '')).join('');
    }
  }
  return open;
}

/** The text of a segment. Segments are deleted when their turns end, and renamed when they are taken over. */
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
