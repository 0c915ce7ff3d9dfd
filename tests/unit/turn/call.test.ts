import { describe, expect, test } from 'bun:test';
import type { Claw } from '../../../src/claws/claw.ts';
import { fileSchema } from '../../../src/config/schema.ts';
import type { Candidate } from '../../../src/core/candidate.ts';
import type { Delta } from '../../../src/core/delta.ts';
import type { ErrorCode } from '../../../src/core/error-catalogue.ts';
import { Fault } from '../../../src/core/errors.ts';
import type { GatewayEvent } from '../../../src/core/events.ts';
import { newSessionId, newTurnId } from '../../../src/core/ids.ts';
import type { Prompt, PromptItem } from '../../../src/core/prompt.ts';
import type { Tenant } from '../../../src/core/request.ts';
import { Cancelled } from '../../../src/core/turn-view.ts';
import { type Timeouts, timeLimits } from '../../../src/routing/attempts.ts';
import { type Answer, chain } from '../../../src/routing/call-chain.ts';
import { gate } from '../../../src/routing/gate.ts';
import { MemoryHealth } from '../../../src/routing/health.ts';
import { retries } from '../../../src/routing/retries.ts';
import { callFirst } from '../../../src/turn/answer/call.ts';
import { dispatchTo } from '../../../src/turn/answer/dispatch.ts';
import { candidate, say } from './rescued.ts';

const START: Delta = { type: 'start', model: 'm' };
const session = newSessionId(0);
const trace = { id: newTurnId(session, 0), tenant: 'acme' as Tenant, key: 'root', session };

const SETTINGS = fileSchema.parse({});

/** What a claw does when it is called, one entry for each call; the last entry is for all further calls. */
type Behaviour = (signal: AbortSignal, heard: () => void) => AsyncIterable<readonly Delta[]>;

const fails = (code: ErrorCode): Behaviour =>
  async function* () {
    yield await Promise.reject(new Fault(code, 'It failed.'));
  };

async function* answers() {
  yield [START];
  yield [say.finish];
}

async function* saysNothing() {}

const silent: Behaviour = async function* (signal) {
  yield await new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason));
  });
};

const after = (ms: number, behaviour: Behaviour): Behaviour =>
  async function* (signal, heard) {
    await Bun.sleep(ms);
    signal.throwIfAborted();
    yield* behaviour(signal, heard);
  };

/** Shows signs of life before it does something: `count` times, every 10 ms. */
const pinging = (count: number, behaviour: Behaviour): Behaviour =>
  async function* (signal, heard) {
    for (let ping = 0; ping < count; ping++) {
      await Bun.sleep(10);
      signal.throwIfAborted();
      heard();
    }
    yield* behaviour(signal, heard);
  };

interface Scene {
  behaviour: Record<string, Behaviour[]>;
  prompt?: Partial<Prompt>;
  /** Providers whose models the conversation does not fit. */
  tooSmall?: string[];
  /** Called with the provider of each prompt that is made. */
  looks?(provider: string): void;
  prefills?: boolean;
  timeouts?: Partial<Timeouts>;
  /** What is known of the models. */
  model?: Partial<Candidate>;
  signal?: AbortSignal;
}

