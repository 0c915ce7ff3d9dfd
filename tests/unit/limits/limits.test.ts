import { describe, expect, test } from 'bun:test';
import { Fault } from '../../../src/core/errors.ts';
import type { Tenant } from '../../../src/core/request.ts';
import type { Usage } from '../../../src/core/usage.ts';
import { CallerLimits, type LimitedRequest, type LimitSettings } from '../../../src/limits/limits.ts';
import type { RateStore } from '../../../src/limits/rate-store.ts';
import { MemoryRateStore } from '../../../src/stores/memory/rate-store.ts';

const NONE: LimitSettings = { global: {}, perKey: {}, keys: new Map(), perUser: {}, models: new Map() };

function open(settings: Partial<LimitSettings>) {
  let now = 0;
  const store = new MemoryRateStore(() => now);
  const limits = new CallerLimits(store, { ...NONE, ...settings });
  const pass = (ms: number) => {
    now += ms;
  };
  return { store, limits, pass };
}

const request = (change: Partial<LimitedRequest> = {}): LimitedRequest => ({
  ...{ tenant: 'acme' as Tenant, key: 'website', model: 'fast', isStreamed: false },
  estimate: () => ({ input: 60, other: 40 }),
  ...change,
});

const usage = (input: number, output: number): Usage => ({
  ...{ input, output, cacheRead: 0, cacheWrite: 0, reasoning: 0 },
});
const by = { provider: 'openai', protocol: 'openai-chat', model: 'm' };

async function refusalOf(taking: Promise<unknown>): Promise<Fault> {
  const failure = await taking.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(Fault);
  return failure as Fault;
}

/** What counts now: the tokens per minute, and the streams. */
const counted = async (store: RateStore, of = 'global') => {
  const want = { amount: 0, limit: Number.POSITIVE_INFINITY };
  const { counts } = await store.take([
    { ...want, counter: `requests of ${of}`, counts: 'minute' },
    { ...want, counter: `tokens of ${of}`, counts: 'minute' },
    { ...want, counter: `streams of ${of}`, counts: 'held' },
  ]);
  const [requests, tokens, streams] = counts.map(({ used }) => used);
  return { requests, tokens, streams };
};

describe('limits', () => {
  test('are off where none is configured', async () => {
    const { limits, store } = open({});
    expect(limits.active).toBe(false);
    expect(await limits.take(request())).toBeUndefined();
    expect(store.size).toBe(0);
  });

  test('do not estimate tokens where no limit counts them', async () => {
    const { limits } = open({ global: { requestsPerMinute: 5 } });
    const estimate = () => {
      throw new Error('estimated');
    };
    expect(await limits.take(request({ estimate }))).toBeDefined();
  });

  test('count for each key, user, model and gateway', async () => {
    const one = { requestsPerMinute: 1 };
    const refused = (settings: Partial<LimitSettings>, first: object, second: object) => {
      const { limits } = open(settings);
      return limits
        .take(request(first))
        .then(() => limits.take(request(second)))
        .then(
          () => false,
          () => true,
        );
    };
    expect(await refused({ global: one }, { key: 'a' }, { key: 'b' })).toBe(true);
    expect(await refused({ perKey: one }, { key: 'a' }, { key: 'b' })).toBe(false);
    expect(await refused({ perKey: one }, { key: 'a' }, { key: 'a' })).toBe(true);
    expect(await refused({ keys: new Map([['b', one]]) }, { key: 'a' }, { key: 'a' })).toBe(false);
    expect(await refused({ keys: new Map([['b', one]]) }, { key: 'b' }, { key: 'b' })).toBe(true);
    expect(await refused({ models: new Map([['fast', one]]) }, { key: 'a' }, { key: 'b' })).toBe(true);
    expect(await refused({ models: new Map([['fast', one]]) }, {}, { model: 'other' })).toBe(false);
    expect(await refused({ models: new Map([['slow', one]]) }, { model: 'constructor' }, {})).toBe(false);
    expect(await refused({ perUser: one }, { user: 'ann' }, { user: 'ann' })).toBe(true);
    expect(await refused({ perUser: one }, { user: 'ann' }, { user: 'ben' })).toBe(false);
    expect(await refused({ perUser: one }, { user: 'ann' }, { user: 'ann', tenant: 'other' })).toBe(false);
    expect(await refused({ perUser: one }, {}, {})).toBe(false);
    const long = 'x'.repeat(10_000);
    expect(await refused({ perUser: one }, { user: `${long}a` }, { user: `${long}b` })).toBe(false);
  });

  test('name the limit and the time to wait', async () => {
    const { limits, pass } = open({ perKey: { requestsPerMinute: 1 }, global: { requestsPerMinute: 9 } });
    await limits.take(request());
    pass(20_000);
    const refused = await refusalOf(limits.take(request()));
    expect(refused.code).toBe('rate_limit_exceeded');
    expect(refused.message).toBe(
      'The limit of the key "website" is reached: 1 of 1 requests per minute are used.',
    );
    expect(refused.retryAfter).toBe(41);
    expect(refused.quota?.requests).toEqual({ limit: 1, remaining: 0, resetsInMs: 41_000 });
    pass(41_000);
    expect(await limits.take(request())).toBeDefined();
  });

  test('of the limits that refuse, name the one with the longest wait', async () => {
    const { limits, pass } = open({ perKey: { requestsPerMinute: 1 }, global: { tokensPerMinute: 150 } });
    await limits.take(request());
    pass(10_000);
    await limits.take(request({ key: 'other', estimate: () => ({ input: 50, other: 0 }) }));
    const refused = await refusalOf(limits.take(request({ estimate: () => ({ input: 140, other: 0 }) })));
    expect(refused.message).toBe(
      'The limit of this gateway is reached: 150 of 150 tokens per minute are used, and this request may need 140 more.',
    );
    expect(refused.retryAfter).toBe(61);
  });

  test('refuse for good a request that is larger than a limit', async () => {
    const { limits, store } = open({ global: { tokensPerMinute: 99, requestsPerMinute: 5, streams: 5 } });
    const refused = await refusalOf(limits.take(request({ isStreamed: true })));
    expect(refused.code).toBe('request_over_limit');
    expect(refused.retryAfter).toBeUndefined();
    expect(refused.message).toContain('may need 100 tokens');
    expect(await counted(store)).toEqual({ requests: 0, tokens: 0, streams: 0 });
  });

  test('tell what is left of the strictest one', async () => {
    const { limits } = open({
      global: { requestsPerMinute: 100, tokensPerMinute: 1_000 },
      perKey: { requestsPerMinute: 10, tokensPerMinute: 5_000 },
    });
    const hold = await limits.take(request());
    expect(hold?.quota).toEqual({
      requests: { limit: 10, remaining: 9, resetsInMs: 61_000 },
      tokens: { limit: 1_000, remaining: 900, resetsInMs: 61_000 },
    });
  });

  test('that change are compared with what was used before', async () => {
    const { limits } = open({ global: { requestsPerMinute: 5 } });
    for (let i = 0; i < 4; i++) await limits.take(request());
    limits.reconfigure({ ...NONE, global: { requestsPerMinute: 4 } });
    await refusalOf(limits.take(request()));
    limits.reconfigure({ ...NONE, global: { requestsPerMinute: 6 } });
    expect((await limits.take(request()))?.quota.requests?.remaining).toBe(1);
    limits.reconfigure(NONE);
    expect(limits.active).toBe(false);
  });

  test('refuse one stream too many, until one ends', async () => {
    const { limits, store } = open({ global: { streams: 2 } });
    const streamed = request({ isStreamed: true });
    const first = await limits.take(streamed);
    await limits.take(streamed);
    expect((await refusalOf(limits.take(streamed))).message).toBe(
      'The limit of this gateway is reached: 2 of 2 streams at a time are used.',
    );
    await limits.take(request());
    await first?.settle();
    await first?.settle();
    expect(await counted(store)).toMatchObject({ streams: 1 });
    await limits.take(streamed);
    await refusalOf(limits.take(streamed));
  });
});

