import { describe, expect, test } from 'bun:test';
import { fetched } from '../../../src/claws/http/fetched.ts';
import { httpClaw } from '../../../src/claws/http-claw.ts';
import { openaiChat } from '../../../src/claws/openai-chat/protocol.ts';
import { quotaOf } from '../../../src/claws/quota.ts';
import type { Prompt } from '../../../src/core/prompt.ts';
import type { Allowance, Quota } from '../../../src/core/quota.ts';
import { answerLimits } from '../../harness/answer-limits.ts';

const NOW = Date.parse('2026-05-26T05:00:00Z');
const quota = (headers: Record<string, string>) => quotaOf(new Headers(headers), NOW);

describe('the headers that providers send', () => {
  test.each<[string, Record<string, string>, Quota]>([
    [
      'OpenAI',
      {
        'x-ratelimit-limit-requests': '5000',
        'x-ratelimit-limit-tokens': '160000',
        'x-ratelimit-limit-tokens_usage_based': '160000',
        'x-ratelimit-remaining-requests': '4999',
        'x-ratelimit-remaining-tokens': '159976',
        'x-ratelimit-remaining-tokens_usage_based': '159976',
        'x-ratelimit-reset-requests': '12ms',
        'x-ratelimit-reset-tokens': '6m0s',
      },
      {
        requests: { limit: 5000, remaining: 4999, resetsInMs: 12 },
        tokens: { limit: 160_000, remaining: 159_976, resetsInMs: 360_000 },
      },
    ],
    [
      'Groq',
      {
        'x-ratelimit-limit-requests': '1000',
        'x-ratelimit-limit-tokens': '8000',
        'x-ratelimit-remaining-requests': '998',
        'x-ratelimit-remaining-tokens': '7927',
        'x-ratelimit-reset-requests': '2m52.8s',
        'x-ratelimit-reset-tokens': '547ms',
      },
      {
        requests: { limit: 1000, remaining: 998, resetsInMs: 172_800 },
        tokens: { limit: 8000, remaining: 7927, resetsInMs: 547 },
      },
    ],
    [
      'Anthropic: the times count from its own clock, and one may be in the past',
      {
        date: 'Thu, 21 Aug 2025 12:41:00 GMT',
        'anthropic-ratelimit-input-tokens-limit': '80000',
        'anthropic-ratelimit-input-tokens-remaining': '80000',
        'anthropic-ratelimit-input-tokens-reset': '2025-08-21T12:40:59Z',
        'anthropic-ratelimit-output-tokens-limit': '16000',
        'anthropic-ratelimit-output-tokens-remaining': '15000',
        'anthropic-ratelimit-output-tokens-reset': '2025-08-21T12:41:04Z',
        'anthropic-ratelimit-requests-limit': '1000',
        'anthropic-ratelimit-requests-remaining': '999',
        'anthropic-ratelimit-requests-reset': '2025-08-21T12:40:59Z',
        'anthropic-ratelimit-tokens-limit': '96000',
        'anthropic-ratelimit-tokens-remaining': '95000',
        'anthropic-ratelimit-tokens-reset': '2025-08-21T12:41:01Z',
      },
      {
        requests: { limit: 1000, remaining: 999, resetsInMs: 0 },
        tokens: { limit: 16_000, remaining: 15_000, resetsInMs: 4000 },
      },
    ],
    [
      'Cerebras: the window is a part of the name',
      {
        'x-ratelimit-limit-requests-day': '14400',
        'x-ratelimit-limit-tokens-minute': '60000',
        'x-ratelimit-remaining-requests-day': '14396',
        'x-ratelimit-remaining-tokens-minute': '59990',
        'x-ratelimit-reset-requests-day': '33011.382867097855',
        'x-ratelimit-reset-tokens-minute': '11.382867097854614',
      },
      {
        requests: { limit: 14_400, remaining: 14_396, resetsInMs: 33_011_382.867097855 },
        tokens: { limit: 60_000, remaining: 59_990, resetsInMs: 11_382.867097854614 },
      },
    ],
    [
      'Mistral: no time, so the length of the window',
      {
        'x-ratelimit-limit-req-minute': '60',
        'x-ratelimit-limit-tokens-minute': '50000',
        'x-ratelimit-limit-tokens-month': '4000000',
        'x-ratelimit-remaining-req-minute': '59',
        'x-ratelimit-remaining-tokens-minute': '47196',
        'x-ratelimit-remaining-tokens-month': '3950246',
        'x-ratelimit-tokens-query-cost': '2804',
      },
      {
        requests: { limit: 60, remaining: 59, resetsInMs: 60_000 },
        tokens: { limit: 50_000, remaining: 47_196, resetsInMs: 60_000 },
      },
    ],
    [
      'OpenRouter: milliseconds since 1970',
      {
        'x-ratelimit-limit': '20',
        'x-ratelimit-remaining': '0',
        'x-ratelimit-reset': String(NOW + 9000),
      },
      { requests: { limit: 20, remaining: 0, resetsInMs: 9000 } },
    ],
    [
      'SambaNova: seconds since 1970',
      {
        'x-ratelimit-limit-requests': '30',
        'x-ratelimit-remaining-requests': '12',
        'x-ratelimit-reset-requests': String(NOW / 1000 + 30),
      },
      { requests: { limit: 30, remaining: 12, resetsInMs: 30_000 } },
    ],
    [
      'Together: tokens beside requests',
      {
        'x-ratelimit-limit': '10',
        'x-ratelimit-remaining': '9',
        'x-ratelimit-reset': '1',
        'x-tokenlimit-limit': '3000',
        'x-tokenlimit-remaining': '2980',
      },
      {
        requests: { limit: 10, remaining: 9, resetsInMs: 1000 },
        tokens: { limit: 3000, remaining: 2980, resetsInMs: 1000 },
      },
    ],
    [
      'Azure, after more tokens than allowed',
      { 'x-ratelimit-remaining-tokens': '-27689', 'x-ratelimit-reset-tokens': '64' },
      { tokens: { remaining: 0, resetsInMs: 64_000 } },
    ],
  ])('%s', (_, headers, expected) => {
    expect(quota(headers)).toEqual(expected);
  });

  test('of several windows, the one of which the smallest share is left counts', () => {
    const headers = {
      'x-ratelimit-limit-requests-minute': '30',
      'x-ratelimit-remaining-requests-minute': '29',
      'x-ratelimit-limit-requests-day': '14400',
      'x-ratelimit-remaining-requests-day': '100',
      'x-ratelimit-reset-requests-day': '3600',
    };
    const day = { limit: 14_400, remaining: 100, resetsInMs: 3_600_000 };
    expect(quota(headers)?.requests).toEqual(day);
    const empty = {
      ...headers,
      'x-ratelimit-remaining-requests-minute': '0',
      'x-ratelimit-remaining-requests-day': '0',
    };
    expect(quota(empty)?.requests).toEqual({ ...day, remaining: 0 });
  });
});

