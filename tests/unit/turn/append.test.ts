import { expect, test } from 'bun:test';
import { Fault } from '../../../src/core/errors.ts';
import { newSessionId } from '../../../src/core/ids.ts';
import { userMessage } from '../../../src/core/items.ts';
import type { Tenant } from '../../../src/core/request.ts';
import type { Session } from '../../../src/core/turn.ts';
import { Heads } from '../../../src/session/heads.ts';
import { Leases } from '../../../src/session/leases.ts';
import { Sessions } from '../../../src/session/sessions.ts';
import type { CommitOptions, TurnRow } from '../../../src/session/turn-log.ts';
import { MemoryBlobStore } from '../../../src/stores/memory/blob-store.ts';
import { MemoryJournal } from '../../../src/stores/memory/journal.ts';
import { MemoryMembers } from '../../../src/stores/memory/members.ts';
import { MemoryStore } from '../../../src/stores/memory/store.ts';
import { Idempotency } from '../../../src/turn/idempotency/idempotency.ts';
import type { TurnPath } from '../../../src/turn/path.ts';
import { append } from '../../../src/turn/start/append.ts';

const tenant = 'acme' as Tenant;
const clock = () => 1_750_000_000_000;

/** A store in which another process deletes the session just before a turn is committed. */
class Contended extends MemoryStore {
  override async commitTurn(row: TurnRow, options?: CommitOptions): Promise<boolean> {
    await this.deleteSession(row.tenant, row.session);
    return super.commitTurn(row, options);
  }
}

async function appendTo(store: MemoryStore): Promise<unknown> {
  const blobs = new MemoryBlobStore();
  const members = new MemoryMembers();
  const leases = new Leases({ store, holder: members.self, queue: 4 });
  const heads = new Heads({ log: store, leaseStore: store, blobs, leases });
  const session: Session = { id: newSessionId(1), tenant, createdAt: 1, metadata: {}, head: null, edits: 0 };
  await store.createSession(session);
  const path: Partial<TurnPath> = {
    log: store,
    blobs,
    clock,
    sessions: new Sessions({ log: store, lines: store, heads, clock, emit: () => {} }),
    journal: new MemoryJournal(),
    idempotency: new Idempotency({
      claims: store,
      members,
      clock,
      retentionMs: 1_000,
      takeOver: async () => {},
    }),
    settings: { turnMs: 60_000, sessionWaitMs: 1_000, deferMs: 1_000, recovery: 'close' },
  };
  const request = { session, items: [userMessage('Hi')] };
  return append(request, path as TurnPath).catch((error: unknown) => error);
}

test('items are added after the head', async () => {
  expect(await appendTo(new MemoryStore())).toMatchObject({
    result: { kind: 'append', state: 'completed' },
    replayed: false,
  });
});

test('items that are on no branch are not reported as added', async () => {
  const failure = await appendTo(new Contended());
  expect(failure).toBeInstanceOf(Fault);
  expect((failure as Fault).code).toBe('session_busy');
});
