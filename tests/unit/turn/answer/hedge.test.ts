import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { Fault } from '../../../../src/core/errors.ts';
import { Cancelled } from '../../../../src/core/turn-view.ts';
import { countTimers } from '../../routing/settings.ts';
import {
  after,
  answers,
  type Behaviour,
  fails,
  failureOf,
  read,
  type Scene,
  sceneOf,
  silent,
} from './calls.ts';

/** A hedge through the whole chain of a call. */

const hedge = (
  behaviour: Scene['behaviour'],
  { afterMs = 10, ...scene }: Partial<Scene> & { afterMs?: number } = {},
) => sceneOf({ behaviour, ...scene, request: { hedgeAfterMs: () => afterMs, ...scene.request } });

const settled = () => Bun.sleep(2);

describe('a hedge', () => {
  test('is not made where the first call answers in time', async () => {
    const { answer, called } = hedge({ a: answers, b: answers });
    expect(await answer()).toMatchObject({ candidate: { provider: 'a' }, slower: [], retries: 0 });
    expect(called).toEqual(['a']);
  });

  test('is not made where the first call fails in time: the next one is called as usual', async () => {
    const { answer, called, failures } = hedge({ a: fails('rate_limited'), b: answers });
    expect(await answer()).toMatchObject({ candidate: { provider: 'b' }, slower: [], retries: 1 });
    expect(called).toEqual(['a', 'b']);
    expect(failures()).toEqual(['a/m rate_limited: next-candidate']);
  });

  test('wins where it is faster: the first call is cancelled, and is named as slower', async () => {
    const { answer, signals, left } = hedge({ a: silent, b: answers });
    const won = await answer();
    expect(won).toMatchObject({ candidate: { provider: 'b' }, slower: [{ provider: 'a' }], retries: 0 });
    await settled();
    expect(signals.a!.reason).toMatchObject({ code: 'hedge_lost' });
    expect(signals.b!.aborted).toBe(false);
    await read(won);
    expect(left()).toBe(0);
  });

  test('loses where the first call is still faster', async () => {
    const { answer, signals, left } = hedge({ a: after(30, answers), b: silent });
    const won = await answer();
    expect(won).toMatchObject({ candidate: { provider: 'a' }, slower: [{ provider: 'b' }], retries: 0 });
    await settled();
    expect(signals.b!.reason).toMatchObject({ code: 'hedge_lost' });
    await read(won);
    expect(left()).toBe(0);
  });

  test('answers where the first call fails after it began, and the failure is reported', async () => {
    const { answer, failures, request } = hedge({
      a: after(20, fails('rate_limited')),
      b: after(40, answers),
    });
    expect(await answer()).toMatchObject({ candidate: { provider: 'b' }, slower: [], retries: 1 });
    expect(failures()).toEqual(['a/m rate_limited: next-candidate']);
    expect(request.count.failed).toMatchObject([{ model: 'a/m', code: 'rate_limited' }]);
  });

  test('that fails leaves the first call its time', async () => {
    const { answer, failures } = hedge({ a: after(40, answers), b: fails('rate_limited'), c: answers });
    expect(await answer()).toMatchObject({ candidate: { provider: 'a' }, slower: [], retries: 1 });
    expect(failures()).toEqual(['b/m rate_limited: next-candidate']);
  });

  test('and the first call may both fail: both are reported, and the third one is called', async () => {
    const { answer, called, failures } = hedge({
      ...{ a: after(20, fails('rate_limited')), b: after(30, fails('provider_overloaded')), c: answers },
    });
    expect(await answer()).toMatchObject({ candidate: { provider: 'c' }, slower: [], retries: 2 });
    expect(called).toEqual(['a', 'b', 'c']);
    expect(failures()).toEqual([
      'a/m rate_limited: next-candidate',
      'b/m provider_overloaded: next-candidate',
    ]);
  });

  test('and the first call may both fail as the last ones', async () => {
    const { answer, failures } = hedge({
      a: after(30, fails('rate_limited')),
      b: fails('provider_overloaded'),
    });
    expect(await failureOf(answer())).toMatchObject({
      ...{ code: 'rate_limited', attempts: [{ model: 'b/m' }, { model: 'a/m' }] },
    });
    expect(failures()).toEqual(['b/m provider_overloaded: next-candidate', 'a/m rate_limited: give-up']);
  });

  test('and the first call may both be too small: the chain for long conversations is called', async () => {
    const { answer, called } = hedge(
      { a: after(30, fails('context_length_exceeded')), b: fails('rate_limited'), long: answers },
      { tooLong: ['long'] },
    );
    expect(await answer()).toMatchObject({ candidate: { provider: 'long' } });
    expect(called).toEqual(['a', 'b', 'long']);
  });

  test('skips a model that the conversation does not fit', async () => {
    const { answer } = hedge({ a: silent, b: answers, c: answers }, { tooSmall: ['b'] });
    expect(await answer()).toMatchObject({ candidate: { provider: 'c' } });
  });

  test('is not made with the last resort', async () => {
    const { answer, called } = hedge({ a: after(30, answers), z: answers }, { lastResort: 'z' });
    expect(await answer()).toMatchObject({ candidate: { provider: 'a' }, isDegraded: false });
    expect(called).toEqual(['a']);
  });

  test('is not made beyond the attempts of the request', async () => {
    const { answer, called } = hedge({ a: after(30, answers), b: answers }, { route: { attempts: 1 } });
    expect(await answer()).toMatchObject({ candidate: { provider: 'a' } });
    expect(called).toEqual(['a']);
  });

  test('is not made after the time of the turn', async () => {
    const endsAt = performance.now() + 5;
    const { answer, called } = hedge(
      { a: silent, b: answers },
      { request: { endsAt, hedgeAfterMs: () => 10 } },
    );
    expect(await failureOf(answer())).toMatchObject({ code: 'provider_timeout' });
    expect(called).toEqual(['a']);
  });

  test('that lost while it waited for a slot was no call, and is not billed', async () => {
    const bulkhead = { max: 1, min: 1, queue: 5, queueMs: 10_000 };
    const { answer, called, health, left } = hedge({ a: answers, b: answers }, { bulkhead });
    const slots = health.of({ provider: 'a', protocol: 'openai-chat', model: 'm' }).bulkhead;
    slots.enter('acme', new AbortController().signal);
    const won = await answer();
    expect(won).toMatchObject({ candidate: { provider: 'b' }, slower: [], retries: 0 });
    expect(called).toEqual(['b']);
    await read(won);
    slots.leave();
    await settled();
    expect(left()).toBe(0);
  });

  test('that lost between two tries of a call is not billed', async () => {
    const flaky = [fails('provider_overloaded', 1), answers];
    const { answer } = hedge({ a: flaky, b: answers });
    expect(await answer()).toMatchObject({ candidate: { provider: 'b' }, slower: [], retries: 1 });
  });

  test('gives back an answer that begins in the moment in which it loses', async () => {
    // This claw answers although it is aborted.
    const late: Behaviour = async function* () {
      await Bun.sleep(25);
      yield* answers(new AbortController().signal);
    };
    const { answer, left } = hedge({ a: late, b: after(5, answers) });
    const won = await answer();
    await read(won);
    await Bun.sleep(30);
    expect(left()).toBe(0);
  });

  test('ends with the turn, and leaves nothing behind', async () => {
    const controller = new AbortController();
    const { answer, called, left } = hedge(
      { a: silent, b: silent },
      { request: { signal: controller.signal, hedgeAfterMs: () => 5 } },
    );
    const failure = failureOf(answer());
    await Bun.sleep(15);
    controller.abort(new Cancelled('It is not wanted.'));
    expect(await failure).toBeInstanceOf(Cancelled);
    expect(called).toEqual(['a', 'b']);
    await settled();
    expect(left()).toBe(0);
  });
});

