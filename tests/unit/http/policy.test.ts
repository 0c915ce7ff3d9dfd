import { describe, expect, test } from 'bun:test';
import { Fault } from '../../../src/core/errors.ts';
import type { PolicyDefaults, TurnPolicy } from '../../../src/core/policy.ts';
import type { Caller, Tenant } from '../../../src/core/request.ts';
import type { Dialect } from '../../../src/http/dialect.ts';
import { chat } from '../../../src/http/v1/chat/dialect.ts';
import { policyOf } from '../../../src/http/v1/request.ts';
import { responses } from '../../../src/http/v1/responses/dialect.ts';

const CONFIGURED: PolicyDefaults = { onDisconnect: 'run_on', whenBusy: 'wait', whenDown: 'fail' };

const callerWith = (policy: PolicyDefaults): Caller => ({
  tenant: 't' as Tenant,
  key: 'k',
  mayKeep: true,
  isRoot: true,
  policy,
});
const policy = (headers: Record<string, string>, dialect: Dialect = responses, of = CONFIGURED) =>
  policyOf(new Headers(headers), callerWith(of), dialect.whenBroken);

describe('without a header', () => {
  test("the caller's policy holds", () => {
    const own: TurnPolicy = {
      onDisconnect: 'cancel',
      whenBusy: 'fork',
      whenDown: 'defer',
      whenBroken: 'restart',
    };
    expect(policy({}, chat, own)).toEqual(own);
  });

  test('a broken answer restarts for responses and fails for chat completions', () => {
    expect(policy({}, responses)).toEqual({ ...CONFIGURED, whenBroken: 'restart' });
    expect(policy({}, chat)).toEqual({ ...CONFIGURED, whenBroken: 'fail' });
  });
});

describe('a header', () => {
  test.each<[string, string, Partial<TurnPolicy>]>([
    ['x-clawhold-on-disconnect', 'cancel', { onDisconnect: 'cancel' }],
    ['X-Clawhold-When-Busy', 'fork', { whenBusy: 'fork' }],
    ['x-clawhold-when-down', 'defer', { whenDown: 'defer' }],
    ['x-clawhold-when-broken', 'restart', { whenBroken: 'restart' }],
    ['x-clawhold-drop-tools', 'true', { dropTools: true }],
    ['x-clawhold-drop-tools', 'false', { dropTools: false }],
  ])('%s: %s comes first, and changes nothing else', (name, value, change) => {
    const others: TurnPolicy = { ...CONFIGURED, whenBroken: 'fail' };
    expect(policy({ [name]: value }, chat, others)).toEqual({ ...others, ...change });
  });

  test('may undo what the configuration says', () => {
    const bold: PolicyDefaults = { onDisconnect: 'cancel', whenBusy: 'fork', whenDown: 'defer' };
    const headers = {
      'x-clawhold-on-disconnect': 'run_on',
      'x-clawhold-when-busy': 'wait',
      'x-clawhold-when-down': 'fail',
      'x-clawhold-when-broken': 'fail',
    };
    expect(policy(headers, responses, bold)).toEqual({ ...CONFIGURED, whenBroken: 'fail' });
  });

  test.each([
    ['x-clawhold-on-disconnect', 'run_on or cancel'],
    ['x-clawhold-when-busy', 'wait or fork'],
    ['x-clawhold-when-down', 'fail or defer'],
    ['x-clawhold-when-broken', 'restart or fail'],
    ['x-clawhold-drop-tools', 'true or false'],
  ])('%s with an unknown word is refused, and the error names the known ones', (name, words) => {
    for (const value of ['Cancel', 'toString', '', 'fail, fail']) {
      const fault = thrownBy(() => policy({ [name]: value }));
      expect(fault).toMatchObject({ code: 'invalid_request', param: name });
      expect(fault.message).toBe(`\`${name}\`: expected ${words}.`);
    }
  });
});

function thrownBy(act: () => unknown): Fault {
  try {
    act();
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
