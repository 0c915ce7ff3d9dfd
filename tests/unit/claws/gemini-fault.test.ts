import { describe, expect, test } from 'bun:test';
import { gemini } from '../../../src/claws/gemini/protocol.ts';
import type { ErrorCode } from '../../../src/core/error-catalogue.ts';

const TYPE = 'type.googleapis.com/google.rpc.';

function errorOf(code: number, status: string, message: string, details?: unknown[]): unknown {
  return { error: { code, message, status, details } };
}

const fault = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  gemini.fault(status, body, new Headers(headers));

const quota = (quotaId: string) => [
  { '@type': `${TYPE}QuotaFailure`, violations: [{ quotaId }] },
  { '@type': `${TYPE}RetryInfo`, retryDelay: '34.4s' },
];
const exhausted = 'You exceeded your current quota, please check your plan and billing details.';

const CASES: [string, number, unknown, ErrorCode][] = [
  [
    'an invalid key, which is a 400',
    400,
    errorOf(400, 'INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.', [
      { '@type': `${TYPE}ErrorInfo`, reason: 'API_KEY_INVALID', domain: 'googleapis.com' },
    ]),
    'provider_auth_failed',
  ],
  [
    'an invalid key without its details',
    400,
    errorOf(400, 'INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.'),
    'provider_auth_failed',
  ],
  ['no key', 403, errorOf(403, 'PERMISSION_DENIED', 'Unregistered callers.'), 'provider_auth_failed'],
  ['a bad token', 401, errorOf(401, 'UNAUTHENTICATED', 'Invalid credentials.'), 'provider_auth_failed'],
  [
    'a model that is not there',
    404,
    errorOf(404, 'NOT_FOUND', 'models/gemini-9 is not found for API version v1beta.'),
    'model_not_found',
  ],
  [
    'a file that is not there',
    404,
    errorOf(404, 'NOT_FOUND', 'CachedContent not found (or permission denied)'),
    'provider_rejected_request',
  ],
  [
    'too long a prompt',
    400,
    errorOf(
      400,
      'INVALID_ARGUMENT',
      'The input token count (1200293) exceeds the maximum number of tokens allowed (1048576).',
    ),
    'context_length_exceeded',
  ],
  [
    'a bad request',
    400,
    errorOf(400, 'INVALID_ARGUMENT', 'Thinking level MINIMAL is not supported for this model.'),
    'provider_rejected_request',
  ],
  [
    'a limit per minute',
    429,
    errorOf(
      429,
      'RESOURCE_EXHAUSTED',
      exhausted,
      quota('GenerateRequestsPerMinutePerProjectPerModel-FreeTier'),
    ),
    'rate_limited',
  ],
  [
    'a limit per day',
    429,
    errorOf(429, 'RESOURCE_EXHAUSTED', exhausted, quota('GenerateRequestsPerDayPerProjectPerModel-FreeTier')),
    'quota_exceeded',
  ],
  [
    'no credit',
    429,
    errorOf(429, 'RESOURCE_EXHAUSTED', 'Your prepayment credits are depleted.'),
    'quota_exceeded',
  ],
  ['an overload', 503, errorOf(503, 'UNAVAILABLE', 'The model is overloaded.'), 'provider_overloaded'],
  ['a deadline', 504, errorOf(504, 'DEADLINE_EXCEEDED', 'Deadline expired.'), 'provider_timeout'],
  ['an internal error', 500, errorOf(500, 'INTERNAL', 'An internal error has occurred.'), 'provider_error'],
  ['a page of a proxy', 502, '<html>Bad gateway</html>', 'provider_error'],
  ['nothing', 429, '', 'rate_limited'],
  ['an error of another shape', 400, { error: 'no' }, 'provider_rejected_request'],
];

describe('gemini fault', () => {
  test.each(CASES)('%s', (_, status, body, code) => {
    const found = fault(status, body);
    expect([found.code, found.raw]).toEqual([code, body]);
    expect(fault(status, [body]).code).toBe(code);
  });

  test('the message is the provider’s own', () => {
    expect(fault(400, errorOf(400, 'INVALID_ARGUMENT', 'No such thing.')).message).toBe('No such thing.');
    expect(fault(502, '<html>Bad gateway</html>').message).toBe('<html>Bad gateway</html>');
    expect(fault(429, '').message).toBe('HTTP status 429');
  });

  test('the time of a retry is in the body, or else in the header', () => {
    const body = errorOf(429, 'RESOURCE_EXHAUSTED', exhausted, quota('PerMinute'));
    expect(fault(429, body, { 'retry-after': '9' }).retryAfter).toBe(35);
    expect(fault(503, errorOf(503, 'UNAVAILABLE', 'x'), { 'retry-after': '9' }).retryAfter).toBe(9);
    expect(fault(503, '', { 'retry-after': '9' }).retryAfter).toBe(9);
    expect(fault(503, errorOf(503, 'UNAVAILABLE', 'x')).retryAfter).toBeUndefined();
  });
});

test.each([
  ['* GenerateContentRequest.contents: contents is not specified\n', { param: 'contents' }],
  [
    '* GenerateContentRequest.tools[0].function_declarations[1].name: Invalid.',
    { param: 'tools[0].function_declarations[1].name' },
  ],
  ['Request contains an invalid argument.', {}],
])('the field that only the message names: %p', (message, words) => {
  const body = errorOf(400, 'INVALID_ARGUMENT', message);
  expect(fault(400, body).reported).toEqual({ type: 'INVALID_ARGUMENT', ...words });
});

test('the error for a blocked prompt has the reason', () => {
  const body = { promptFeedback: { blockReason: 'SAFETY', blockReasonMessage: 'Not this.' } };
  const prompt = {
    model: 'm',
    items: [],
    settings: {},
    stream: false,
    dialect: 'gemini',
    extra: {},
  } as const;
  expect(() => gemini.answer(body, { ...prompt, items: [] })).toThrow(
    expect.objectContaining({
      code: 'content_filtered',
      message: 'Gemini blocked the prompt (SAFETY): Not this.',
      reported: { code: 'SAFETY' },
    }),
  );
});