const outcome = fc.constantFrom<[string, Behaviour]>(
  ['answers', answers],
  ['waits', silent],
  ['is overloaded', fails('provider_overloaded')],
  ['breaks', fails('provider_error')],
  ['is too small', fails('context_length_exceeded')],
  ['refuses', fails('content_filtered')],
  ['says nothing', async function* () {}],
);
const behaviour = fc.record({ outcome, ms: fc.integer({ min: 0, max: 6 }) });

test('no interleaving of two calls, failures and an abort leaves a call, a slot or a timer behind', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(behaviour, { minLength: 2, maxLength: 3 }),
      fc.integer({ min: 0, max: 4 }),
      fc.option(fc.integer({ min: 0, max: 8 }), { nil: undefined }),
      fc.constantFrom(1, 2, 20),
      async (claws, afterMs, abortMs, attempts) => {
        const controller = new AbortController();
        const timers = countTimers();
        const stop = setTimeout(() => controller.abort(new Cancelled('It is not wanted.')), abortMs ?? 25);
        try {
          const scene = hedge(
            Object.fromEntries(
              claws.map(({ outcome: [, acts], ms }, index) => [`abc`[index]!, after(ms, acts)]),
            ),
            { request: { signal: controller.signal, hedgeAfterMs: () => afterMs }, route: { attempts } },
          );
          const { called, request, left } = scene;
          try {
            const { candidate, slower, retries, rest } = await scene.answer();
            expect(slower.map(({ provider }) => provider)).not.toContain(candidate.provider);
            for (const { provider } of slower) expect(called).toContain(provider);
            expect(retries).toBe(request.count.failed.length);
            expect(called).toHaveLength(1 + retries + slower.length);
            await rest.return?.();
          } catch (failure) {
            expect(failure instanceof Fault || failure instanceof Cancelled).toBe(true);
          }
          expect(called.length).toBeLessThanOrEqual(attempts);
          clearTimeout(stop);
          // Calls that lost end in the next tasks.
          for (let task = 0; task < 5; task++) await new Promise(setImmediate);
          expect([left(), timers.left]).toEqual([0, 0]);
        } finally {
          clearTimeout(stop);
          timers.restore();
        }
      },
    ),
    { seed: 1, numRuns: 300 },
  );
}, 30_000);
