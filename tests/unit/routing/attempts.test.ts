import { describe, expect, test } from 'bun:test';
import { Fault } from '../../../src/core/errors.ts';
import { Deadline, type Timeouts } from '../../../src/routing/attempts.ts';

const HOUR = 3_600_000;

/** The reason for which a deadline stops a call. */
function stopped(limits: Omit<Timeouts, 'probeMs'>, isHeard: boolean): Promise<Fault> {
  const deadline = new Deadline({ ...limits, probeMs: HOUR }, new AbortController().signal);
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

describe('a silent call', () => {
  const limits = { firstTokenMs: HOUR, signOfLifeMs: HOUR, idleMs: HOUR, totalMs: HOUR, probeMs: 20 };
  const unreachable = new Fault('provider_unreachable', 'Nothing there.');

  /** The state of a call after `ms`, whose probes give these results in turn, and the number of probes. */
  async function after(ms: number, results: boolean[], hear: (deadline: Deadline) => void = () => {}) {
    let probes = 0;
    const probe = async () => {
      if (results[probes++] === false) throw unreachable;
    };
    const deadline = new Deadline(limits, new AbortController().signal, { probe });
    for (const end = Date.now() + ms; Date.now() < end; ) {
      hear(deadline);
      await Bun.sleep(5);
    }
    deadline.clear();
    return { reason: deadline.signal.reason as unknown, probes };
  }

  test('ends when its provider cannot be reached twice in a row', async () => {
    expect((await after(150, [false, false])).reason).toBe(unreachable);
  });

  test('goes on while its provider can be reached, also after one failed probe', async () => {
    const { reason, probes } = await after(150, [false, true, false]);
    expect(reason).toBeUndefined();
    expect(probes).toBeGreaterThan(3);
  });

  test('is not probed while its provider shows signs of life', async () => {
    expect(await after(150, [false, false], (deadline) => deadline.heard())).toEqual({
      reason: undefined,
      probes: 0,
    });
  });
});
