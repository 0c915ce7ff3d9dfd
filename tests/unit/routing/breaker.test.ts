import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { BreakerChange } from '../../../src/core/events.ts';
import { Breaker, type BreakerSettings, type Permit } from '../../../src/routing/breaker.ts';
import type { CallResult } from '../../../src/routing/result-window.ts';
import { BREAKER, testClock } from './settings.ts';

const isNotLast = () => false;
const isLast = () => true;

function scene(settings: Partial<BreakerSettings> = {}) {
  const clock = testClock();
  const changes: BreakerChange[] = [];
  const breaker = new Breaker(
    () => ({ ...BREAKER, ...settings }),
    clock.now,
    (change) => changes.push(change),
  );
  const call = (...results: CallResult[]) => {
    for (const result of results) breaker.take(isNotLast)?.settle(result);
  };
  return { clock, changes, breaker, call };
}

const times = (count: number, result: CallResult): CallResult[] =>
  Array.from({ length: count }, () => result);

/** A breaker that has just opened. */
function opened(result: CallResult = 'failed') {
  const made = scene();
  made.call(...times(BREAKER.leastCalls, result));
  return made;
}

describe('a closed breaker', () => {
  test('opens when enough calls fail', () => {
    const { breaker, changes, call } = scene();
    call(...times(5, 'ok'), ...times(4, 'failed'));
    expect(breaker.is).toBe('closed');
    call('failed');
    expect(breaker.is).toBe('open');
    expect(changes).toEqual([{ state: 'open', reason: 'some-failures', forMs: 10_000, openings: 1 }]);
    expect(breaker.take(isNotLast)).toBeUndefined();
  });

  test('opens when enough calls are slow', () => {
    const { breaker, call } = scene();
    call('ok', 'ok', ...times(8, 'slow'));
    expect([breaker.is, breaker.reason]).toEqual(['open', 'slow-calls']);
  });

  test('opens for longer when the credential is refused', () => {
    const { breaker, clock } = opened('refused');
    expect(breaker.reason).toBe('credential');
    clock.pass(59_999);
    expect(breaker.take(isNotLast)).toBeUndefined();
    clock.pass(1);
    expect(breaker.take(isNotLast)).toBeDefined();
  });

  test('stays closed while too few calls were made, or most were good', () => {
    const { breaker, call, clock } = scene();
    call(...times(9, 'failed'));
    expect(breaker.is).toBe('closed');
    clock.pass(30_001);
    call(...times(100, 'ok'), ...times(99, 'failed'));
    expect(breaker.is).toBe('closed');
  });

  test('forgets results that are older than its window', () => {
    const { breaker, call, clock } = scene();
    for (let minute = 0; minute < 10; minute++) {
      call(...times(9, 'failed'));
      clock.pass(30_001);
    }
    expect(breaker.is).toBe('closed');
  });

  test('is not opened by results that say nothing about the provider', () => {
    const { breaker, call } = scene();
    call(...times(1_000, 'ignored'));
    expect(breaker.is).toBe('closed');
  });

  test('takes new settings at once', () => {
    const settings = { ...BREAKER };
    const breaker = new Breaker(() => settings, testClock().now);
    Object.assign(settings, { leastCalls: 1 });
    breaker.take(isNotLast)!.settle('failed');
    expect(breaker.is).toBe('open');
  });
});

describe('an open breaker', () => {
  test('is half-open after its time, and closes when two probes begin to answer', () => {
    const { breaker, clock, changes } = opened();
    clock.pass(9_999);
    expect([breaker.take(isNotLast), breaker.waitMs]).toEqual([undefined, 1]);
    clock.pass(1);
    expect(breaker.waitMs).toBe(0);
    breaker.take(isNotLast)!.begin(false);
    expect(breaker.is).toBe('half-open');
    breaker.take(isNotLast)!.begin(false);
    expect(breaker.is).toBe('closed');
    expect(changes.map(({ state }) => state)).toEqual(['open', 'half-open', 'closed']);
  });

  test.each<[CallResult, number]>([
    ['failed', 20_000],
    ['slow', 20_000],
    ['refused', 60_000],
  ])('opens again when a probe is %s, and no probe doubles the time twice', (result, forMs) => {
    const { breaker, clock, changes } = opened();
    clock.pass(10_000);
    for (let round = 0; round < 3; round++) {
      breaker.take(isNotLast)!.settle(result);
      expect(changes.at(-1)).toMatchObject({ state: 'open', forMs });
      clock.pass(forMs);
    }
  });

  test('holds its claw back for twice as long with each probe that fails, up to a bound', () => {
    const { breaker, clock, call } = opened();
    const heldBack: number[] = [];
    for (let round = 0; round < 8; round++) {
      heldBack.push(breaker.heldBackMs / BREAKER.openMs);
      expect(breaker.heldBackMs).toBeGreaterThanOrEqual(breaker.waitMs);
      clock.pass(breaker.heldBackMs);
      expect([breaker.heldBackMs, breaker.waitMs]).toEqual([0, 0]);
      call('failed');
    }
    expect(heldBack).toEqual([1, 2, 4, 8, 16, 30, 30, 30]);
    clock.pass(breaker.heldBackMs);
    call('ok', 'ok');
    clock.pass(BREAKER.windowMs);
    call(...times(10, 'failed'));
    expect(breaker.heldBackMs).toBe(BREAKER.openMs);
  });

  test('lets a call through where no other claw is left, though it is held back', () => {
    const { breaker, clock, call } = opened();
    for (let round = 0; round < 5; round++) {
      clock.pass(20_000);
      call('failed');
    }
    clock.pass(20_000);
    expect([breaker.waitMs, breaker.heldBackMs]).toEqual([0, 280_000]);
    call('ok', 'ok');
    expect([breaker.is, breaker.heldBackMs]).toEqual(['closed', 0]);
  });

  test('has one probe at a time, and up to three of calls for which no other claw is left', () => {
    const { breaker, clock } = opened();
    clock.pass(10_000);
    const first = breaker.take(isNotLast)!;
    expect(breaker.take(isNotLast)).toBeUndefined();
    expect(breaker.heldBackMs).toBeGreaterThan(0);
    expect([breaker.take(isLast), breaker.take(isLast)]).not.toContain(undefined);
    expect(breaker.take(isLast)).toBeUndefined();
    first.settle('ok');
    expect(breaker.take(isNotLast)).toBeUndefined();
  });

  test('opens for longer when it closed a short time ago', () => {
    const { breaker, clock, call, changes } = opened();
    clock.pass(10_000);
    call('ok', 'ok');
    expect(breaker.is).toBe('closed');
    call(...times(10, 'failed'));
    expect(changes.at(-1)).toMatchObject({ forMs: 20_000 });
  });

  test('does not count results of calls from before it opened', () => {
    const { breaker, clock, call } = scene();
    const early = breaker.take(isNotLast)!;
    call(...times(10, 'failed'));
    clock.pass(10_000);
    const probe = breaker.take(isNotLast)!;
    early.settle('failed');
    expect(breaker.is).toBe('half-open');
    probe.settle('ok');
    breaker.take(isNotLast)!.settle('ok');
    expect(breaker.is).toBe('closed');
  });

  test('a probe that breaks off after its beginning opens it again', () => {
    const { breaker, clock } = opened();
    clock.pass(10_000);
    const probe = breaker.take(isNotLast)!;
    probe.begin(false);
    probe.settle('failed');
    expect(breaker.is).toBe('open');
  });
});

