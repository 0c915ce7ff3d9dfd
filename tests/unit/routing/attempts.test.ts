import { expect, test } from 'bun:test';
import { Fault } from '../../../src/core/errors.ts';
import { Deadline, type Timeouts } from '../../../src/routing/attempts.ts';

const HOUR = 3_600_000;

/** The reason for which a deadline stops a call. */
function stopped(limits: Timeouts, isHeard: boolean): Promise<Fault> {
  const deadline = new Deadline(limits, new AbortController().signal);
  if (isHeard) deadline.begin();
  return new Promise((resolve) => {
    deadline.signal.addEventListener('abort', () => resolve(deadline.signal.reason as Fault));
  });
}

test.each([
  [
    'that never begins',
    { firstTokenMs: 20, signOfLifeMs: HOUR, idleMs: HOUR, totalMs: HOUR },
    false,
    /did not begin within 20 ms/,
  ],
  [
    'that shows no sign of life',
    { firstTokenMs: HOUR, signOfLifeMs: 20, idleMs: HOUR, totalMs: HOUR },
    false,
    /sent nothing for 20 ms/,
  ],
  [
    'that stops',
    { firstTokenMs: HOUR, signOfLifeMs: HOUR, idleMs: 20, totalMs: HOUR },
    true,
    /sent nothing for 20 ms/,
  ],
  [
    'that does not end',
    { firstTokenMs: HOUR, signOfLifeMs: HOUR, idleMs: HOUR, totalMs: 20 },
    true,
    /complete within 20 ms/,
  ],
])(
  'an answer %s is stopped at its own limit, while the other limits are far away',
  async (_, limits, isHeard, words) => {
    const reason = await stopped(limits, isHeard);
    expect(reason).toBeInstanceOf(Fault);
    expect([reason.code, reason.message]).toEqual(['provider_timeout', expect.stringMatching(words)]);
  },
);
