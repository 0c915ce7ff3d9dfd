import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { ErrorCode } from '../../../src/core/error-catalogue.ts';
import { Fault } from '../../../src/core/errors.ts';
import type { GatewayEvent } from '../../../src/core/events.ts';
import { newSessionId, newTurnId } from '../../../src/core/ids.ts';
import type { Prompt } from '../../../src/core/prompt.ts';
import type { Tenant } from '../../../src/core/request.ts';
import type { Answer, Call, Dispatch, Interceptor } from '../../../src/routing/call-chain.ts';
import { MemoryHealth } from '../../../src/routing/health.ts';
import { type RetrySettings, retries } from '../../../src/routing/retries.ts';
import { RetryBudget } from '../../../src/routing/retry-budget.ts';
import { BREAKER, BULKHEAD, candidateOf, countTimers, RETRIES, testClock } from './settings.ts';

const session = newSessionId(0);
const trace = { id: newTurnId(session, 0), tenant: 'acme' as Tenant, key: 'root', session };
const ANSWER: Answer = { first: [], rest: (async function* () {})(), exact: false };

type Failure = ErrorCode | [code: ErrorCode, retryAfter: number];

interface Scene {
  /** What each call fails with; `undefined`, and all calls after them, are answered. */
  failures: readonly (Failure | undefined)[];
  settings?: Partial<RetrySettings>;
  call?: Partial<Call>;
  random?: number;
  /** A part of the chain between the retries and the claw. */
  within?: Interceptor;
  /** What earlier turns left. */
  health?: MemoryHealth;
}

/** One turn's call, with the times at which the claw was called. */
function scene({ failures, settings = {}, call = {}, random = 1 - 1e-9, within, ...rest }: Scene) {
  const clock = testClock();
  const events: GatewayEvent[] = [];
  const health =
    rest.health ??
    new MemoryHealth({
      ...{ breaker: () => BREAKER, bulkhead: () => BULKHEAD, now: clock.now, emit: () => {} },
    });
  const startedAt = performance.now();
  const calledAt: number[] = [];
  const interceptor = retries({
    health,
    settings: () => ({ ...RETRIES, ...settings }),
    emit: (event) => void events.push(event),
    random: () => random,
  });
  const claw: Dispatch = async ({ count }) => {
    const failure = failures[count.calls++];
    calledAt.push(performance.now() - startedAt);
    if (failure === undefined) return ANSWER;
    const [code, retryAfter] = typeof failure === 'string' ? [failure, undefined] : failure;
    throw new Fault(code, 'It failed.', { retryAfter });
  };
  const dispatch = interceptor(within ? within(claw) : claw);
  const result = dispatch({
    ...{ candidate: candidateOf('one'), prompt: { stream: true } as Prompt, trace, key: 'root' },
    ...{
      signal: new AbortController().signal,
      count: { calls: 0, failed: [] },
      limits: [],
      hasRefusedChain: false,
      mostCalls: 20,
      endsAt: Infinity,
    },
    ...{ patienceMs: 2_000, isLast: () => false, heard: () => {}, quota: () => {} },
    ...call,
  });
  const code = result.then(
    () => 'answered',
    (failure) => (failure instanceof Fault ? failure.code : failure),
  );
  return { code, calledAt, events, health };
}