describe('a hold', () => {
  const LIMITED = { global: { requestsPerMinute: 10, tokensPerMinute: 1_000, streams: 10 } };
  const take = async () => {
    const opened = open(LIMITED);
    const hold = (await opened.limits.take(request({ isStreamed: true })))!;
    return { ...opened, hold };
  };

  test('has the estimate until the turn ends, and then the tokens that were used', async () => {
    for (const used of [0, 30, 100, 700]) {
      const { hold, store, pass } = await take();
      expect(await counted(store)).toEqual({ requests: 1, tokens: 100, streams: 1 });
      pass(5_000);
      hold.report({ usage: usage(used, 0), answeredBy: by });
      await hold.settle();
      expect(await counted(store)).toEqual({ requests: 1, tokens: used, streams: 0 });
    }
  });

  test('keeps the estimate where an answer has no usage, and nothing where there is no answer', async () => {
    const answered = await take();
    answered.hold.report({ answeredBy: by });
    await answered.hold.settle();
    expect(await counted(answered.store)).toEqual({ requests: 1, tokens: 100, streams: 0 });
    const failed = await take();
    failed.hold.report({});
    await failed.hold.settle();
    expect(await counted(failed.store)).toEqual({ requests: 1, tokens: 0, streams: 0 });
  });

  test('gives everything back where the turn did not begin', async () => {
    const { hold, store } = await take();
    await hold.cancel();
    await hold.cancel();
    await hold.settle();
    expect(await counted(store)).toEqual({ requests: 0, tokens: 0, streams: 0 });
  });

  test('has the history of the session as soon as it is known', async () => {
    for (const used of [0, 450, 500, 560, 900]) {
      const { hold, store, pass } = await take();
      pass(3_000);
      hold.expectPrompt(460);
      hold.expectPrompt(460);
      expect(await counted(store)).toMatchObject({ tokens: 500 });
      pass(3_000);
      hold.report({ usage: usage(used, 0), answeredBy: by });
      await hold.settle();
      expect(await counted(store)).toMatchObject({ tokens: used });
    }
  });

  test('of a turn that took longer than a minute counts what it used beyond its estimate', async () => {
    const { hold, store, pass } = await take();
    pass(70_000);
    hold.report({ usage: usage(150, 100), answeredBy: by });
    await hold.settle();
    expect(await counted(store)).toEqual({ requests: 0, tokens: 150, streams: 0 });
  });
});

describe('the store in memory', () => {
  test('removes counters that count nothing', async () => {
    const { limits, store, pass } = open({ perUser: { requestsPerMinute: 1, streams: 1 } });
    for (let user = 0; user < 20_000; user++) {
      const hold = await limits.take(request({ user: `u${user}`, isStreamed: true }));
      await hold!.settle();
      pass(100);
    }
    expect(store.size).toBeLessThan(3_000);
  });
});
