import { expect, test } from 'bun:test';
import { Fault } from '../../../src/core/errors.ts';
import { wishesOf } from '../../../src/http/v1/routing-wishes.ts';

const refusal = (header: string, value: string, isRoot = true): Fault => {
  try {
    wishesOf(new Headers({ [header]: value }), { isRoot }, []);
  } catch (failure) {
    if (failure instanceof Fault) return failure;
  }
  throw new Error('the header is valid');
};

test.each<[string, string, string]>([
  ['x-clawhold-timeout-ms', 'soon', 'expected a whole number of milliseconds from 1 to 86400000.'],
  ['x-clawhold-first-token-ms', '0', 'expected a whole number of milliseconds from 1 to 86400000.'],
  ['x-clawhold-attempts', '21', 'expected a whole number from 1 to 20.'],
  [
    'x-clawhold-simulate',
    'provider_error',
    'expected `provider/model=code` or `provider/model=code@bursts`.',
  ],
  [
    'x-clawhold-simulate',
    '*=provider_eror',
    '"provider_eror" is not the code of a failed call; did you mean provider_error?',
  ],
  [
    'x-clawhold-simulate',
    '*=missing_key',
    expect.stringMatching(/"missing_key" is not the code of a failed call; it may be .*rate_limited.*\.$/),
  ],
])('%s: %s is refused with what is expected', (header, value, message) => {
  const { code, param, message: got } = refusal(header, value);
  expect({ code, param }).toEqual({ code: 'invalid_request', param: header });
  expect(got).toStartWith(`\`${header}\`: `);
  expect(got.slice(header.length + 4)).toEqual(message);
});

test('only the root key may simulate failures', () => {
  expect(refusal('x-clawhold-simulate', '*=provider_error', false)).toMatchObject({
    ...{ code: 'root_key_required', param: 'x-clawhold-simulate' },
  });
});
