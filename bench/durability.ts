import type { Job } from './load/job.ts';
import { startGateway } from './processes.ts';
import { interleaved, type Measured, measured } from './rounds.ts';
import type { Bench, Row, RowResult } from './row.ts';
import { median, spread } from './statistics.ts';

const EVENTS = 50;
const CONCURRENCY = 32;
const RATE = 50;

/** The same stream, with its intent and every delta in the journal and the turn in the log, and without. */
const MANNERS = [
  { name: 'journaled', store: true },
  { name: 'not kept', store: false },
] as const;
type Manner = (typeof MANNERS)[number];

export const durability: Row = {
  key: 'h',
  title: `What durability costs a stream of ${EVENTS} events`,
  async measure(bench: Bench): Promise<RowResult> {
    const { effort, simulator } = bench;
    const gateway = await startGateway({ provider: simulator.port });
    try {
      const run = ({ store }: Manner, load: Job['load']) => {
        const messages = [{ role: 'user', content: 'Count, one word after the other.' }];
        return measured(bench, gateway.pid, {
          port: gateway.port,
          path: '/v1/chat/completions',
          headers: gateway.headers,
          body: JSON.stringify({ model: `openai/say-${EVENTS}+pace-1`, messages, stream: true, store }),
          firstToken: 'word1',
          load,
        });
      };
      const saturate = { kind: 'closed', concurrency: CONCURRENCY } as const;
      for (const manner of MANNERS) await run(manner, { ...saturate, ms: effort.warmUpMs });
      const busy = await interleaved(effort.rounds, MANNERS, (manner) =>
        run(manner, { ...saturate, ms: effort.ms }),
      );
      const calm = await interleaved(effort.rounds, MANNERS, (manner) =>
        run(manner, { kind: 'open', rate: RATE, ms: effort.ms, lanes: 1 }),
      );
      const [journaled, notKept] = MANNERS.map((manner) => busy.get(manner)!.map(cpuPerEvent));
      const [first, firstNotKept] = MANNERS.map((manner) => calm.get(manner)!.map(firstToken));
      return {
        figures: [
          {
            what: 'CPU per event, journaled',
            value: spread(journaled!),
            unit: 'µs',
            budget: { limit: 45, is: 'at most' },
          },
          { what: 'CPU per event, not kept', value: spread(notKept!), unit: 'µs' },
          {
            what: 'Journaled against not kept, CPU',
            value: spread(journaled!.map((micros, round) => micros / notKept![round]!)),
            unit: '×',
          },
          {
            what: `Added time to first token at ${RATE} streams/s`,
            value: spread(first!.map((ms, round) => ms - firstNotKept![round]!)),
            unit: 'ms',
          },
        ],
        notes: ['Every event is a packet of its own from the provider and one write to the journal.'],
      };
    } finally {
      await gateway.stop();
    }
  },
};

const cpuPerEvent = (round: Measured) => round.serverCpuMicros / (round.requests * EVENTS);
const firstToken = (round: Measured) => median(round.firstTokens);
