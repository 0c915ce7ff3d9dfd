import { describe, expect, test } from 'bun:test';
import type { ErrorCode } from '../../../../src/core/error-catalogue.ts';
import { after, answers, fails, failureOf, type Scene, sceneOf, silent } from './calls.ts';

/** Which candidates are called after a failure: the chains of a route, and its bounds. */

async function run(scene: Scene) {
  const { answer, called, left, failures } = sceneOf(scene);
  let outcome: unknown;
  try {
    const { candidate, isDegraded, retries, rest } = await answer();
    outcome = { by: candidate.provider, isDegraded, retries };
    await rest.return?.();
  } catch (failure) {
    outcome = failure;
  }
  expect(left()).toBe(0);
  return { outcome, called: called.join(' '), failures: failures() };
}

const TOO_LONG = fails('context_length_exceeded');
const REFUSES = fails('content_filtered');
const DOWN = fails('provider_overloaded');

describe('the chain for long conversations', () => {
  test('is called as soon as one model is too small, and then the models that are left', async () => {
    const behaviour = { a: TOO_LONG, b: answers, long: DOWN };
    const { outcome, called } = await run({ behaviour, tooLong: ['long'] });
    expect(outcome).toEqual({ by: 'b', isDegraded: false, retries: 2 });
    expect(called).toBe('a long b');
  });

  test('is called without a call of a model that is known to be too small', async () => {
    const { outcome, called } = await run({
      behaviour: { a: answers, long: answers },
      tooLong: ['long'],
      tooSmall: ['a'],
    });
    expect(outcome).toMatchObject({ by: 'long', retries: 0 });
    expect(called).toBe('long');
  });

  test('follows a failure where the next model is too small', async () => {
    const { outcome, called } = await run({
      behaviour: { a: DOWN, b: answers, long: answers },
      ...{ tooLong: ['long'], tooSmall: ['b'] },
    });
    expect(outcome).toMatchObject({ by: 'long' });
    expect(called).toBe('a long');
  });

  test('is called once', async () => {
    const { outcome, called } = await run({
      behaviour: { a: TOO_LONG, b: TOO_LONG, long: TOO_LONG },
      tooLong: ['long'],
    });
    expect(outcome).toMatchObject({ code: 'context_length_exceeded' });
    expect(called).toBe('a long b');
  });

  test('is not called for other failures', async () => {
    expect(await run({ behaviour: { a: DOWN, long: answers }, tooLong: ['long'] })).toMatchObject({
      called: 'a',
    });
  });
});

describe('the chain for refused content', () => {
  test('is called in place of the other models', async () => {
    const { outcome, called } = await run({
      behaviour: { a: REFUSES, b: answers, free: answers },
      refused: ['free'],
    });
    expect(outcome).toEqual({ by: 'free', isDegraded: false, retries: 1 });
    expect(called).toBe('a free');
  });

  test('may fail: then the last resort answers', async () => {
    const { outcome, called } = await run({
      behaviour: { a: REFUSES, free: DOWN, local: answers },
      ...{ refused: ['free'], lastResort: 'local' },
    });
    expect(outcome).toMatchObject({ by: 'local', isDegraded: true });
    expect(called).toBe('a free local');
  });

  test('may refuse, too: that is the answer, and no last resort is asked', async () => {
    const { outcome, called } = await run({
      behaviour: { a: REFUSES, free: REFUSES, local: answers },
      ...{ refused: ['free'], lastResort: 'local' },
    });
    expect(outcome).toMatchObject({
      code: 'content_filtered',
      attempts: [{ model: 'a/m' }, { model: 'free/m' }],
    });
    expect(called).toBe('a free');
  });

  test('leads to the chain for long conversations', async () => {
    const { called } = await run({
      behaviour: { a: REFUSES, free: TOO_LONG, long: answers },
      ...{ refused: ['free'], tooLong: ['long'] },
    });
    expect(called).toBe('a free long');
  });
});

