import { describe, expect, test } from 'bun:test';
import type { Claw } from '../../../src/claws/claw.ts';
import type { Delta } from '../../../src/core/delta.ts';
import { type ErrorCode, Fault } from '../../../src/core/errors.ts';
import type { Prompt } from '../../../src/core/prompt.ts';
import type { Candidate } from '../../../src/routing/candidate.ts';
import { call } from '../../../src/turn/call.ts';
import { Cancelled } from '../../../src/turn/live-turn.ts';
import { candidate, say } from './rescued.ts';

const START: Delta = { type: 'start', model: 'm' };

/** What a claw does when it is called, one entry a call; the last one stands for all that follow. */
type Conduct = (signal: AbortSignal) => AsyncIterable<readonly Delta[]>;

const fails = (code: ErrorCode): Conduct =>
  async function* () {
    yield await Promise.reject(new Fault(code, 'It failed.'));
  };

async function* answers() {
  yield [START];
  yield [say.finish];
}

async function* saysNothing() {}

const silent: Conduct = async function* (signal) {
  yield await new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason));
  });
};

interface Scene {
  conduct: Record<string, Conduct[]>;
  prompt?: Partial<Prompt>;
  prefills?: boolean;
  timeouts?: Partial<{ firstTokenMs: number; idleMs: number; totalMs: number }>;
  signal?: AbortSignal;
}

/** Calls candidates in the order in which the scene names them; says who was called. */
function scene({ conduct, prompt = {}, prefills = false, timeouts = {}, signal }: Scene) {
  const called: string[] = [];
  const claw = ({ provider }: Candidate): Claw => ({
    provider,
    protocol: 'openai-chat',
    capabilities: { choices: true, logprobs: true, fileUrls: true },
    prefills: () => prefills,
    call(_, inner) {
      const turns = conduct[provider]!;
      const turn = called.filter((name) => name === provider).length;
      called.push(provider);
      return turns[Math.min(turn, turns.length - 1)]!(inner);
    },
  });
  const answer = call({
    candidates: Object.keys(conduct).map(candidate),
    claw,
    prompt: () => ({ stream: true, ...prompt }) as Prompt,
    timeouts: { firstTokenMs: 10_000, idleMs: 10_000, totalMs: 10_000, ...timeouts },
    signal: signal ?? new AbortController().signal,
  });
  return { answer, called };
}

const failureOf = (answer: Promise<unknown>): Promise<unknown> =>
  answer.then(
    () => undefined,
    (reason) => reason,
  );
const codeOf = async (answer: Promise<unknown>): Promise<unknown> =>
  ((await failureOf(answer)) as Fault).code;

describe('a failure before the first delta', () => {
  const AGAIN: ErrorCode[] = [
    'provider_unreachable',
    'provider_error',
    'provider_protocol_error',
    'stream_interrupted',
  ];
  const STOPS: ErrorCode[] = [
    'content_filtered',
    'invalid_request',
    'unsupported_parameter',
    'shutting_down',
  ];

  test.each(AGAIN)('%s: the same candidate is tried once more', async (code) => {
    const { answer, called } = scene({ conduct: { one: [fails(code), answers], two: [answers] } });
    expect(await answer).toMatchObject({ candidate: { provider: 'one' }, retries: 1 });
    expect(called).toEqual(['one', 'one']);
  });

  test.each(AGAIN)('%s twice: the next one answers', async (code) => {
    const { answer, called } = scene({ conduct: { one: [fails(code)], two: [answers] } });
    expect(await answer).toMatchObject({ candidate: { provider: 'two' }, retries: 2 });
    expect(called).toEqual(['one', 'one', 'two']);
  });

  test.each([
    'context_length_exceeded',
    'model_not_found',
    'provider_auth_failed',
    'provider_overloaded',
    'provider_rejected_request',
    'provider_timeout',
    'quota_exceeded',
    'rate_limited',
  ] as const)('%s: the next one answers', async (code) => {
    const { answer, called } = scene({ conduct: { one: [fails(code)], two: [answers] } });
    expect(await answer).toMatchObject({ candidate: { provider: 'two' }, retries: 1 });
    expect(called).toEqual(['one', 'two']);
  });

  test.each(STOPS)('%s: nobody else is asked', async (code) => {
    const { answer, called } = scene({ conduct: { one: [fails(code)], two: [answers] } });
    expect(await codeOf(answer)).toBe(code);
    expect(called).toEqual(['one']);
  });

  test('is the last one where all failed', async () => {
    const { answer, called } = scene({
      conduct: { one: [fails('rate_limited')], two: [fails('provider_error')] },
    });
    expect(await codeOf(answer)).toBe('provider_error');
    expect(called).toEqual(['one', 'two', 'two']);
  });

  test('may be an answer that is empty', async () => {
    const { answer } = scene({ conduct: { one: [saysNothing], two: [answers] } });
    expect(await answer).toMatchObject({ candidate: { provider: 'two' } });
  });
});

describe('an answer', () => {
  test('has all its bursts, the first one included', async () => {
    const { bursts } = await scene({ conduct: { one: [answers] } }).answer;
    expect(await Array.fromAsync(bursts)).toEqual([[START], [say.finish]]);
  });

  test('that breaks after its first delta is not given again', async () => {
    const breaks: Conduct = async function* () {
      yield [START];
      throw new Fault('provider_error', 'It failed.');
    };
    const { answer, called } = scene({ conduct: { one: [breaks], two: [answers] } });
    const { bursts } = await answer;
    expect(await codeOf(Array.fromAsync(bursts))).toBe('provider_error');
    expect(called).toEqual(['one']);
  });

  test.each([
    [true, true, true],
    [true, false, false],
    [undefined, true, false],
  ])(
    'goes on exactly where it is continued (%p) by a model that is prefilled (%p): %p',
    async (continues, prefills, exact) => {
      const { answer } = scene({ conduct: { one: [answers] }, prompt: { continues }, prefills });
      expect((await answer).exact).toBe(exact);
    },
  );

  test('lets go of the claw when its reader leaves', async () => {
    let left = false;
    const endless: Conduct = async function* () {
      try {
        for (;;) yield [START];
      } finally {
        left = true;
      }
    };
    const { bursts } = await scene({ conduct: { one: [endless] } }).answer;
    for await (const _ of bursts) break;
    expect(left).toBe(true);
  });
});

describe('a silent claw', () => {
  test('is given up for the next one', async () => {
    const { answer, called } = scene({
      conduct: { one: [silent], two: [answers] },
      timeouts: { firstTokenMs: 1 },
    });
    expect(await answer).toMatchObject({ candidate: { provider: 'two' } });
    expect(called).toEqual(['one', 'two']);
  });

  test('has until the end for an answer that is not streamed', async () => {
    const { answer } = scene({
      conduct: { one: [silent] },
      prompt: { stream: false },
      timeouts: { firstTokenMs: 1, totalMs: 20 },
    });
    expect(await failureOf(answer)).toMatchObject({ message: expect.stringContaining('20 ms') });
  });

  test('is stopped with the reason of whoever stops it, and nobody else is asked', async () => {
    const controller = new AbortController();
    const { answer, called } = scene({
      conduct: { one: [silent], two: [answers] },
      signal: controller.signal,
    });
    controller.abort(new Cancelled('It is not wanted.'));
    expect(await failureOf(answer)).toBe(controller.signal.reason);
    expect(called).toEqual(['one']);
  });
});
