import { describe, expect, test } from 'bun:test';
import { faultOfStatus, retryAfterOf } from '../../../src/claws/status.ts';

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
      const fault = faultOfStatus(status, 'Words of the provider.', { raw: { a: 1 } });
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
    expect(read({ 'retry-after': date })).toBeUndefined();
  });

  test('an invalid value is ignored', () => {
    expect(read({ 'retry-after': 'soon' })).toBeUndefined();
    expect(read({ 'retry-after': '-3' })).toBeUndefined();
    expect(read({})).toBeUndefined();
    expect(retryAfterOf(undefined)).toBeUndefined();
  });
});
