import { describe, expect, test } from 'bun:test';
import { Fault } from '../../../src/core/errors.ts';
import type { OverloadLevel } from '../../../src/core/overload.ts';
import { Overload, type Priority, watchEventLoop } from '../../../src/limits/overload.ts';
import { eventually } from '../../harness/eventually.ts';

const BOUNDS = { busyMs: 100, heavyMs: 500, criticalMs: 1_000 };

function open(bounds = BOUNDS) {
  const changes: [OverloadLevel, number][] = [];
  const overload = new Overload(bounds, (level, delayMs) => changes.push([level, delayMs]));
  const feed = (delayMs: number, times = 5) => {
    for (let i = 0; i < times; i++) overload.sample(delayMs);
    return overload.level;
  };
  return { overload, changes, feed };
}

/** The code of the refusal, if there is one. */
function refusal(overload: Overload, priority: Priority): Fault | undefined {
  try {
    overload.admit(priority);
    return undefined;
  } catch (error) {
    return error as Fault;
  }
}

describe('the level of overload', () => {
  test('follows the delay of the event loop', () => {
    const { feed, changes } = open();
    expect([99, 100, 499, 500, 999, 1_000, 60_000].map((delay) => feed(delay))).toEqual([
      ...['calm', 'busy', 'busy', 'heavy', 'heavy', 'critical', 'critical'],
    ] as OverloadLevel[]);
    expect(changes).toEqual([
      ['busy', 100],
      ['heavy', 500],
      ['critical', 1_000],
    ]);
  });

  test('does not follow one or two long pauses', () => {
    const { feed, changes } = open();
    feed(0);
    feed(3_600_000, 2);
    feed(0);
    expect(changes).toEqual([]);
  });

  test('ends at half of the delay at which it began', () => {
    const { feed } = open();
    expect(feed(1_000)).toBe('critical');
    expect(feed(500)).toBe('critical');
    expect(feed(499)).toBe('heavy');
    expect(feed(250)).toBe('heavy');
    expect(feed(249)).toBe('busy');
    expect(feed(50)).toBe('busy');
    expect(feed(49)).toBe('calm');
    expect(feed(99)).toBe('calm');
  });

  test('falls by several steps at once', () => {
    const { feed, changes } = open();
    feed(5_000);
    feed(0);
    expect(changes.map(([level]) => level)).toEqual(['critical', 'calm']);
  });

  test('has the new bounds with the next sample', () => {
    const { overload, feed } = open();
    feed(150);
    overload.reconfigure({ busyMs: 10, heavyMs: 20, criticalMs: 30 });
    expect(overload.level).toBe('busy');
    expect(feed(150, 1)).toBe('critical');
  });

  test('decides which new requests are refused', () => {
    const { overload, feed } = open();
    const codes = () =>
      (['background', 'interactive'] as const).map((priority) => refusal(overload, priority)?.code);
    expect(codes()).toEqual([undefined, undefined]);
    feed(100);
    expect(codes()).toEqual([undefined, undefined]);
    feed(500);
    expect(codes()).toEqual(['gateway_overloaded', undefined]);
    feed(1_000);
    expect(codes()).toEqual(['gateway_overloaded', 'gateway_overloaded']);
    expect(refusal(overload, 'background')!.retryAfter).toBeGreaterThan(0);
    expect(refusal(overload, 'interactive')!.retryAfter).toBeGreaterThan(0);
    expect(refusal(overload, 'interactive')).toBeInstanceOf(Fault);
  });
});

describe('the event loop', () => {
  const block = (ms: number) => {
    const end = performance.now() + ms;
    while (performance.now() < end);
  };

  test('that is blocked again and again is late', async () => {
    const samples: number[] = [];
    const unwatch = watchEventLoop((delay) => samples.push(delay));
    for (let i = 0; i < 5; i++) {
      block(300);
      await Bun.sleep(1);
    }
    unwatch();
    const late = samples.filter((delay) => delay > 150);
    expect(late.length).toBeGreaterThanOrEqual(3);
    const seen = samples.length;
    await Bun.sleep(250);
    expect(samples.length).toBe(seen);
  });

  test('that is free is in time again', async () => {
    const { overload } = open({ busyMs: 100, heavyMs: 200, criticalMs: 100_000 });
    const unwatch = watchEventLoop((delay) => overload.sample(delay));
    const blocking = setInterval(() => block(400), 1);
    await eventually(
      'the gateway is heavily overloaded',
      () => overload.level,
      (level) => level === 'heavy',
    );
    clearInterval(blocking);
    await eventually(
      'it is calm again',
      () => overload.level,
      (level) => level === 'calm',
    );
    unwatch();
  });
});
