import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { Delta } from '../../../src/core/delta.ts';
import type { ErrorCode } from '../../../src/core/error-catalogue.ts';
import { Fault } from '../../../src/core/errors.ts';
import type { GatewayEvent } from '../../../src/core/events.ts';
import { newSessionId, newTurnId } from '../../../src/core/ids.ts';
import type { Prompt } from '../../../src/core/prompt.ts';
import type { Quota } from '../../../src/core/quota.ts';
import type { Tenant } from '../../../src/core/request.ts';
import type { Usage } from '../../../src/core/usage.ts';
import { timeLimits } from '../../../src/routing/attempts.ts';
import type { BreakerSettings } from '../../../src/routing/breaker.ts';
import type { BulkheadSettings } from '../../../src/routing/bulkhead.ts';
import { type Answer, type Call, chain, type Dispatch } from '../../../src/routing/call-chain.ts';
import { gate } from '../../../src/routing/gate.ts';
import { MemoryHealth } from '../../../src/routing/health.ts';
import { watch } from '../../../src/routing/watched.ts';
import { say } from '../turn/rescued.ts';
import { BREAKER, BULKHEAD, candidateOf, testClock } from './settings.ts';

const START: Delta = { type: 'start', model: 'm' };
const usage = (output: number, reasoning = 0): Delta => ({
  type: 'usage',
  usage: { input: 1, output, cacheRead: 0, cacheWrite: 0, reasoning } satisfies Usage,
});
const session = newSessionId(0);
const trace = { id: newTurnId(session, 0), tenant: 'acme' as Tenant, key: 'root', session };

type Behaviour = (call: Call) => AsyncGenerator<readonly Delta[]>;

const fails = (code: ErrorCode, retryAfter?: number): Behaviour =>
  async function* () {
    yield await Promise.reject(new Fault(code, 'It failed.', { retryAfter }));
  };
const answers: Behaviour = async function* () {
  yield [START, say.text(0, 'word')];
  yield [usage(20), say.finish];
};
const breaks = (code: ErrorCode): Behaviour =>
  async function* () {
    yield [START, say.text(0, 'word')];
    throw new Fault(code, 'It broke off.');
  };
const untilAborted: Behaviour = async function* ({ signal }) {
  yield await new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason));
  });
};

interface Scene {
  breaker?: Partial<BreakerSettings>;
  bulkhead?: Partial<BulkheadSettings>;
}

function scene({ breaker = {}, bulkhead = {} }: Scene = {}) {
  const clock = testClock();
  const events: GatewayEvent[] = [];
  const health = new MemoryHealth({
    breaker: () => ({ ...BREAKER, ...breaker }),
    bulkhead: () => ({ ...BULKHEAD, ...bulkhead }),
    now: clock.now,
    emit: (event) => void events.push(event),
  });
  let calls = 0;
  const call = async (behaviour: Behaviour, changes: Partial<Call> = {}): Promise<Answer> => {
    const dispatch: Dispatch = async (inner) => {
      calls++;
      const rest = behaviour(inner);
      const first = await rest.next();
      return { first: first.value!, rest, exact: false };
    };
    const parts = { health, breaker: () => ({ ...BREAKER, ...breaker }), now: clock.now, emit: () => {} };
    return chain(
      [gate(parts)],
      dispatch,
    )({
      ...{ candidate: candidateOf('one'), prompt: { stream: true } as Prompt, trace, key: 'root' },
      ...{
        signal: new AbortController().signal,
        count: { calls: 0, failed: [] },
        limits: [],
        hasRefusedChain: false,
      },
      ...{ mostCalls: 20, endsAt: Infinity },
      ...{ patienceMs: 0, isLast: () => false, heard: () => {}, quota: () => {} },
      ...changes,
    });
  };
  /** Calls and reads the whole answer. Resolves to the code of its failure. */
  const run = async (behaviour: Behaviour, changes: Partial<Call> = {}): Promise<unknown> => {
    try {
      const { rest } = await call(behaviour, changes);
      while (!(await rest.next()).done);
      return undefined;
    } catch (failure) {
      return failure instanceof Fault ? failure.code : failure;
    }
  };
  const many = async (count: number, behaviour: Behaviour, changes: Partial<Call> = {}) => {
    for (let number = 0; number < count; number++) await run(behaviour, changes);
  };
  return { clock, events, call, run, many, one: health.of(candidateOf('one')), health, made: () => calls };
}

