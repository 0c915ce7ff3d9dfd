import { describe, expect, test } from 'bun:test';
import { RecentTimes } from '../../../src/routing/averages.ts';
import { MemoryHealth } from '../../../src/routing/health.ts';
import { BREAKER, BULKHEAD, candidateOf, testClock } from './settings.ts';

function scene(most?: number) {
  const clock = testClock();
  const store = new MemoryHealth({
    ...{ breaker: () => BREAKER, bulkhead: () => BULKHEAD, now: clock.now, emit: () => {} },
    most,
  });
  return { clock, store, health: store.of(candidateOf('one')) };
}

describe('the health of a candidate', () => {
  test('is the same object for the same provider, model and instance', () => {
    const { store, health } = scene();
    expect(store.of({ ...candidateOf('one'), protocol: 'anthropic' })).toBe(health);
    expect(store.of(candidateOf('one', 'other'))).not.toBe(health);
    expect(store.of({ ...candidateOf('one'), instance: 'b' })).not.toBe(health);
  });

  test('shares slots and retries among the models of a claw, not among instances', () => {
    const { store, health } = scene();
    const other = store.of(candidateOf('one', 'other'));
    expect([other.bulkhead, other.retryBudget]).toEqual([health.bulkhead, health.retryBudget]);
    expect(other.bulkhead).toBe(health.bulkhead);
    expect(store.of({ ...candidateOf('one'), instance: 'b' }).bulkhead).not.toBe(health.bulkhead);
  });

  test('is forgotten when too many others come, unless it was used since or has calls', () => {
    const { store, health } = scene(10);
    const busy = store.of(candidateOf('busy'));
    busy.inFlight = 1;
    const idle = store.of(candidateOf('idle'));
    for (let number = 0; number < 100; number++) {
      expect(store.of(candidateOf('one'))).toBe(health);
      store.of(candidateOf('one', `junk-${number}`));
    }
    expect(store.of(candidateOf('busy'))).toBe(busy);
    expect(store.of(candidateOf('idle'))).not.toBe(idle);
  });

  test('grows no further where every candidate has calls', () => {
    const { store } = scene(3);
    for (let number = 0; number < 10; number++) store.of(candidateOf(`p${number}`)).inFlight = 1;
    expect(store.of(candidateOf('last')).isAvailable).toBe(true);
  });

  test('knows when a pause that the provider asked for ends', () => {
    const { clock, health } = scene();
    health.holdOffFor('rate_limited', 7_000);
    expect([health.isAvailable, health.availableInMs]).toEqual([false, 7_000]);
    clock.pass(7_000);
    expect([health.isAvailable, health.availableInMs, health.holdOff]).toEqual([true, 0, undefined]);
  });

  test('ends a very long pause early, and still knows what the provider asked for', () => {
    const { clock, health } = scene();
    health.holdOffFor('rate_limited', 3_600_000);
    expect(health.availableInMs).toBe(BREAKER.pauseMs);
    expect(health.holdOff!.askedUntil - clock.now()).toBe(3_600_000);
  });

  test.each([
    [{ requests: { remaining: 0, resetsInMs: 2_000 } }, 2_000],
    [{ requests: { remaining: 5, resetsInMs: 2_000 }, tokens: { remaining: 0, resetsInMs: 900 } }, 900],
    [{ tokens: { remaining: 0, resetsInMs: 86_400_000 } }, 30_000],
    [{ requests: { remaining: 1, resetsInMs: 2_000 } }, 0],
    [{}, 0],
  ])('reads the rate limits %j: a call is let through in %p ms', (quota, ms) => {
    const { health } = scene();
    health.readQuota(quota);
    expect(health.quota).toBe(quota);
    expect([health.availableInMs, health.isAvailable]).toEqual([ms, ms === 0]);
  });

  test('a reply with something left ends the wait for a rate limit', () => {
    const { health } = scene();
    health.readQuota({ requests: { remaining: 0, resetsInMs: 2_000 } });
    health.readQuota({ requests: { remaining: 3, resetsInMs: 2_000 } });
    expect(health.isAvailable).toBe(true);
  });

  test('a model that was never measured is measured more and more rarely while that fails', () => {
    const { health, clock } = scene();
    const pauses: number[] = [];
    for (let measurement = 0; measurement < 8; measurement++) {
      health.failed();
      const from = clock.now();
      while (health.hasFailed) {
        // Calls that fail in the pause do not lengthen the next one.
        if (clock.now() === from) for (let call = 0; call < 10; call++) health.failed();
        clock.pass(60_000);
      }
      pauses.push((clock.now() - from) / 60_000);
    }
    expect(pauses).toEqual([1, 2, 4, 8, 16, 30, 30, 30]);
    health.firstTokenAfter(100);
    health.failed();
    clock.pass(60_000);
    expect(health.hasFailed).toBe(false);
  });

  test('is held back for longer than its calls are refused where probes fail', () => {
    const { health, clock } = scene();
    for (let call = 0; call < BREAKER.leastCalls; call++) health.breaker.take(() => false)!.settle('failed');
    for (let probe = 0; probe < 4; probe++) {
      clock.pass(health.breaker.waitMs);
      health.breaker.take(() => true)!.settle('failed');
    }
    clock.pass(health.breaker.waitMs);
    expect([health.breaker.waitMs, health.isAvailable]).toEqual([0, false]);
    clock.pass(health.availableInMs);
    expect(health.isAvailable).toBe(true);
  });

  test('learns times, speed and length from answers', () => {
    const { health } = scene();
    expect([health.firstTokenMs, health.firstTokenP95Ms, health.tokensPerSecond]).toEqual(
      Array.from({ length: 3 }, () => undefined),
    );
    for (let answer = 1; answer <= 100; answer++) {
      health.firstTokenAfter(200);
      health.answered(100);
      health.streamed(100, 2_000);
    }
    expect([health.firstTokenMs, health.tokensPerSecond, health.answerTokens]).toEqual([200, 50, 100]);
    health.firstTokenAfter(1_200);
    expect(health.firstTokenMs).toBeCloseTo(350);
    // Too short to show a speed, but an answer.
    health.answered(1);
    health.streamed(1, 0);
    expect(health.tokensPerSecond).toBe(50);
    expect(health.answerTokens).toBeLessThan(100);
  });

  test('fewer calls run at once while first tokens take much longer than usual', () => {
    const { health, clock } = scene();
    const { bulkhead } = health;
    for (let call = 0; call < 100; call++) health.firstTokenAfter(1_000);
    bulkhead.inFlight = BULKHEAD.max;
    for (let call = 0; call < 200; call++) {
      clock.pass(100);
      health.firstTokenAfter(20_000);
    }
    expect(bulkhead.limit).toBeLessThan(BULKHEAD.max / 2);
  });

  test('times below a second never lower the limit', () => {
    const { health, clock } = scene();
    health.firstTokenAfter(1);
    health.bulkhead.inFlight = BULKHEAD.max;
    for (let call = 0; call < 200; call++) {
      clock.pass(100);
      health.firstTokenAfter(900);
    }
    expect(health.bulkhead.limit).toBe(BULKHEAD.max);
  });
});

