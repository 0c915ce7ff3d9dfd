import { describe, expect, test } from 'bun:test';
import type { Caller, Tenant } from '../../../src/core/request.ts';
import { identityOf } from '../../../src/http/v1/request.ts';

const CALLER: Caller = {
  tenant: 'default' as Tenant,
  key: 'web',
  mayKeep: true,
  isRoot: true,
  policy: { onDisconnect: 'run_on', whenBusy: 'wait', whenDown: 'fail' },
};
const ROUTE = 'POST /v1/responses';
const TEXT = '{"model":"m","input":"hi"}';

const identity = (
  headers: Record<string, string>,
  { route = ROUTE, caller = CALLER, text = TEXT }: { route?: string; caller?: Caller; text?: string } = {},
) => identityOf(new Headers(headers), route, caller, text);

const keyIn = (value: string) => identity({ 'idempotency-key': value })?.key;

test('a request without a key and a retry count has no identity', () => {
  expect(identity({ 'x-session-id': 'trip' })).toBeUndefined();
});

describe('the key', () => {
  test('comes with the route and the fingerprint', () => {
    expect(identity({ 'Idempotency-Key': 'order-1' })).toEqual({
      route: ROUTE,
      key: 'order-1',
      fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/),
      isRetry: false,
    });
  });

  test('is read from X-Idempotency-Key, too', () => {
    expect(identity({ 'X-Idempotency-Key': '"order-1"' })?.key).toBe('order-1');
    expect(identity({ 'idempotency-key': '"a"', 'x-idempotency-key': 'a' })?.key).toBe('a');
  });

  test('is the same with quotes and without', () => {
    expect(keyIn('"8e03978e-40d5-43dd-bc93-6894a57f9324"')).toBe('8e03978e-40d5-43dd-bc93-6894a57f9324');
    expect(keyIn(String.raw`"a\"b\\c"`)).toBe(String.raw`a"b\c`);
    expect(keyIn('a"b')).toBe('a"b');
  });

  test('has 1 to 255 characters, quotes not counted', () => {
    expect(keyIn('k'.repeat(255))).toHaveLength(255);
    expect(keyIn(`"${'k'.repeat(255)}"`)).toHaveLength(255);
  });

  test.each([
    ['no characters', ''],
    ['no characters in quotes', '""'],
    ['256 characters', 'k'.repeat(256)],
    ['a space', 'a b'],
    ['two lines of the header', 'a, a'],
    ['a character beyond ASCII', 'é'],
    ['one quote', '"'],
    ['no closing quote', '"abc'],
    ['a quote that is escaped', String.raw`"abc\"`],
    ['an escape of a letter', String.raw`"a\bc"`],
    ['parameters', '"abc";p=1'],
  ])('of %s is refused', (_, value) => {
    for (const name of ['idempotency-key', 'x-idempotency-key']) {
      expect(() => identity({ [name]: value })).toThrow(
        expect.objectContaining({ code: 'invalid_idempotency_key', param: name }),
      );
    }
  });

  test('cannot be two different keys', () => {
    expect(() => identity({ 'idempotency-key': 'a', 'x-idempotency-key': 'b' })).toThrow(
      expect.objectContaining({ code: 'invalid_idempotency_key' }),
    );
  });
});

describe('an SDK that retries by itself', () => {
  test.each([
    ['0', false],
    ['1', true],
    ['2', true],
    ['often', false],
  ])('with a retry count of %s: isRetry is %p', (count, isRetry) => {
    const found = identity({ 'x-stainless-retry-count': count });
    expect(found).toMatchObject({ key: undefined, isRetry });
    expect(found?.fingerprint).toHaveLength(16);
    expect(identity({ 'x-stainless-retry-count': count, 'idempotency-key': 'a' })).toMatchObject({
      key: 'a',
      isRetry,
    });
  });
});

describe('the fingerprint', () => {
  const of = (...given: Parameters<typeof identity>) =>
    identity({ 'x-stainless-retry-count': '0', ...given[0] }, given[1])?.fingerprint;

  test('is the same for a retry', () => {
    expect(of({ 'x-stainless-retry-count': '2', 'x-request-id': 'r2', 'x-clawhold-when-busy': 'fork' })).toBe(
      of({})!,
    );
    expect(of({}, { caller: { ...CALLER, requestId: 'r3' } })).toBe(of({})!);
    expect(of({ 'idempotency-key': 'a' })).toBe(of({ 'idempotency-key': 'b' })!);
  });

  test('is another for another key, tenant, route, session or body', () => {
    const all = [
      of({}),
      of({}, { caller: { ...CALLER, key: 'app' } }),
      of({}, { caller: { ...CALLER, tenant: 'other' as Tenant } }),
      of({}, { route: 'POST /v1/chat/completions' }),
      of({ 'x-session-id': 'trip' }),
      of({ 'x-clawhold-session-id': 'journey' }),
      of({}, { text: `${TEXT} ` }),
    ];
    expect(new Set(all).size).toBe(all.length);
  });

  test('uses the session header that comes first, and no other one', () => {
    const journey = of({ 'x-clawhold-session-id': 'journey' })!;
    expect(of({ 'x-clawhold-session-id': 'journey', 'x-session-id': 'trip' })).toBe(journey);
  });

  test('tells a part of one field from a part of another', () => {
    const split = (key: string, tenant: string) =>
      of({}, { caller: { ...CALLER, key, tenant: tenant as Tenant } });
    expect(split('ab', 'c')).not.toBe(split('a', 'bc')!);
    expect(split('a","b', 'c')).not.toBe(split('a', 'b","c')!);
  });
});