describe('the last resort', () => {
  test.each<ErrorCode>([
    'provider_overloaded',
    'rate_limited',
    'provider_auth_failed',
    'model_not_found',
    'provider_rejected_request',
    'context_length_exceeded',
    'provider_timeout',
    'answer_too_large',
  ])('answers after %s of all others, and its answer is degraded', async (code) => {
    const behaviour = { a: fails(code), b: fails(code), local: answers };
    const { outcome, called, failures } = await run({ behaviour, lastResort: 'local' });
    expect(outcome).toMatchObject({ by: 'local', isDegraded: true, retries: 2 });
    expect(called).toBe('a b local');
    expect(failures.map((text) => text.split(': ')[1])).toEqual(['next-candidate', 'next-candidate']);
  });

  test('answers where the conversation fits no other model', async () => {
    const behaviour = { a: answers, local: answers };
    expect(await run({ behaviour, lastResort: 'local', tooSmall: ['a'] })).toMatchObject({
      ...{ outcome: { by: 'local', isDegraded: true }, called: 'local' },
    });
  });

  test('is not asked after a failure of the request itself, nor where another model answers', async () => {
    const lastResort = 'local';
    expect((await run({ behaviour: { a: REFUSES, local: answers }, lastResort })).called).toBe('a');
    expect(
      (await run({ behaviour: { a: fails('invalid_request'), local: answers }, lastResort })).called,
    ).toBe('a');
    expect((await run({ behaviour: { a: DOWN, b: answers, local: answers }, lastResort })).called).toBe(
      'a b',
    );
  });

  test('that fails is the failure that is reported', async () => {
    const { outcome } = await run({
      behaviour: { a: DOWN, local: fails('model_not_found') },
      lastResort: 'local',
    });
    expect(outcome).toMatchObject({
      code: 'model_not_found',
      attempts: [{ model: 'a/m' }, { model: 'local/m' }],
    });
  });
});

describe('the failure that is reported', () => {
  const busy = { bulkhead: { max: 0, min: 0, queue: 0 } };

  test('is that of a call, whatever comes after it', async () => {
    const { outcome } = await run({ behaviour: { a: DOWN, b: answers, c: answers }, tooSmall: ['b', 'c'] });
    expect(outcome).toMatchObject({ code: 'provider_overloaded' });
  });

  test.each([[['a']], [['b']]])(
    'is the refusal of a claw and not that another model is too small: %p',
    async (tooSmall) => {
      const { outcome, called } = await run({ behaviour: { a: answers, b: answers }, tooSmall, ...busy });
      expect(outcome).toMatchObject({ code: 'claw_busy' });
      expect(called).toBe('');
    },
  );
});

describe('the bounds of a turn', () => {
  test.each([1, 2, 3, 4])('with %p attempts: no more calls, retries included', async (attempts) => {
    const behaviour = { a: fails('provider_error'), b: fails('provider_error'), c: DOWN };
    const { called, outcome } = await run({ behaviour, route: { attempts } });
    expect(called).toBe('a a b b'.split(' ').slice(0, attempts).join(' '));
    expect((outcome as { attempts: unknown[] }).attempts).toHaveLength(attempts);
  });

  test('count the calls of the answer so far', async () => {
    const count = { calls: 3, failed: [] };
    const { called } = await run({
      behaviour: { a: DOWN, b: DOWN, c: DOWN },
      request: { count },
      route: { attempts: 5 },
    });
    expect(called).toBe('a b');
  });

  test('end the calls at their time, and leave nothing behind', async () => {
    const startedAt = performance.now();
    const { called, outcome } = await run({
      behaviour: { a: after(20, DOWN), b: silent, c: answers },
      request: { endsAt: startedAt + 400 },
    });
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect(called).toBe('a b');
    expect(outcome).toMatchObject({
      code: 'provider_timeout',
      attempts: [{ model: 'a/m' }, { model: 'b/m' }],
    });
  });

  test('of an alias, a key and a request: the strictest holds', async () => {
    const limits = [{ firstTokenMs: 5_000 }, { firstTokenMs: 20 }, { totalMs: 5_000 }];
    const { called } = await run({ behaviour: { a: silent, b: answers }, route: { limits } });
    expect(called).toBe('a b');
  });

  test('end with the turn: its reason is the failure, and no other candidate is called', async () => {
    const controller = new AbortController();
    const { answer, called, left } = sceneOf({
      behaviour: { a: silent, b: answers, local: answers },
      ...{ lastResort: 'local', request: { signal: controller.signal } },
    });
    const failure = failureOf(answer());
    setTimeout(() => controller.abort('enough'), 10);
    expect(await failure).toBe('enough');
    expect(called).toEqual(['a']);
    expect(left()).toBe(0);
  });
});
