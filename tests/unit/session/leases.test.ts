import { describe, expect, test } from 'bun:test';
import type { Fault } from '../../../src/core/errors.ts';
import { newSessionId, newTurnId } from '../../../src/core/ids.ts';
import { type Item, userMessage } from '../../../src/core/items.ts';
import type { Tenant } from '../../../src/core/request.ts';
import { Heads } from '../../../src/session/heads.ts';
import { type Lease, Leases } from '../../../src/session/leases.ts';
import { Sessions } from '../../../src/session/sessions.ts';
import { MemoryBlobStore } from '../../../src/stores/memory/blob-store.ts';
import { MemoryStore } from '../../../src/stores/memory/store.ts';
import { aTurn } from '../../conformance/turn-rows.ts';

const tenant = 'acme' as Tenant;
const SOON = 5_000;

const leasesOf = (queue: number) => {
  const store = { renewLease: async () => true, releaseLease: async () => {} };
  return new Leases({ store, holder: 'us', queue });
};
const codeOf = (promise: Promise<unknown>) => promise.then(String, (error: Fault) => error.code);

describe('writers of one session in one process', () => {
  const session = newSessionId(0);

  test('write in the order in which they asked', async () => {
    const leases = leasesOf(8);
    const order: number[] = [];
    const writers = [1, 2, 3, 4].map(async (writer) => {
      const leave = await leases.enter(session, SOON);
      order.push(writer);
      leave();
    });
    await Promise.all(writers);
    expect(order).toEqual([1, 2, 3, 4]);
    expect(leases.isBusy(session)).toBe(false);
  });

  test('are refused where too many wait, unless they wait without a limit', async () => {
    const leases = leasesOf(1);
    const leave = await leases.enter(session, SOON);
    const second = leases.enter(session, SOON);
    expect(await codeOf(leases.enter(session, SOON))).toBe('session_busy');
    const unlimited = leases.enter(session, Number.POSITIVE_INFINITY);
    leave();
    (await second)();
    (await unlimited)();
    expect(leases.counts).toEqual({ held: 0, waiting: 0 });
  });

  test('are refused when their time is up; the next one does not wait for them', async () => {
    const leases = leasesOf(8);
    const leave = await leases.enter(session, SOON);
    const refused = codeOf(leases.enter(session, 1));
    const next = leases.enter(session, SOON);
    expect(await refused).toBe('session_busy');
    leave();
    (await next)();
    expect(leases.counts.waiting).toBe(0);
  });
});

test('an answer is dropped by the next request alone: one between may need it', async () => {
  const leases = leasesOf(8);
  const session = newSessionId(0);
  const dropped: string[] = [];
  const enter = (name: string, input: Item[], isAgent = true) =>
    leases.enter(session, SOON, { input, isAgent, drop: () => dropped.push(name) });
  const history = [userMessage('q'), userMessage('q2')];
  const leave = await enter('first', [userMessage('q')]);
  const appended = enter('appended', [userMessage('q')], false);
  const next = enter('next', history);
  expect(dropped).toEqual([]);
  leave();
  const leaveAppended = await appended;
  expect(dropped).toEqual(['appended']);
  const again = enter('again', history);
  expect(dropped).toEqual(['appended']);
  leaveAppended();
  const leaveNext = await next;
  expect(dropped).toEqual(['appended', 'next']);
  leaveNext();
  (await again)();
});

/** Two processes on one store, whose clock shows the time that the test sets. */
async function twoProcesses() {
  let now = 0;
  const clock = () => now;
  const store = new MemoryStore(clock);
  const blobs = new MemoryBlobStore();
  const processOf = (holder: string) => {
    const leases = new Leases({ store, holder, queue: 4 });
    const heads = new Heads({ log: store, leaseStore: store, blobs, leases });
    return new Sessions({ log: store, lines: store, heads, clock, emit: () => {} });
  };
  const id = newSessionId(0);
  await store.createSession({ id, tenant, createdAt: 0, metadata: {}, head: null, edits: 0 });
  const resume = async (sessions: Sessions, waitMs: number): Promise<Lease> => {
    const resumed = await sessions.resumeForAppend(tenant, id, [userMessage('Hi')], waitMs);
    if (resumed.kind !== 'head') throw new Error('no lease was taken');
    return resumed.lease;
  };
  const commit = (token: number) => {
    const row = { ...aTurn(id, null), tenant, id: newTurnId(id, now) };
    return store.commitTurn(row, { move: { from: null }, token });
  };
  return { us: processOf('us'), them: processOf('them'), resume, commit, at: (time: number) => (now = time) };
}

describe('writers of one session in two processes', () => {
  test('wait for each other, and are refused when their time is up', async () => {
    const { us, them, resume } = await twoProcesses();
    const lease = await resume(us, SOON);
    expect(await codeOf(resume(them, 30))).toBe('session_busy');
    const waiting = resume(them, SOON);
    lease.release();
    expect((await waiting).token).toBeGreaterThan(lease.token);
  });

  test('one whose lease has expired and was taken over cannot commit under it', async () => {
    const { us, them, resume, commit, at } = await twoProcesses();
    const late = await resume(us, SOON);
    at(60_000);
    const lease = await resume(them, SOON);
    expect(await commit(late.token)).toBe(false);
    expect(await commit(lease.token)).toBe(true);
  });
});