/** Calls candidates in the order in which the scene names them; lists the calls and the events. */
function scene({
  behaviour,
  prompt = {},
  tooSmall = [],
  looks = () => {},
  prefills = false,
  timeouts = {},
  signal,
  model = {},
}: Scene) {
  const called: string[] = [];
  const events: GatewayEvent[] = [];
  const emit = (event: GatewayEvent) => void events.push(event);
  const claw = ({ provider }: Candidate): Claw => ({
    provider,
    protocol: 'openai-chat',
    capabilities: {
      choices: true,
      logprobs: true,
      takes: () => true,
      leavesOut: [],
      refuses: [],
      lackedTools: () => [],
      lackedSettings: () => [],
    },
    prefills: () => prefills,
    call(_, inner, listener) {
      const turns = behaviour[provider]!;
      const turn = called.filter((name) => name === provider).length;
      called.push(provider);
      return turns[Math.min(turn, turns.length - 1)]!(inner, () => listener?.heard());
    },
  });
  const limits = {
    firstTokenMs: 10_000,
    signOfLifeMs: 10_000,
    probeMs: 10_000,
    idleMs: 10_000,
    totalMs: 10_000,
    ...timeouts,
  };
  const { breaker, bulkhead, retries: retrySettings } = SETTINGS;
  const now = () => performance.now();
  const health = new MemoryHealth({ breaker: () => breaker, bulkhead: () => bulkhead, now, emit });
  const interceptors = [
    retries({ health, settings: () => retrySettings, emit }),
    gate({ health, breaker: () => breaker, now, emit: () => {} }),
    timeLimits(() => limits),
  ];
  const dispatch = chain(interceptors, dispatchTo(claw, emit));
  const candidates = Object.keys(behaviour).map((provider) => ({ ...candidate(provider), ...model }));
  const request = {
    route: { candidates, tooLong: [], refused: [], limits: [] },
    count: { calls: 0, failed: [] },
    endsAt: Infinity,
    prompt: ({ provider }: Candidate) => {
      looks(provider);
      if (tooSmall.includes(provider))
        throw new Fault('context_length_exceeded', `${provider} is too small.`);
      return { stream: true, items: [], ...prompt } as Partial<Prompt> as Prompt;
    },
    signal: signal ?? new AbortController().signal,
    trace,
    key: 'root',
  };
  return { answer: callFirst(request, dispatch, emit), called, events };
}

/** All bursts of an answer. */
async function burstsOf({ first, rest }: Answer): Promise<(readonly Delta[])[]> {
  const bursts = [first];
  for (let next = await rest.next(); !next.done; next = await rest.next()) bursts.push(next.value);
  return bursts;
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
    const { answer, called } = scene({ behaviour: { one: [fails(code), answers], two: [answers] } });
    expect(await answer).toMatchObject({ candidate: { provider: 'one' }, retries: 1 });
    expect(called).toEqual(['one', 'one']);
  });

  test.each(AGAIN)('%s twice: the next one answers', async (code) => {
    const { answer, called } = scene({ behaviour: { one: [fails(code)], two: [answers] } });
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
    const { answer, called } = scene({ behaviour: { one: [fails(code)], two: [answers] } });
    expect(await answer).toMatchObject({ candidate: { provider: 'two' }, retries: 1 });
    expect(called).toEqual(['one', 'two']);
  });

  test.each(STOPS)('%s: no other candidate is called', async (code) => {
    const { answer, called } = scene({ behaviour: { one: [fails(code)], two: [answers] } });
    expect(await codeOf(answer)).toBe(code);
    expect(called).toEqual(['one']);
  });

  test('is that of the last candidate where all failed', async () => {
    const { answer, called } = scene({
      behaviour: { one: [fails('rate_limited')], two: [fails('provider_error')] },
    });
    expect(await codeOf(answer)).toBe('provider_error');
    expect(called).toEqual(['one', 'two', 'two']);
  });

  test('may be an empty answer', async () => {
    const { answer } = scene({ behaviour: { one: [saysNothing], two: [answers] } });
    expect(await answer).toMatchObject({ candidate: { provider: 'two' } });
  });
});

describe('an answer', () => {
  test('has all its bursts, the first one included', async () => {
    const answer = await scene({ behaviour: { one: [answers] } }).answer;
    expect(await burstsOf(answer)).toEqual([[START], [say.finish]]);
  });

  test('that breaks after its first delta is not requested again', async () => {
    const breaks: Behaviour = async function* () {
      yield [START];
      throw new Fault('provider_error', 'It failed.');
    };
    const { answer, called } = scene({ behaviour: { one: [breaks], two: [answers] } });
    expect(await codeOf(burstsOf(await answer))).toBe('provider_error');
    expect(called).toEqual(['one']);
  });

  test.each([
    [true, true, true],
    [true, false, false],
    [undefined, true, false],
  ])(
    'is exact where it continues (%p) and the model is prefilled (%p): %p',
    async (continues, prefills, exact) => {
      const { answer } = scene({ behaviour: { one: [answers] }, prompt: { continues }, prefills });
      expect((await answer).exact).toBe(exact);
    },
  );

  test('stops the claw when its reader stops', async () => {
    let stopped = false;
    const endless: Behaviour = async function* () {
      try {
        for (;;) yield [START];
      } finally {
        stopped = true;
      }
    };
    const { rest } = await scene({ behaviour: { one: [endless] } }).answer;
    await rest.return?.();
    expect(stopped).toBe(true);
  });
});