test('a half-open breaker lets at most three probes through at once, one with another claw, and never runs out', () => {
  const step = fc.oneof(
    fc.constantFrom('take' as const, 'take-last' as const),
    fc.record({
      at: fc.nat(),
      result: fc.constantFrom<CallResult>('ok', 'slow', 'failed', 'refused', 'ignored'),
    }),
    fc.record({ at: fc.nat(), isSlow: fc.boolean() }),
    fc.record({ passMs: fc.nat(70_000) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { breaker, clock, changes } = opened();
      let open: { permit: Permit; epoch: number; hasBegun: boolean }[] = [];
      for (const next of steps) {
        if (next === 'take' || next === 'take-last') {
          const running = open.filter(({ epoch }) => epoch === changes.length && breaker.is === 'half-open');
          const permit = breaker.take(next === 'take' ? isNotLast : isLast);
          if (permit && next === 'take') expect(running.filter(({ hasBegun }) => !hasBegun)).toEqual([]);
          if (permit) open.push({ permit, epoch: changes.length, hasBegun: false });
        } else if ('passMs' in next) clock.pass(next.passMs);
        else if (open.length > 0) {
          const chosen = open[next.at % open.length]!;
          if ('isSlow' in next) {
            chosen.permit.begin(next.isSlow);
            chosen.hasBegun = true;
          } else {
            chosen.permit.settle(next.result);
            chosen.permit.settle('failed');
            open = open.filter((other) => other !== chosen);
          }
        }
        const probes = open.filter(({ epoch }) => epoch === changes.length);
        if (breaker.is === 'half-open') expect(probes.length).toBeLessThanOrEqual(3);
      }
      for (const { permit } of open) permit.settle('ignored');
      clock.pass(100_000);
      expect(breaker.take(isNotLast)).toBeDefined();
    }),
  );
});

describe('a breaker that adopts what another process has seen', () => {
  test('opens and closes with it, and reports nothing', () => {
    const { breaker, changes, clock } = scene();
    breaker.adopt({ state: 'open', reason: 'credential', forMs: 5_000, openings: 1 });
    expect([breaker.is, breaker.reason, breaker.waitMs]).toEqual(['open', 'credential', 5_000]);
    expect(breaker.take(isNotLast)).toBeUndefined();
    clock.pass(1_000);
    breaker.adopt({ state: 'closed' });
    expect(breaker.is).toBe('closed');
    expect(breaker.take(isNotLast)).toBeDefined();
    expect(changes).toEqual([]);
  });

  test('holds its claw back for as long as the other one', () => {
    const other = scene();
    const { breaker, changes, clock, call } = opened();
    other.call(...times(BREAKER.leastCalls, 'failed'));
    for (let round = 0; round < 3; round++) {
      other.breaker.adopt(changes.at(-1)!);
      expect(other.breaker.heldBackMs).toBe(breaker.heldBackMs);
      for (const { pass } of [clock, other.clock]) pass(40_000);
      call('failed');
    }
    other.breaker.adopt({ state: 'half-open' });
    expect(other.breaker.heldBackMs).toBe(1_000);
    // What was long ago does not count.
    other.breaker.adopt({ state: 'closed' });
    other.breaker.adopt({ state: 'open', reason: 'failures', forMs: BREAKER.openMs, openings: 1 });
    expect(other.breaker.heldBackMs).toBe(BREAKER.openMs);
  });

  test('makes no probe while the other one makes its own, and makes one if nothing is heard of it', () => {
    const { breaker, clock } = opened();
    clock.pass(BREAKER.openMs);
    breaker.adopt({ state: 'half-open' });
    expect(breaker.take(isNotLast)).toBeUndefined();
    clock.pass(1_000);
    expect(breaker.take(isNotLast)).toBeDefined();
  });

  test('keeps what it counts where it is closed already', () => {
    const { breaker, call } = scene();
    call(...times(BREAKER.leastCalls - 1, 'failed'));
    breaker.adopt({ state: 'closed' });
    call('failed');
    expect(breaker.is).toBe('open');
  });
});
