import { expect, test } from 'bun:test';
import { Fault } from '../../../src/core/errors.ts';
import { newSessionId } from '../../../src/core/ids.ts';
import { userMessage } from '../../../src/core/items.ts';
import type { Session, Tenant } from '../../../src/core/turn.ts';
import { Leases } from '../../../src/session/lease.ts';
import { Sessions } from '../../../src/session/sessions.ts';
import type { AtHead, TurnRow } from '../../../src/session/store.ts';
import { MemoryBlobStore } from '../../../src/stores/memory/blob-store.ts';
import { MemoryJournal } from '../../../src/stores/memory/journal.ts';
import { MemorySessionStore } from '../../../src/stores/memory/session-store.ts';
import { append } from '../../../src/turn/append.ts';
import type { TurnPath } from '../../../src/turn/path.ts';
import { Repeats } from '../../../src/turn/repeats.ts';

const tenant = 'acme' as Tenant;
const clock = () => 1_750_000_000_000;

/** A store in which somebody else deletes the session just before a turn is committed. */
class Contended extends MemorySessionStore {
  override async commitTurn(row: TurnRow, at?: AtHead): Promise<boolean> {
    await this.deleteSession(row.tenant, row.session);
    return super.commitTurn(row, at);
  }
}

async function appendTo(store: MemorySessionStore): Promise<unknown> {
  const blobs = new MemoryBlobStore();
  const journal = new MemoryJournal();
  const leases = new Leases({ store, holder: journal.instance, clock, queue: 4 });
  const sessions = new Sessions({ store, blobs, clock, leases });
  const repeats = new Repeats({ store, journal, clock, retention: 1_000, takeOver: async () => {} });
  const patience = { sessionMs: 1_000, deferMs: 1_000 };
  const session: Session = { id: newSessionId(1), tenant, createdAt: 1, metadata: {}, head: null, edits: 0 };
  await store.createSession(session);
  const path = { store, blobs, clock, sessions, journal, repeats, patience } as unknown as TurnPath;
  return append(tenant, session, [userMessage('Hi')], path).catch((error: unknown) => error);
}

test('items that follow the head are added', async () => {
  expect(await appendTo(new MemorySessionStore())).toMatchObject({
    made: { state: 'completed' },
    replayed: false,
  });
});

test('items that nobody would see are not said to be added', async () => {
  const failure = await appendTo(new Contended());
  expect(failure).toBeInstanceOf(Fault);
  expect((failure as Fault).code).toBe('session_busy');
});
