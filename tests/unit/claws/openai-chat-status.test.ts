import { describe, expect, test } from 'bun:test';
import { gemini } from '../../../src/claws/gemini/protocol.ts';
import { codeOfStatus, faultOf, retryAfterOf } from '../../../src/claws/status.ts';

describe('the fault of an HTTP status', () => {
  const cases: [number, string][] = [
    [400, 'provider_rejected_request'],
    [401, 'provider_auth_failed'],
    [402, 'quota_exceeded'],
    [403, 'provider_auth_failed'],
    [404, 'model_not_found'],
    [408, 'provider_timeout'],
    [413, 'provider_rejected_request'],
    [422, 'provider_rejected_request'],
    [429, 'rate_limited'],
    [498, 'provider_overloaded'],
    [500, 'provider_error'],
    [502, 'provider_error'],
    [503, 'provider_overloaded'],
    [504, 'provider_timeout'],
    [524, 'provider_timeout'],
    [529, 'provider_overloaded'],
  ];
  for (const [status, code] of cases) {
    test(`${status} is ${code}`, () => {
      const fault = faultOf(codeOfStatus(status), 'Words of the provider.', { raw: { a: 1 } });
      expect(fault.code as string).toBe(code);
      expect(fault.message).toBe('Words of the provider.');
      expect(fault.raw).toEqual({ a: 1 });
    });
  }
});

describe('Retry-After', () => {
  const read = (headers: Record<string, string>) => retryAfterOf(new Headers(headers));

  test('seconds are rounded up', () => {
    expect(read({ 'retry-after': '7' })).toBe(7);
    expect(read({ 'retry-after': '0.2' })).toBe(1);
  });

  test('milliseconds take precedence', () => {
    expect(read({ 'retry-after': '9', 'retry-after-ms': '1500' })).toBe(2);
  });

  test('a date is relative to the date of the answer', () => {
    const date = 'Wed, 21 Oct 2026 07:28:00 GMT';
    expect(read({ 'retry-after': 'Wed, 21 Oct 2026 07:28:30 GMT', date })).toBe(30);
  });

  test('a date without the date of the answer is relative to the own clock', () => {
    const now = Date.parse('Wed, 21 Oct 2026 07:28:00 GMT');
    for (const date of [undefined, 'soon']) {
      const headers = new Headers({ 'retry-after': 'Wed, 21 Oct 2026 07:28:30 GMT', ...(date && { date }) });
      expect(retryAfterOf(headers, now)).toBe(30);
      expect(retryAfterOf(headers, now + 60_000)).toBeUndefined();
    }
    const soon = new Date(Date.now() + 30_000).toUTCString();
    expect(read({ 'retry-after': soon })).toBeOneOf([29, 30]);
  });

  test('is at most one day', () => {
    const date = 'Wed, 21 Oct 2026 07:28:00 GMT';
    expect(read({ 'retry-after': '1e12' })).toBe(86_400);
    expect(read({ 'retry-after-ms': '1e15' })).toBe(86_400);
    expect(read({ 'retry-after': 'Wed, 21 Oct 2099 07:28:00 GMT', date })).toBe(86_400);
    const details = [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '9999999999s' }];
    const body = { error: { code: 429, status: 'RESOURCE_EXHAUSTED', message: 'Wait.', details } };
    expect(gemini.fault(429, body, new Headers()).retryAfter).toBe(86_400);
  });

  test('an invalid number of milliseconds does not hide the seconds', () => {
    expect(read({ 'retry-after': '9', 'retry-after-ms': 'soon' })).toBe(9);
  });

  test('an invalid value is ignored', () => {
    expect(read({ 'retry-after': 'soon' })).toBeUndefined();
    expect(read({ 'retry-after': '-3' })).toBeUndefined();
    expect(read({})).toBeUndefined();
    expect(retryAfterOf(undefined)).toBeUndefined();
  });
});
