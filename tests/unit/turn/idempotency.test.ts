import { expect, test } from 'bun:test';
import { Fault } from '../../../src/core/errors.ts';
import type { Tenant } from '../../../src/core/request.ts';
import type { Members } from '../../../src/session/members.ts';
import { MemoryStore } from '../../../src/stores/memory/store.ts';
import { Idempotency, type Operation } from '../../../src/turn/idempotency/idempotency.ts';

/** The process that ran a request has died, and others may be taking over its turn at this moment. */

const tenant = 'acme' as Tenant;
const clock = () => 1_750_000_000_000;
const keyed = { route: 'POST /v1/responses', key: 'k', fingerprint: 'f', isRetry: true };
const claimed = { key: 'POST /v1/responses\nk', fingerprint: 'f', target: 'first', holder: 'other' };

/** A process that was taken for dead, and whose lock is held again. */
const membersWhere = (isFrozen: boolean): Members => ({
  self: 'us',
  isAlive: async () => true,
  isActive: async () => false,
  isFrozen: async () => isFrozen,
  leave: async () => {},
});

/** Its turn is found among those that other processes run. */
const operation: Operation<string> = {
  async run(claim) {
    await claim('second');
    return 'second';
  },
  find: async (target, elsewhere) => (elsewhere ? target : undefined),
};

async function claimedByOther(members: Members): Promise<Idempotency> {
  const claims = new MemoryStore(clock);
  await claims.claim(tenant, claimed);
  return new Idempotency({ claims, members, clock, retentionMs: 60_000, takeOver: async () => {} });
}

test('a key of a dead process leads to its turn, while another process succeeds it', async () => {
  const idempotency = await claimedByOther(membersWhere(false));
  expect(await idempotency.runOnce(keyed, tenant, operation)).toEqual({ result: 'first', replayed: true });
});

test('a key of a frozen process is free', async () => {
  const idempotency = await claimedByOther(membersWhere(true));
  expect(await idempotency.runOnce(keyed, tenant, operation)).toEqual({ result: 'second', replayed: false });
});

test('a retry without a key asks others, which take over turns first, and then does the same', async () => {
  const order: string[] = [];
  const claims = new MemoryStore(clock);
  const idempotencyOf = (name: string, elsewhere?: Idempotency): Idempotency => {
    const made: Idempotency = new Idempotency({
      ...{ claims, members: membersWhere(false), clock, retentionMs: 60_000 },
      async takeOver() {
        order.push(name);
        if (name === successor) made.remember(tenant, 'f', 'first');
      },
      findElsewhere: elsewhere && ((place) => elsewhere.targetOf(place)),
    });
    return made;
  };
  const retry = { ...keyed, key: undefined };
  let successor = 'other';
  let asked = idempotencyOf('asked', idempotencyOf('other'));
  expect(await asked.runOnce(retry, tenant, operation)).toEqual({ result: 'first', replayed: true });
  expect(order).toEqual(['other']);
  successor = 'asked';
  asked = idempotencyOf('asked', idempotencyOf('other'));
  expect(await asked.runOnce(retry, tenant, operation)).toEqual({ result: 'first', replayed: true });
  expect(order).toEqual(['other', 'other', 'asked']);
});

test('a process that stops hands over what still runs, for retries without a key', async () => {
  const claims = new MemoryStore(clock);
  const open = () =>
    new Idempotency({
      ...{ claims, members: membersWhere(false), clock, retentionMs: 60_000, takeOver: async () => {} },
    });
  const requestOf = (fingerprint: string, isRetry: boolean) => ({ route: 'r', fingerprint, isRetry });
  const run = (idempotency: Idempotency, fingerprint: string, isRetry: boolean, target: string) =>
    idempotency.runOnce(requestOf(fingerprint, isRetry), tenant, {
      ...operation,
      async run(claim) {
        await claim(target);
        return target;
      },
    });
  const stopping = open();
  await run(stopping, 'running', false, 'runs');
  await run(stopping, 'ended', false, 'has-ended');
  // Its turn is not accepted yet.
  const accepted = Promise.withResolvers<string>();
  const beginning = stopping.runOnce(requestOf('beginning', false), tenant, {
    ...operation,
    async run(claim) {
      await claim('begins');
      return accepted.promise;
    },
  });
  await Bun.sleep(0);
  await stopping.handOver((target) => target === 'runs');
  accepted.resolve('begins');
  await beginning;
  await run(stopping, 'late', false, 'begins-late');
  stopping.remember(tenant, 'taken over', 'was-taken-over');
  const next = open();
  const retry = (fingerprint: string) => run(next, fingerprint, true, 'again');
  expect(await retry('running')).toEqual({ result: 'runs', replayed: true });
  expect(await retry('beginning')).toEqual({ result: 'begins', replayed: true });
  expect(await retry('late')).toEqual({ result: 'begins-late', replayed: true });
  expect(await retry('taken over')).toEqual({ result: 'was-taken-over', replayed: true });
  // The log has it; here, there is none.
  expect(await retry('ended')).toEqual({ result: 'again', replayed: false });
  // A request that is no retry is a new one.
  expect(await run(open(), 'running', false, 'new')).toEqual({ result: 'new', replayed: false });
});

test('a retry waits for others that cannot be asked, and for what they note', async () => {
  const claims = new MemoryStore(clock);
  const parts = {
    claims,
    members: membersWhere(false),
    clock,
    retentionMs: 60_000,
    takeOver: async () => {},
  };
  const gone = new Fault('store_unavailable', 'Another process of this gateway has ended.');
  let asks = 0;
  const asked = new Idempotency({
    ...parts,
    // One of them dies while it is asked, and another one has its turn later.
    async findElsewhere(place) {
      if (asks++ === 0 || !place.includes('taken over')) throw gone;
      return 'taken-over';
    },
  });
  const retry = (fingerprint: string) =>
    asked.runOnce({ route: 'r', fingerprint, isRetry: true }, tenant, operation);
  expect(await retry('taken over')).toEqual({ result: 'taken-over', replayed: true });
  const retried = retry('noted');
  const unknown = retry('unknown');
  await Bun.sleep(120);
  const other = new Idempotency(parts);
  await other.handOver(() => true);
  other.remember(tenant, 'noted', 'runs');
  expect(await retried).toEqual({ result: 'runs', replayed: true });
  expect(await unknown).toEqual({ result: 'second', replayed: false });
});
