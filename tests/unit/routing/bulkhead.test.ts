import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { Fault } from '../../../src/core/errors.ts';
import { Bulkhead, type BulkheadSettings } from '../../../src/routing/bulkhead.ts';
import { BULKHEAD, countTimers, testClock } from './settings.ts';

const never = new AbortController().signal;

function scene(settings: Partial<BulkheadSettings>) {
  const clock = testClock();
  const inUse = { ...BULKHEAD, ...settings };
  const bulkhead = new Bulkhead(() => inUse, clock.now);
  const order: string[] = [];
  const enter = (tenant: string, signal = never) => {
    const wait = bulkhead.enter(tenant, signal);
    const entered = (wait ?? Promise.resolve()).then(() => void order.push(tenant));
    // Tests that expect a refusal look at it themselves.
    entered.catch(() => {});
    return entered;
  };
  return { bulkhead, order, enter, clock, inUse };
}

const codeOf = (work: () => unknown): Promise<unknown> =>
  Promise.resolve()
    .then(work)
    .then(
      () => undefined,
      (failure) => (failure instanceof Fault ? failure.code : failure),
    );

describe('a bulkhead', () => {
  test('lets as many calls run as its limit, and the next one when one ends', async () => {
    const { bulkhead, enter } = scene({ max: 2 });
    await enter('a');
    await enter('a');
    const third = enter('a');
    expect([bulkhead.inFlight, bulkhead.waiting]).toEqual([2, 1]);
    bulkhead.leave();
    await third;
    expect([bulkhead.inFlight, bulkhead.waiting]).toEqual([2, 0]);
  });

  test('refuses a call for which the queue has no room', async () => {
    const { bulkhead, enter } = scene({ max: 1, queue: 1 });
    await enter('a');
    void enter('a');
    expect(await codeOf(() => bulkhead.enter('a', never))).toBe('claw_busy');
  });

  test('refuses a call that has waited too long, and says when to come back', async () => {
    const { bulkhead, enter } = scene({ max: 1, queueMs: 5 });
    await enter('a');
    const failure = await enter('a').then(undefined, (reason) => reason);
    expect(failure).toMatchObject({ code: 'claw_busy', retryAfter: 1 });
    expect(bulkhead.waiting).toBe(0);
  });

  test('forgets a waiting call that is aborted', async () => {
    const { bulkhead, enter } = scene({ max: 1 });
    await enter('a');
    const controller = new AbortController();
    const waiting = enter('b', controller.signal);
    controller.abort('stopped');
    expect(await codeOf(() => waiting)).toBe('stopped');
    expect(await codeOf(() => enter('b', controller.signal))).toBe('stopped');
    expect([bulkhead.inFlight, bulkhead.waiting]).toEqual([1, 0]);
  });

  test('serves tenants in turn', async () => {
    const { bulkhead, order, enter } = scene({ max: 1 });
    await enter('a');
    const all = [...'aaaabbc'].map((tenant) => enter(tenant));
    for (const _ of all) {
      bulkhead.leave();
      await Bun.sleep(0);
    }
    await Promise.all(all);
    expect(order.join('')).toBe('aabcabaa');
  });

  test('has room for a tenant in a queue that another tenant has filled', async () => {
    const { bulkhead, order, enter } = scene({ max: 1, queue: 3 });
    await enter('a');
    const crowd = ['a', 'a', 'a'].map((tenant) => enter(tenant));
    const other = enter('b');
    expect(await codeOf(() => crowd[2])).toBe('claw_busy');
    for (let left = 0; left < 3; left++) bulkhead.leave();
    await Promise.all([crowd[0], crowd[1], other]);
    expect(order).toContain('b');
    expect(bulkhead.waiting).toBe(0);
  });

  test('takes a new maximum at once', async () => {
    const { bulkhead, enter, inUse } = scene({ max: 1 });
    await enter('a');
    const second = enter('a');
    inUse.max = 3;
    await enter('a');
    await second;
    expect(bulkhead.inFlight).toBe(3);
  });
});

describe('the limit', () => {
  function loaded(ratio: number, seconds: number, { inFlight = 100 } = {}) {
    const { bulkhead, enter, clock } = scene({ max: 100, min: 10 });
    for (let call = 0; call < inFlight; call++) void enter('a');
    for (let step = 0; step < 20 * seconds; step++) {
      clock.pass(50);
      bulkhead.observe(ratio);
    }
    return { bulkhead, clock };
  }

  test('shrinks while first tokens come late, never below its minimum, and grows again', () => {
    const { bulkhead, clock } = loaded(10, 60);
    expect(bulkhead.limit).toBeGreaterThanOrEqual(10);
    expect(bulkhead.limit).toBeLessThan(20);
    for (let step = 0; step < 3_000; step++) {
      clock.pass(50);
      bulkhead.observe(1);
    }
    expect(bulkhead.limit).toBe(100);
  });

  test('stays where latency is usual, or where it is not what bounds the calls', () => {
    expect(loaded(1.5, 60).bulkhead.limit).toBe(100);
    expect(loaded(10, 60, { inFlight: 49 }).bulkhead.limit).toBe(100);
  });
});

test('after any mix of calls, no slot, queue entry or timer is left, and no limit was passed', async () => {
  const calls = fc.array(
    fc.record({
      tenant: fc.constantFrom('a', 'b', 'c'),
      runs: fc.nat(3),
      aborts: fc.option(fc.nat(3), { nil: undefined }),
      comes: fc.nat(3),
    }),
    { maxLength: 30 },
  );
  const bounds = fc.record({
    max: fc.integer({ min: 1, max: 4 }),
    queue: fc.nat(6),
    queueMs: fc.integer({ min: 1, max: 6 }),
  });
  await fc.assert(
    fc.asyncProperty(calls, bounds, async (all, settings) => {
      const { bulkhead } = scene({ ...settings, min: 1 });
      const timers = countTimers();
      let running = 0;
      await Promise.all(
        all.map(async ({ tenant, runs, aborts, comes }) => {
          await Bun.sleep(comes);
          const controller = new AbortController();
          if (aborts !== undefined) void Bun.sleep(aborts).then(() => controller.abort('stopped'));
          try {
            await bulkhead.enter(tenant, controller.signal);
          } catch {
            return;
          }
          expect(++running).toBeLessThanOrEqual(settings.max);
          expect(bulkhead.waiting).toBeLessThanOrEqual(settings.queue);
          await Bun.sleep(runs);
          running--;
          bulkhead.leave();
        }),
      );
      timers.restore();
      expect([bulkhead.inFlight, bulkhead.waiting, timers.left]).toEqual([0, 0, 0]);
      expect(bulkhead.enter('a', never)).toBeUndefined();
    }),
    { numRuns: 50 },
  );
});

test('every tenant is served within as many calls as there are tenants', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 40 }),
      async (tenants) => {
        const { bulkhead, order, enter } = scene({ max: 1 });
        await enter('first');
        const all = tenants.map((tenant) => enter(tenant));
        for (const _ of all) {
          bulkhead.leave();
          await Promise.resolve();
        }
        await Promise.all(all);
        const served = order.slice(1);
        for (const tenant of new Set(tenants)) {
          const turns = served.flatMap((name, index) => (name === tenant ? [index] : []));
          const gaps = turns.map((turn, index) => turn - (turns[index - 1] ?? -1));
          expect(Math.max(...gaps)).toBeLessThanOrEqual(4);
        }
      },
    ),
    { numRuns: 50 },
  );
});
