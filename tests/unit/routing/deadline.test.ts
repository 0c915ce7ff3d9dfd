import { expect, test } from 'bun:test';
import { Fault } from '../../../src/core/errors.ts';
import { Deadline, type Timeouts } from '../../../src/routing/deadline.ts';

const HOUR = 3_600_000;

/** What the deadline stops a call for. */
function stopped(limits: Timeouts, isHeard: boolean): Promise<Fault> {
  const deadline = new Deadline(limits, new AbortController().signal);
  if (isHeard) deadline.touch();
  return new Promise((resolve) => {
    deadline.signal.addEventListener('abort', () => resolve(deadline.signal.reason as Fault));
  });
}

test.each([
  [
    'that never begins',
    { firstTokenMs: 20, idleMs: HOUR, totalMs: HOUR },
    false,
    /sent nothing within 20 ms/,
  ],
  ['that falls silent', { firstTokenMs: HOUR, idleMs: 20, totalMs: HOUR }, true, /fell silent for 20 ms/],
  ['that goes on and on', { firstTokenMs: HOUR, idleMs: HOUR, totalMs: 20 }, true, /complete within 20 ms/],
])(
  'an answer %s is given up at its own limit, however far away the others are',
  async (_, limits, isHeard, words) => {
    const reason = await stopped(limits, isHeard);
    expect(reason).toBeInstanceOf(Fault);
    expect([reason.code, reason.message]).toEqual(['provider_timeout', expect.stringMatching(words)]);
  },
);
