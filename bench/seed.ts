import { join } from 'node:path';
import { itemsTokens } from '../src/context/tokens.ts';
import { newSessionId, newTurnId, type TurnId } from '../src/core/ids.ts';
import type { Item } from '../src/core/items.ts';
import type { Outcome } from '../src/core/outcome.ts';
import type { Ask, PlacedIntent, Session } from '../src/core/turn.ts';
import { DEFAULT_TENANT } from '../src/security/keys.ts';
import { digestItems, EMPTY_DIGEST } from '../src/session/history.ts';
import { MemoryBlobStore } from '../src/stores/memory/blob-store.ts';
import { MemoryJournal } from '../src/stores/memory/journal.ts';
import { sessionColumns } from '../src/stores/sqlite/columns.ts';
import { openDatabase } from '../src/stores/sqlite/database-file.ts';
import { Operations } from '../src/stores/sqlite/operations.ts';
import { SqliteStore } from '../src/stores/sqlite/store.ts';
import { appendToLog } from '../src/turn/record/commit.ts';

/** Fills data directories with the gateway's own storage code: the same data as real turns, in less time. */

export const databaseOf = (dataDir: string) => join(dataDir, 'clawhold.db');

export const newSession = (name: string, head: TurnId | null = null): Session => {
  const now = Date.now();
  return {
    id: newSessionId(now),
    tenant: DEFAULT_TENANT,
    name,
    createdAt: now,
    metadata: {},
    head,
    edits: 0,
  };
};

/** Creates sessions without turns. A gateway may have millions of sessions. */
export function seedSessions(dataDir: string, count: number): void {
  const database = openDatabase(databaseOf(dataDir));
  const operations = new Operations(database);
  const block = database.transaction((from: number, to: number) => {
    for (let number = from; number < to; number++) {
      operations.turns.createSession(
        sessionColumns(newSession(`caller-${Bun.hash(String(number)).toString(36)}`)),
      );
    }
  });
  for (let from = 0; from < count; from += 10_000) block(from, Math.min(count, from + 10_000));
  database.close();
}

/** What every seeded turn asks for. */
export const ASK: Omit<Ask, 'input'> = {
  dialect: 'chat',
  vocabulary: 'openai-chat',
  model: 'openai/say-5',
  fallbacks: [],
  settings: { max_output_tokens: 100 },
  extra: {},
  metadata: {},
  state: { kind: 'none' },
  retention: 'stored',
  delivery: 'whole',
  defaultContext: 'truncate',
  policy: { onDisconnect: 'run_on', whenBusy: 'wait', whenDown: 'fail', whenBroken: 'fail' },
};

/** How many commits run at once, so that turns share an fsync. */
const BLOCK = 250;

/** Creates sessions with the given names and numbers of turns. Every turn is `question` and `answer`. */
export async function seedTurns(
  dataDir: string,
  sessions: Record<string, number>,
  question: string,
  answer: string,
): Promise<void> {
  const store = await SqliteStore.open(databaseOf(dataDir));
  const parts = { log: store, journal: new MemoryJournal(), blobs: new MemoryBlobStore() };
  const input: Item[] = [message('user', 'input_text', question)];
  const output: Item[] = [message('assistant', 'output_text', answer)];
  for (const [name, turns] of Object.entries(sessions)) {
    const { id: session } = await store.createSession(newSession(name));
    let parent: TurnId | null = null;
    let branchTokens = 0;
    let digest = EMPTY_DIGEST;
    let pending: Promise<unknown>[] = [];
    const inputTokens = itemsTokens(input);
    const answerTokens = itemsTokens(output);
    for (let turn = 0; turn < turns; turn++) {
      const createdAt = Date.now();
      const id = newTurnId(session, createdAt);
      digest = digestItems(digest, input);
      const intent: PlacedIntent = {
        ...ASK,
        state: { kind: 'none' },
        ...{ kind: 'placed', id, tenant: DEFAULT_TENANT, session, createdAt, key: 'root', input },
        position: { parent, branchTokens, inputTokens, digest, moveHead: { from: parent } },
      };
      const outcome: Outcome = {
        state: 'completed',
        completedAt: createdAt,
        answeredBy: { provider: 'openai', protocol: 'openai-chat', model: 'say-5' },
        output,
        finish: [{ unified: 'stop', raw: 'stop' }],
      };
      pending.push(appendToLog({ intent, outcome, deltas: [], events: [] }, parts));
      branchTokens += inputTokens + answerTokens;
      digest = digestItems(digest, output);
      parent = id;
      if (pending.length < BLOCK) continue;
      await Promise.all(pending);
      pending = [];
    }
    await Promise.all(pending);
  }
  await store.close();
}

export function message(role: 'user' | 'assistant', type: 'input_text' | 'output_text', text: string): Item {
  const content = type === 'output_text' ? [{ type, text, annotations: [] }] : [{ type, text }];
  return { type: 'message', role, content, ...(role === 'assistant' && { status: 'completed' }) } as Item;
}
