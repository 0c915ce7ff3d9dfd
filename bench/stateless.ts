import type { Job } from './load/job.ts';
import { interleaved, type Measured, measured, perSecond } from './rounds.ts';
import type { Bench, Figure, Row, RowResult } from './row.ts';
import { quantile, spread } from './statistics.ts';
import { type Subject, type Subjects, startSubjects } from './subjects.ts';

const CONCURRENCY = 32;
const RATE = 500;

const SYSTEM = 'You are the assistant of a travel agency. Answer briefly, and ask when something is unclear.';
const QUESTION =
  'We are two adults and a child of four, we like hiking and museums, and we have ten days in May. ' +
  'Which three regions would you compare for us, and what would each cost roughly, with trains only?';

/** A JSON chat request without a session. */
function job(subject: Subject, load: Job['load']): Job {
  const messages = [
    { role: 'system', content: SYSTEM },
    { role: 'user', content: QUESTION },
  ];
  return {
    port: subject.server.port,
    path: '/v1/chat/completions',
    headers: subject.headers,
    body: JSON.stringify({ model: subject.model('say-20'), messages, temperature: 0.7, max_tokens: 500 }),
    load,
  };
}

export const stateless: Row = {
  key: 'a',
  title: 'Stateless JSON request',
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
      const direct = busy.get(subjects.direct)!;
      const generator = spread(direct.map((round) => round.cpuMicros / round.requests));
      return {
        figures: [
          ...cpuFigures(busy, subjects),
          ...throughputFigures(busy),
          ...latencyFigures(calm, subjects),
        ],
        notes: [
          ...subjects.notes,
          'Why the budget is missed: docs/performance.md has the parts of a request.',
          `The load generator itself uses ${generator.median.toFixed(1)} µs per request.`,
        ],
      };
    } finally {
      await subjects.stop();
    }
  },
};

type Rounds = Map<Subject, Measured[]>;

const cpuPerRequest = (round: Measured) => round.serverCpuMicros / round.requests;

function cpuFigures(rounds: Rounds, { direct, nginx, clawhold, portkey }: Subjects): Figure[] {
  const cpu = (subject: Subject) => rounds.get(subject)!.map(cpuPerRequest);
  const against = (one: Subject, other: Subject) =>
    spread(cpu(one).map((value, round) => value / cpu(other)[round]!));
  const figures: Figure[] = [];
  for (const subject of rounds.keys()) {
    const { name } = subject;
    if (subject === direct) continue;
    figures.push({ what: `CPU per request, ${name}`, value: spread(cpu(subject)), unit: 'µs' });
    if (!nginx || subject === nginx) continue;
    const budget = subject === clawhold ? ({ limit: 3, is: 'at most' } as const) : undefined;
    figures.push({
      what: `${name}'s CPU against nginx's`,
      value: against(subject, nginx),
      unit: '×',
      budget,
    });
  }
  if (portkey) {
    const value = against(portkey, clawhold);
    const budget = { limit: 12, is: 'at least' } as const;
    figures.push({ what: "Portkey's CPU against Clawhold's", value, unit: '×', budget });
  }
  return figures;
}

function throughputFigures(rounds: Rounds): Figure[] {
  return [...rounds].map(([subject, measurements]) => ({
    what: `Requests at ${CONCURRENCY} at a time, ${subject.name}`,
    value: spread(measurements.map(perSecond)),
    unit: '/s',
  }));
}

function latencyFigures(rounds: Rounds, { direct, clawhold }: Subjects): Figure[] {
  const floor = rounds.get(direct)!;
  const added = (measurements: Measured[], share: number) =>
    spread(
      measurements.map(
        ({ latencies }, round) => quantile(latencies, share) - quantile(floor[round]!.latencies, share),
      ),
    );
  return [...rounds]
    .filter(([subject]) => subject !== direct)
    .flatMap(([subject, measurements]) => [
      {
        what: `Added latency p50 at ${RATE}/s, ${subject.name}`,
        value: added(measurements, 0.5),
        unit: 'ms',
      },
      {
        what: `Added latency p99 at ${RATE}/s, ${subject.name}`,
        value: added(measurements, 0.99),
        unit: 'ms',
        budget: subject === clawhold ? { limit: 0.6, is: 'at most' } : undefined,
      },
    ]);
}