describe('the gate', () => {
  test.each<[string, Behaviour]>([
    ['before the first token', fails('provider_error')],
    ['in the middle of the answer', breaks('stream_interrupted')],
    ['by timeouts', fails('provider_timeout')],
    ['without a word about rate limits', fails('rate_limited')],
    ['by a refused credential', fails('provider_auth_failed')],
    ['without credit', fails('quota_exceeded')],
  ])('stops calls of a claw that fails %s', async (_, behaviour) => {
    const { run, many, made, events } = scene();
    await many(10, behaviour);
    expect(await run(answers)).toBe('claw_unavailable');
    expect(made()).toBe(10);
    expect(events).toMatchObject([
      { type: 'breaker-changed', state: 'open', candidate: { provider: 'one' } },
    ]);
  });

  test.each<ErrorCode>([
    'context_length_exceeded',
    'content_filtered',
    'provider_rejected_request',
    'model_not_found',
    'answer_too_large',
    'invalid_request',
    'internal_error',
    'shutting_down',
  ])(
    'lets calls through after any number of failures that say nothing about the provider: %s',
    async (code) => {
      const { many, made, run } = scene();
      await many(50, fails(code));
      await many(50, breaks(code));
      expect(await run(answers)).toBeUndefined();
      expect(made()).toBe(101);
    },
  );

  test('does not hold aborted calls against a claw', async () => {
    const { call, one, run } = scene();
    for (let number = 0; number < 30; number++) {
      const controller = new AbortController();
      const failing = call(untilAborted, { signal: controller.signal });
      controller.abort(new Fault('provider_error', 'The reason of an abort is never a failure of the claw.'));
      await failing.catch(() => {});
      await (await call(answers)).rest.return?.();
    }
    expect(await run(answers)).toBeUndefined();
    expect([one.inFlight, one.bulkhead.inFlight]).toEqual([0, 0]);
  });

  test('says when it lets calls through again', async () => {
    const { many, call, clock } = scene();
    await many(10, fails('provider_error'));
    clock.pass(2_500);
    const failure = await call(answers).then(undefined, (reason) => reason);
    expect(failure).toMatchObject({ retryAfter: 8, kind: { status: 503, retryable: true } });
  });

  test('probes with one call at a time where other candidates are left', async () => {
    const { run, many, made, clock } = scene();
    await many(10, fails('provider_error'));
    clock.pass(BREAKER.openMs);
    const controller = new AbortController();
    const probe = run(untilAborted, { signal: controller.signal });
    expect([await run(answers), await run(answers)]).toEqual(['claw_unavailable', 'claw_unavailable']);
    expect(made()).toBe(11);
    expect(await run(answers, { isLast: () => true })).toBeUndefined();
    expect(made()).toBe(12);
    controller.abort();
    await probe;
    expect(await run(answers)).toBeUndefined();
  });

  test('lets the last candidate through if it is only slow, not if it fails', async () => {
    const slow = scene({ breaker: { windowMs: 3_600_000 } });
    const late: Behaviour = async function* () {
      slow.clock.pass(60_001);
      yield* answers({} as Call);
    };
    await slow.many(10, late);
    expect(slow.one.breaker.reason).toBe('slow-calls');
    expect(await slow.run(answers)).toBe('claw_unavailable');
    expect(await slow.run(answers, { isLast: () => true })).toBeUndefined();
    const failing = scene();
    await failing.many(10, fails('provider_error'));
    expect(await failing.run(answers, { isLast: () => true })).toBe('claw_unavailable');
  });

  test.each<[string, Partial<Call>]>([
    ['an answer that is not streamed', { prompt: { stream: false } as Prompt }],
    ['a model that reasons in silence', { candidate: { ...candidateOf('one'), reasons: true } }],
  ])('%s is never slow', async (_, changes) => {
    const { many, run, clock } = scene({ breaker: { windowMs: 3_600_000 } });
    const late: Behaviour = async function* () {
      clock.pass(60_001);
      yield* answers({} as Call);
    };
    await many(20, late, changes);
    expect(await run(answers, changes)).toBeUndefined();
  });

  test('waits as a rate limit says, with the same error', async () => {
    const { run, many, call, clock, made } = scene();
    await run(fails('rate_limited', 7));
    clock.pass(2_000);
    const failure = await call(answers).then(undefined, (reason) => reason);
    expect(failure).toMatchObject({ code: 'rate_limited', retryAfter: 5 });
    expect(made()).toBe(1);
    clock.pass(5_000);
    expect(await run(answers)).toBeUndefined();
    for (let number = 0; number < 30; number++) {
      await many(1, fails('rate_limited', 1));
      clock.pass(1_000);
    }
    expect(await run(answers)).toBeUndefined();
  });

  test('passes rate limits on, and spares a claw that has none left, unless it is the last one', async () => {
    const { run, one } = scene();
    const heard: Quota[] = [];
    const quota: Quota = { requests: { remaining: 0, resetsInMs: 3_000 } };
    const limited: Behaviour = async function* (call) {
      call.quota(quota);
      yield* answers(call);
    };
    await run(limited, { quota: (next) => heard.push(next) });
    expect([heard, one.quota]).toEqual([[quota], quota]);
    expect(await run(answers)).toBe('rate_limited');
    expect(await run(answers, { isLast: () => true })).toBeUndefined();
  });

  test('measures from the first token, not from the first event', async () => {
    const { run, clock, one } = scene();
    await run(async function* () {
      clock.pass(100);
      yield [START];
      clock.pass(400);
      yield [say.text(0, 'word')];
      clock.pass(2_000);
      yield [usage(100), say.finish];
    });
    expect([one.firstTokenMs, one.tokensPerSecond, one.answerTokens]).toEqual([500, 50, 100]);
  });

  test.each<[Delta, number]>([
    [say.text(0, 'word'), 50],
    [say.reason(0, 'thought'), 100],
  ])('thoughts count for the speed only if they are shown: %j', async (token, speed) => {
    const { run, clock, one } = scene();
    await run(async function* () {
      yield [START, token];
      clock.pass(1_000);
      yield [usage(100, 50), say.finish];
    });
    expect([one.tokensPerSecond, one.answerTokens]).toEqual([speed, 100]);
  });

  test('a slow claw does not keep calls of other claws waiting', async () => {
    const { call, run, health } = scene({ bulkhead: { max: 2, queue: 2 } });
    const controller = new AbortController();
    const { signal } = controller;
    const stuck = Array.from({ length: 4 }, () => call(untilAborted, { signal }));
    expect(await run(answers)).toBe('claw_busy');
    expect(await run(answers, { candidate: candidateOf('two') })).toBeUndefined();
    controller.abort('stopped');
    expect(await Promise.allSettled(stuck)).toHaveLength(4);
    const { inFlight, waiting } = health.of(candidateOf('one')).bulkhead;
    expect([inFlight, waiting]).toEqual([0, 0]);
  });

  test('a call that has waited for a slot is refused if the claw failed meanwhile', async () => {
    const { call, run, one, made } = scene({ bulkhead: { max: 1 } });
    const first = await call(answers);
    const waiting = run(answers);
    one.holdOffFor('rate_limited', 5_000);
    await first.rest.return?.();
    expect(await waiting).toBe('rate_limited');
    expect([made(), one.bulkhead.inFlight, one.inFlight]).toEqual([1, 0, 0]);
  });

  test('an answer that is already watched is not wrapped again', async () => {
    const { health, clock } = scene();
    const seen: string[] = [];
    const rest = watch(answers({} as Call), { ended: ({ how }) => void seen.push(how) });
    const dispatch: Dispatch = async () => ({ first: [START], rest, exact: false });
    const parts = { health, breaker: () => BREAKER, now: clock.now, emit: () => {} };
    const answer = await gate(parts)(dispatch)({
      ...{ candidate: candidateOf('one'), prompt: { stream: true } as Prompt, trace, key: 'root' },
      ...{
        signal: new AbortController().signal,
        count: { calls: 0, failed: [] },
        limits: [],
        hasRefusedChain: false,
      },
      ...{ mostCalls: 20, endsAt: Infinity },
      ...{ patienceMs: 0, isLast: () => false, heard: () => {}, quota: () => {} },
    });
    expect(answer.rest).toBe(rest);
    await rest.return?.();
    await rest.return?.();
    expect(seen).toEqual(['stopped']);
    expect(health.of(candidateOf('one')).inFlight).toBe(0);
  });
});