describe('a retry', () => {
  test('comes at once after a failure of a moment, once by default', async () => {
    const again = scene({ failures: ['provider_error'] });
    expect(await again.code).toBe('answered');
    expect(again.events).toMatchObject([{ type: 'call-failed', code: 'provider_error', next: 'retry' }]);
    const twice = scene({ failures: ['provider_error', 'stream_interrupted'] });
    expect(await twice.code).toBe('stream_interrupted');
    expect(twice.calledAt).toHaveLength(2);
  });

  test.each<ErrorCode>([
    'content_filtered',
    'context_length_exceeded',
    'provider_auth_failed',
    'quota_exceeded',
    'invalid_request',
    'internal_error',
    'provider_overloaded',
    'provider_timeout',
    'rate_limited',
    'claw_busy',
  ])('does not follow a failure that lasts: %s', async (code) => {
    const { code: result, calledAt } = scene({ failures: [code], settings: { perCall: 5 } });
    expect(await result).toBe(code);
    expect(calledAt).toHaveLength(1);
  });

  test('waits longer and longer from the second one on, for a random part of the pause', async () => {
    const failures = Array.from({ length: 4 }, (): ErrorCode => 'provider_error');
    const settings = { perCall: 4, backoffMs: 20, patienceMs: 30 };
    const longest = scene({ failures, settings });
    expect(await longest.code).toBe('answered');
    const pauses = longest.calledAt.slice(1).map((at, index) => at - longest.calledAt[index]!);
    expect(pauses[0]).toBeLessThan(15);
    expect(pauses[1]).toBeGreaterThanOrEqual(19);
    expect(pauses[2]).toBeGreaterThanOrEqual(29);
    const shortest = scene({
      failures,
      settings: { ...settings, backoffMs: 60_000, patienceMs: 60_000 },
      random: 0,
    });
    expect(await shortest.code).toBe('answered');
  });

  test.each<[string, number, Scene['call'], Scene['settings']]>([
    ['within the patience of the call', 2, {}, {}],
    ['not beyond the patience of the call', 1, { patienceMs: 900 }, {}],
    ['not beyond the usual patience', 1, { patienceMs: undefined }, { patienceMs: 900 }],
    ['not beyond the end of the turn', 1, { endsAt: performance.now() + 800 }, {}],
  ])('waits as the provider asks, %s', async (_, calls, call, settings) => {
    const { code, calledAt } = scene({ failures: [['rate_limited', 1]], call, settings });
    expect(await code).toBe(calls === 2 ? 'answered' : 'rate_limited');
    expect(calledAt).toHaveLength(calls);
    if (calls === 2) expect(calledAt[1]).toBeGreaterThanOrEqual(990);
  });

  test.each([
    [false, 'claw_unavailable', 0],
    [true, 'answered', 1],
  ])('waits for a refused call only if no other candidate is left (%p)', async (isLast, result, calls) => {
    let asked = 0;
    const refusesFirst =
      (next: Dispatch): Dispatch =>
      (call) => {
        if (asked++ > 0) return next(call);
        throw new Fault('claw_unavailable', 'It is not called.', { retryAfter: 1 });
      };
    const { code, calledAt } = scene({ failures: [], call: { isLast: () => isLast }, within: refusesFirst });
    expect(await code).toBe(result);
    expect(calledAt).toHaveLength(calls);
  });

  test('is not made after the last call of the turn', async () => {
    const { code, calledAt } = scene({
      failures: ['provider_error'],
      call: { count: { calls: 0, failed: [] }, mostCalls: 1 },
    });
    expect(await code).toBe('provider_error');
    expect(calledAt).toHaveLength(1);
  });

  test('is not made for a turn that has stopped, and its pause ends with the turn', async () => {
    const stopped = AbortSignal.abort('stopped');
    expect(await scene({ failures: ['provider_error'], call: { signal: stopped } }).code).toBe(
      'provider_error',
    );
    const timers = countTimers();
    const controller = new AbortController();
    const { signal } = controller;
    const waiting = scene({ failures: [['rate_limited', 2]], call: { signal } });
    await Bun.sleep(5);
    const abortedAt = performance.now();
    controller.abort('stopped');
    expect(await waiting.code).toBe('stopped');
    timers.restore();
    expect(timers.left).toBe(0);
    expect(performance.now() - abortedAt).toBeLessThan(100);
  });
});

test('retries never exceed the budget of their claw, whatever its calls do', () => {
  const steps = fc.array(
    fc.oneof(fc.constant('call' as const), fc.constant('retry' as const), fc.nat(5_000)),
    { maxLength: 2_000, size: 'max' },
  );
  fc.assert(
    fc.property(steps, fc.double({ min: 0, max: 1, noNaN: true }), (all, share) => {
      const clock = testClock();
      const begin = clock.now();
      const budget = new RetryBudget(clock.now);
      const made = { calls: 0, retries: 0 };
      for (const step of all) {
        if (step === 'call') {
          made.calls++;
          budget.add(share);
        } else if (step === 'retry') {
          if (budget.take()) made.retries++;
        } else clock.pass(step);
        const seconds = (clock.now() - begin) / 1_000;
        expect(made.retries).toBeLessThanOrEqual(100 + share * made.calls + seconds + 1e-6);
      }
    }),
  );
});

test('a claw never sees more calls than the turns and the budget allow, under any mix of faults', async () => {
  const outcome = fc.constantFrom<Failure | undefined>(
    'provider_error',
    'stream_interrupted',
    'provider_overloaded',
    'content_filtered',
    undefined,
  );
  const turns = fc.array(fc.array(outcome, { minLength: 6, maxLength: 6 }), { maxLength: 400, size: 'max' });
  await fc.assert(
    fc.asyncProperty(turns, fc.integer({ min: 0, max: 5 }), async (all, perCall) => {
      const health = new MemoryHealth({
        ...{ breaker: () => BREAKER, bulkhead: () => BULKHEAD, now: () => 0, emit: () => {} },
      });
      let calls = 0;
      for (const failures of all) {
        const made = scene({ failures, settings: { perCall, backoffMs: 0 }, health });
        await made.code;
        expect(made.calledAt.length).toBeLessThanOrEqual(1 + perCall);
        calls += made.calledAt.length;
      }
      expect(calls).toBeLessThanOrEqual(all.length * (1 + RETRIES.share) + 100);
    }),
    { numRuns: 30 },
  );
});

describe('the budget', () => {
  test('allows a share of the calls once its reserve is used up', () => {
    const budget = new RetryBudget(() => 0);
    let retried = 0;
    for (let call = 0; call < 10_000; call++) {
      budget.add(0.2);
      if (budget.take()) retried++;
    }
    expect(retried).toBeGreaterThanOrEqual(2_000);
    expect(retried).toBeLessThanOrEqual(2_100);
  });

  test('allows a few retries to a claw with few calls', () => {
    const clock = testClock();
    const budget = new RetryBudget(clock.now);
    while (budget.take());
    clock.pass(3_600_000);
    const allowed = Array.from({ length: 20 }, () => budget.take()).filter(Boolean);
    expect(allowed).toHaveLength(10);
  });

  test('is shared by all models of a claw', async () => {
    const { health, code } = scene({ failures: [] });
    await code;
    const { retryBudget } = health.of(candidateOf('one', 'other'));
    while (retryBudget.take());
    expect(health.of(candidateOf('one')).retryBudget.take()).toBe(false);
    expect(health.of(candidateOf('two')).retryBudget.take()).toBe(true);
  });
});