describe('values that cannot be true are ignored', () => {
  const withReset = (remaining: string, reset: string, limit = '10') =>
    quota({
      'x-ratelimit-limit-tokens': limit,
      'x-ratelimit-remaining-tokens': remaining,
      'x-ratelimit-reset-tokens': reset,
    });

  test.each([
    // Azure sends this for a limit that it does not know.
    ['-1', '0'],
    ['many', '1s'],
    ['', '1s'],
    ['1e9', '1s'],
    ['9999999999999', '1s'],
    ['1'.repeat(400), '1s'],
    ['5', ''],
    ['5', 'soon'],
    ['5', '-3'],
    ['5', 'May 3'],
    ['5', '2026-99-99T00:00:00Z'],
    ['5', `${'1s'.repeat(200)}`],
  ])('remaining %p, reset %p', (remaining, reset) => {
    expect(withReset(remaining, reset)).toBeUndefined();
  });

  test('a limit is left out, and a time is at most a day', () => {
    expect(withReset('5', '9000h', '-1')).toEqual({ tokens: { remaining: 5, resetsInMs: 86_400_000 } });
    expect(withReset('5', '2999-01-01T00:00:00Z', 'x')?.tokens).toEqual({
      remaining: 5,
      resetsInMs: 86_400_000,
    });
  });

  test('a remaining number without a time says nothing', () => {
    expect(quota({ 'x-ratelimit-remaining-requests': '5' })).toBeUndefined();
    expect(quota({})).toBeUndefined();
  });
});

describe('a claw reports them', () => {
  const PROVIDER = { id: 'openai', baseUrl: 'http://127.0.0.1:9/v1', quirks: {} };
  const HEADERS = {
    'x-ratelimit-limit-requests': '10',
    'x-ratelimit-remaining-requests': '3',
    'x-ratelimit-reset-requests': '2s',
  };
  const EVENTS = { ...HEADERS, 'content-type': 'text/event-stream' };
  const ANSWER = {
    choices: [{ index: 0, message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }],
  };
  const STREAM =
    'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n';

  test.each<[string, () => Response, boolean]>([
    ['of a JSON answer', () => Response.json(ANSWER, { headers: HEADERS }), false],
    ['of a stream', () => new Response(STREAM, { headers: EVENTS }), true],
    ['of a refusal', () => Response.json({ error: {} }, { status: 429, headers: HEADERS }), false],
  ])('%s, before its first delta', async (_, response, stream) => {
    const reported: (Quota | 'delta')[] = [];
    const claw = httpClaw({
      provider: PROVIDER,
      protocol: openaiChat,
      post: fetched(async () => response()),
      reach: async () => {},
      limits: answerLimits,
      redact: (text) => text,
    });
    const prompt: Prompt = {
      model: 'm',
      items: [],
      settings: {},
      stream,
      dialect: 'openai-chat',
      extra: {},
    };
    const listener = { heard: () => {}, quota: (next: Quota) => reported.push(next) };
    try {
      for await (const _burst of claw.call(prompt, new AbortController().signal, listener))
        reported.push('delta');
    } catch {
      reported.push('delta');
    }
    expect(reported[0]).toEqual({ requests: { limit: 10, remaining: 3, resetsInMs: 2000 } });
    expect(reported.filter((entry) => entry !== 'delta')).toHaveLength(1);
    expect(reported).toContain('delta');
  });
});

test('no header makes it throw or gives a number outside the bounds', () => {
  const names = [
    'x-ratelimit-limit-tokens',
    'x-ratelimit-remaining-tokens',
    'x-ratelimit-reset-tokens',
    'anthropic-ratelimit-tokens-remaining',
    'anthropic-ratelimit-tokens-reset',
    'date',
  ];
  const parts = ['0', '1', '9', '.', '-', 'm', 's', 'ms', 'h', 'T', ':', 'Z', '2026-01-01T00:00:00Z', '1e9'];
  let seed = 1;
  const next = (count: number) => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % count;
  };
  for (let round = 0; round < 3000; round++) {
    const headers = new Headers();
    for (const name of names)
      headers.set(name, Array.from({ length: next(5) }, () => parts[next(parts.length)]).join(''));
    for (const allowance of Object.values(quotaOf(headers, NOW) ?? {}) as Allowance[]) {
      if (!allowance) continue;
      expect(allowance.remaining).toBeWithin(0, 1e12 + 1);
      expect(allowance.resetsInMs).toBeWithin(0, 86_400_001);
    }
  }
});