test('after any mix of outcomes, no slot, permit or waiting call is left', async () => {
  const outcome = fc.constantFrom(
    'whole',
    'fails',
    'breaks',
    'returned',
    'aborted',
    'aborted-later',
    'filtered',
  );
  const calls = fc.array(fc.record({ outcome, model: fc.constantFrom('a', 'b'), passMs: fc.nat(8_000) }), {
    maxLength: 60,
  });
  await fc.assert(
    fc.asyncProperty(calls, async (all) => {
      const { call, clock, health } = scene({
        breaker: { leastCalls: 3 },
        bulkhead: { max: 2, min: 1, queue: 3, queueMs: 2 },
      });
      const perform = async (how: string, model: string) => {
        const candidate = candidateOf('one', model);
        const controller = new AbortController();
        const changes = { candidate, signal: controller.signal };
        if (how === 'aborted') controller.abort('stopped');
        if (how === 'aborted-later') setTimeout(() => controller.abort('stopped'), 1);
        const behaviour = {
          fails: fails('provider_error'),
          breaks: breaks('stream_interrupted'),
          filtered: fails('content_filtered'),
          'aborted-later': untilAborted,
        }[how];
        const { rest } = await call(behaviour ?? answers, changes);
        if (how !== 'returned') while (!(await rest.next()).done);
        await rest.return?.();
      };
      const running: Promise<unknown>[] = [];
      for (const { outcome: how, model, passMs } of all) {
        running.push(perform(how, model).catch(() => {}));
        if (passMs % 2 === 0) await Promise.all(running);
        clock.pass(passMs);
      }
      await Promise.all(running);
      clock.pass(30 * BREAKER.openMs);
      for (const model of ['a', 'b']) {
        const known = health.of(candidateOf('one', model));
        expect([known.inFlight, known.bulkhead.inFlight, known.bulkhead.waiting]).toEqual([0, 0, 0]);
        expect(known.isAvailable).toBe(true);
        // No probe is taken: two good calls at once close the breaker.
        const probes = [known.breaker.take(() => true), known.breaker.take(() => true)];
        for (const probe of probes) probe!.settle('ok');
        expect(known.breaker.is).toBe('closed');
      }
    }),
    { numRuns: 150 },
  );
});

