import type { Job } from './load/job.ts';
import { interleaved, type Measured, measured } from './rounds.ts';
import type { Bench, Row, RowResult } from './row.ts';
import { median, spread } from './statistics.ts';
import { type Subject, startSubjects } from './subjects.ts';

const EVENTS = 50;
const CONCURRENCY = 32;
const RATE = 50;

/** The simulator sends every event in its own packet, as a real model does. */
function job(subject: Subject, load: Job['load']): Job {
  const messages = [{ role: 'user', content: 'Count, one word after the other.' }];
  return {
    port: subject.server.port,
    path: '/v1/chat/completions',
    headers: subject.headers,
    body: JSON.stringify({ model: subject.model(`say-${EVENTS}+pace-1`), messages, stream: true }),
    firstToken: 'word1',
    load,
  };
}

export const streamed: Row = {
  key: 'b',
  title: `Streamed request of ${EVENTS} events`,
  async measure(bench: Bench): Promise<RowResult> {
    const { effort } = bench;
    const subjects = await startSubjects(bench);
    try {
      const run = (subject: Subject, load: Job['load']) =>
        measured(bench, subject.server.pid, job(subject, load));
      for (const subject of subjects.all) {
        await run(subject, { kind: 'closed', concurrency: CONCURRENCY, ms: effort.warmUpMs });
      }
      const busy = await interleaved(effort.rounds, subjects.all, (subject) =>
        run(subject, { kind: 'closed', concurrency: CONCURRENCY, ms: effort.ms }),
      );
      const calm = await interleaved(effort.rounds, subjects.all, (subject) =>
        run(subject, { kind: 'open', rate: RATE, ms: effort.ms, lanes: 1 }),
      );
      const others = subjects.all.filter((subject) => subject !== subjects.direct);
      const floor = calm.get(subjects.direct)!.map(firstToken);
      return {
        figures: others.flatMap((subject) => [
          {
            what: `CPU per event, ${subject.name}`,
            value: spread(busy.get(subject)!.map(cpuPerEvent)),
            unit: 'µs',
            budget: subject === subjects.clawhold ? ({ limit: 15, is: 'at most' } as const) : undefined,
          },
          {
            what: `Added time to first token at ${RATE} streams/s, ${subject.name}`,
            value: spread(calm.get(subject)!.map((round, n) => firstToken(round) - floor[n]!)),
            unit: 'ms',
          },
        ]),
        notes: [
          'CPU per event includes the CPU of the request itself, divided by its number of events.',
          'If the budget is missed: docs/performance.md has the parts of an event.',
        ],
      };
    } finally {
      await subjects.stop();
    }
  },
};

/** Counts only text events. The other events are few, and every subject has about as many. */
const cpuPerEvent = (round: Measured) => round.serverCpuMicros / (round.requests * EVENTS);

const firstToken = (round: Measured) => median(round.firstTokens);