test('the 95th percentile is that of the last 64 values', () => {
  const times = new RecentTimes();
  for (let value = 1; value < 10; value++) times.add(value);
  expect(times.p95).toBeUndefined();
  times.add(10);
  expect(times.p95).toBe(10);
  for (let value = 1; value <= 64; value++) times.add(value);
  expect(times.p95).toBe(61);
});

test('what one process learns of a candidate, another one knows', () => {
  const clock = testClock();
  const parts = { breaker: () => BREAKER, bulkhead: () => BULKHEAD, now: clock.now, emit: () => {} };
  const other = new MemoryHealth(parts);
  let told = 0;
  const store = new MemoryHealth({
    ...parts,
    tell(candidate, news) {
      told++;
      other.learn(structuredClone(candidate), structuredClone(news));
    },
  });
  const candidate = candidateOf('one');
  const health = store.of(candidate);
  for (let call = 1; call <= 12; call++) health.firstTokenAfter(100 * call);
  health.wholeAfter(700);
  health.answered(50);
  health.streamed(100, 2_000);
  health.failed();
  health.holdOffFor('rate_limited', 4_000);
  health.readQuota({ requests: { limit: 10, remaining: 0, resetsInMs: 3_000 }, tokens: undefined });
  for (let call = 0; call < BREAKER.leastCalls; call++) health.breaker.take(() => false)?.settle('failed');
  const facts = (one: typeof health) => ({
    averages: [one.firstTokenMs, one.firstTokenP95Ms, one.wholeMs, one.answerTokens, one.tokensPerSecond],
    state: [one.hasFailed, one.holdOff, one.quota, one.quotaWaitMs, one.breaker.is, one.breaker.waitMs],
  });
  expect(health.breaker.is).toBe('open');
  expect(facts(other.of(candidate))).toEqual(facts(health));
  // Nothing is told back.
  expect(told).toBe(19);
});