describe('a silent claw', () => {
  test('is stopped at the time limit, and the next candidate is called', async () => {
    const { answer, called } = scene({
      behaviour: { one: [silent], two: [answers] },
      timeouts: { firstTokenMs: 1 },
    });
    expect(await answer).toMatchObject({ candidate: { provider: 'two' } });
    expect(called).toEqual(['one', 'two']);
  });

  test('is left early for another candidate, but the last one has its time to begin', async () => {
    const { answer, called } = scene({
      behaviour: { one: [silent], two: [after(100, answers)] },
      timeouts: { signOfLifeMs: 20 },
    });
    expect(await answer).toMatchObject({ candidate: { provider: 'two' } });
    expect(called).toEqual(['one', 'two']);
  });

  test.each<[string, Partial<Prompt>, Partial<Candidate>]>([
    ['for an answer that is not streamed', { stream: false }, {}],
    ['by a model that reasons in silence', {}, { reasons: true }],
    ['by such a model of Gemini', {}, { reasons: true, protocol: 'gemini' }],
  ])('is not left early %s', async (_, prompt, model) => {
    const behaviour = { one: [after(100, answers)], two: [answers] };
    const { answer } = scene({ behaviour, prompt, model, timeouts: { signOfLifeMs: 20 } });
    expect(await answer).toMatchObject({ candidate: { provider: 'one' } });
  });

  test.each<Partial<Candidate>>([
    { reasons: true, protocol: 'anthropic' },
    { reasons: true, protocol: 'openai-responses' },
    { reasons: false },
  ])('is left early where the first event comes at once: %p', async (model) => {
    const behaviour = { one: [silent], two: [answers] };
    const { answer } = scene({ behaviour, model, timeouts: { signOfLifeMs: 20 } });
    expect(await answer).toMatchObject({ candidate: { provider: 'two' } });
  });

  test('may be silent for longer where it reads a long prompt, but not for much longer', async () => {
    const text = 'word '.repeat(20_000);
    const long: PromptItem = {
      item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] },
    };
    const timeouts = { signOfLifeMs: 100 };
    const slow = { one: [after(160, answers)], two: [answers] };
    const short = await scene({ behaviour: slow, timeouts }).answer;
    expect(short).toMatchObject({ candidate: { provider: 'two' } });
    const read = await scene({ behaviour: slow, timeouts, prompt: { items: [long] } }).answer;
    expect(read).toMatchObject({ candidate: { provider: 'one' } });
    const stuck = { one: [silent], two: [answers] };
    const left = await scene({ behaviour: stuck, timeouts, prompt: { items: [long] } }).answer;
    expect(left).toMatchObject({ candidate: { provider: 'two' } });
  });

  test('is not left while it shows signs of life', async () => {
    const { answer } = scene({
      behaviour: { one: [pinging(15, answers)], two: [answers] },
      timeouts: { signOfLifeMs: 60 },
    });
    expect(await answer).toMatchObject({ candidate: { provider: 'one' } });
  });

  test('may be silent between two bursts as long as it shows signs of life', async () => {
    const pauses: Behaviour = async function* (signal, heard) {
      yield [START];
      yield* pinging(15, answers)(signal, heard);
    };
    const pinged = await scene({ behaviour: { one: [pauses] }, timeouts: { idleMs: 60 } }).answer;
    expect(await burstsOf(pinged)).toHaveLength(3);
    const quiet = await scene({ behaviour: { one: [pauses] }, timeouts: { idleMs: 5 } }).answer;
    expect(await failureOf(burstsOf(quiet))).toMatchObject({ message: expect.stringContaining('5 ms') });
  });

  test.each([
    ['firstTokenMs', 'did not begin within 40 ms'],
    ['totalMs', 'not complete within 40 ms'],
  ])('gets no more time by signs of life: %s', async (limit, words) => {
    const { answer } = scene({
      behaviour: { one: [pinging(1000, answers)] },
      timeouts: { [limit]: 40, idleMs: 30, signOfLifeMs: 30 },
    });
    expect(await failureOf(answer)).toMatchObject({ message: expect.stringContaining(words) });
  });

  test('has the total limit for an answer that is not streamed', async () => {
    const { answer } = scene({
      behaviour: { one: [silent] },
      prompt: { stream: false },
      timeouts: { firstTokenMs: 1, totalMs: 20 },
    });
    expect(await failureOf(answer)).toMatchObject({ message: expect.stringContaining('20 ms') });
  });

  test('is stopped with the reason of the abort, and no other candidate is called', async () => {
    const controller = new AbortController();
    const { answer, called } = scene({
      behaviour: { one: [silent], two: [answers] },
      signal: controller.signal,
    });
    controller.abort(new Cancelled('It is not wanted.'));
    expect(await failureOf(answer)).toBe(controller.signal.reason);
    expect(called).toEqual(['one']);
  });
});

