import { expect, test } from 'bun:test';
import { type TimedCall, Timeline } from '../../../src/core/timeline.ts';

const call = (from: number, to: number, askedAt = from): TimedCall => ({
  ...{ candidate: { provider: 'a', protocol: 'local', model: 'b' }, attempt: 1, askedAt, from, to },
  ...{ isStreamed: false, how: 'whole' },
});

/** A timeline whose clock is set by hand. */
function at(startedAt: number, ends: [Parameters<Timeline['end']>[0], number][]): Timeline {
  const timeline = new Timeline(startedAt);
  const { now } = performance;
  try {
    for (const [step, ms] of ends) {
      performance.now = () => ms;
      timeline.end(step);
    }
  } finally {
    performance.now = now;
  }
  return timeline;
}

test('each step begins when the one before ends', () => {
  const timeline = at(10, [
    ['receive', 12],
    ['session', 20],
    ['answer', 50],
  ]);
  expect(timeline.steps()).toEqual([
    { step: 'receive', from: 10, to: 12 },
    { step: 'session', from: 12, to: 20 },
    { step: 'answer', from: 20, to: 50 },
  ]);
  const told: unknown[] = [];
  timeline.eachStep((step, ms) => told.push([step, ms]));
  expect(told).toEqual([
    ['receive', 2],
    ['session', 8],
    ['answer', 30],
  ]);
});

test('the own time has no calls, no pauses and no waiting in it', () => {
  const timeline = at(0, [
    ['receive', 2],
    ['session', 100],
    ['answer', 200],
    ['commit', 205],
  ]);
  timeline.callBegins(110);
  timeline.callEnds(call(110, 130, 105));
  timeline.pauses.push({ from: 130, to: 140 });
  timeline.callBegins(140);
  timeline.callEnds(call(140, 195));
  expect(timeline.providerMs).toBe(75);
  // 205 in all, without 98 for the session, 75 of calls, 5 at the claw and 10 of a pause.
  expect(timeline.ownMs).toBe(17);
});

test('calls that run side by side count once', () => {
  const timeline = at(0, [['answer', 100]]);
  timeline.callBegins(10);
  timeline.callBegins(20);
  timeline.callEnds(call(20, 50));
  timeline.callEnds(call(10, 60));
  expect(timeline.providerMs).toBe(50);
});