test('answers that have begun do not keep the prompts of their calls', async () => {
  const { health, clock } = scene();
  const ms = 60_000;
  const ignore = () => {};
  const dispatch: Dispatch = async () => ({
    first: [START, say.text(0, 'word')],
    rest: { next: () => new Promise<never>(() => {}) },
    exact: false,
  });
  const begin = chain(
    [
      gate({ health, breaker: () => BREAKER, now: clock.now, emit: () => {} }),
      timeLimits(() => ({ firstTokenMs: ms, signOfLifeMs: ms, idleMs: ms, totalMs: ms, probeMs: ms })),
    ],
    dispatch,
  );
  const prompts: WeakRef<Prompt>[] = [];
  const began = Array.from({ length: 50 }, () => {
    const prompt = { stream: true } as Prompt;
    prompts.push(new WeakRef(prompt));
    return begin({
      ...{ candidate: candidateOf('one'), prompt, trace, key: 'root', signal: new AbortController().signal },
      ...{ count: { calls: 0, failed: [] }, limits: [], hasRefusedChain: false, mostCalls: 20 },
      ...{ endsAt: Infinity, isLast: () => prompt.stream, heard: ignore, quota: ignore },
    });
  });
  const answers = await Promise.all(began);
  await Bun.sleep(10);
  Bun.gc(true);
  // The stack may hold the last ones.
  expect(prompts.filter((prompt) => prompt.deref()).length).toBeLessThan(5);
  for (const { rest } of answers) await rest.return?.();
});