describe('a conversation that does not fit a candidate', () => {
  test('skips this candidate', async () => {
    const { answer, called, events } = scene({
      behaviour: { one: [answers], two: [answers] },
      tooSmall: ['one'],
    });
    expect(await answer).toMatchObject({ candidate: { provider: 'two' }, retries: 0 });
    expect(called).toEqual(['two']);
    expect(events[0]).toMatchObject({ type: 'context-exceeded', candidate: { provider: 'one' } });
  });

  test('leaves all the time there is to the last one that it fits', async () => {
    const { answer, called } = scene({
      behaviour: { one: [silent], two: [after(100, answers)], three: [answers] },
      tooSmall: ['three'],
      timeouts: { signOfLifeMs: 20 },
    });
    expect(await answer).toMatchObject({ candidate: { provider: 'two' } });
    expect(called).toEqual(['one', 'two']);
  });

  test('is not named as what is called next', async () => {
    const { answer, events } = scene({
      behaviour: { one: [fails('rate_limited')], two: [answers] },
      tooSmall: ['two'],
    });
    expect(await codeOf(answer)).toBe('rate_limited');
    expect(events.at(-1)).toMatchObject({ type: 'call-failed', next: 'give-up' });
  });

  test('is not looked at before it matters', async () => {
    const looked: string[] = [];
    const { answer } = scene({
      behaviour: { one: [after(30, answers)], two: [answers] },
      timeouts: { signOfLifeMs: 1_000, idleMs: 5 },
      looks: (provider) => looked.push(provider),
    });
    await answer;
    expect(looked).toEqual(['one']);
  });

  test('is refused only where it fits none', async () => {
    const { answer } = scene({ behaviour: { one: [answers], two: [answers] }, tooSmall: ['one', 'two'] });
    expect(await codeOf(answer)).toBe('context_length_exceeded');
  });

  test.each([[['one']], [['two']]])(
    'leaves the failure of the candidate that was called (%p)',
    async (small) => {
      const failing = fails('rate_limited');
      const { answer } = scene({ behaviour: { one: [failing], two: [failing] }, tooSmall: small });
      expect(await codeOf(answer)).toBe('rate_limited');
    },
  );
});

test('every call gives an event, and so does every failure, with what happens next', async () => {
  const { answer, events } = scene({
    behaviour: {
      one: [fails('provider_error')],
      two: [fails('rate_limited')],
      three: [fails('content_filtered')],
    },
  });
  await failureOf(answer);
  const reported = events.map((event) => {
    if (event.type === 'call-started') return `${event.attempt} ${event.candidate.provider}`;
    return event.type === 'call-failed' ? `${event.attempt} ${event.code}: ${event.next}` : event.type;
  });
  expect(reported).toEqual([
    '1 one',
    '1 provider_error: retry',
    '2 one',
    '2 provider_error: next-candidate',
    '3 two',
    '3 rate_limited: next-candidate',
    '4 three',
    '4 content_filtered: give-up',
  ]);
});
