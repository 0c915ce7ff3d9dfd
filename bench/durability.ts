import type { Job } from './load/job.ts';
import { startGateway } from './processes.ts';
import { interleaved, type Measured, measured } from './rounds.ts';
import type { Bench, Row, RowResult } from './row.ts';
import { median, spread } from './statistics.ts';

const EVENTS = 50;
const CONCURRENCY = 32;
const RATE = 50;

/** The same stream twice: stored (intent and deltas in the journal, turn in the log), and not stored. */
const VARIANTS = [
  { name: 'journaled', store: true },
  { name: 'not stored', store: false },
] as const;
type Variant = (typeof VARIANTS)[number];

export const durability: Row = {
  key: 'h',
  title: `What durability costs a stream of ${EVENTS} events`,
  async measure(bench: Bench): Promise<RowResult> {
    const { effort, simulator } = bench;
    const gateway = await startGateway({ provider: simulator.port });
    try {
      const run = ({ store }: Variant, load: Job['load']) => {
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
      for (const variant of VARIANTS) await run(variant, { ...saturate, ms: effort.warmUpMs });
      const busy = await interleaved(effort.rounds, VARIANTS, (variant) =>
        run(variant, { ...saturate, ms: effort.ms }),
      );
      const calm = await interleaved(effort.rounds, VARIANTS, (variant) =>
        run(variant, { kind: 'open', rate: RATE, ms: effort.ms, lanes: 1 }),
      );
      const [journaled, notStored] = VARIANTS.map((variant) => busy.get(variant)!.map(cpuPerEvent));
      const [first, firstNotStored] = VARIANTS.map((variant) => calm.get(variant)!.map(firstToken));
      return {
        figures: [
          {
            what: 'CPU per event, journaled',
            value: spread(journaled!),
            unit: 'µs',
            budget: { limit: 20, is: 'at most' },
          },
          {
            what: 'CPU per event, not stored',
            value: spread(notStored!),
            unit: 'µs',
            budget: { limit: 15, is: 'at most' },
          },
          {
            what: 'Journaled against not stored, CPU',
            value: spread(journaled!.map((micros, round) => micros / notStored![round]!)),
            unit: '×',
          },
          {
            what: `Added time to first token at ${RATE} streams/s`,
            value: spread(first!.map((ms, round) => ms - firstNotStored![round]!)),
            unit: 'ms',
          },
        ],
        notes: [
          'The provider sends every event in its own packet, and the gateway writes each to the journal separately.',
          'If a budget is missed: docs/performance.md has the parts of an event; a write to the journal comes on top.',
        ],
      };
    } finally {
      await gateway.stop();
    }
  },
};

const cpuPerEvent = (round: Measured) => round.serverCpuMicros / (round.requests * EVENTS);
const firstToken = (round: Measured) => median(round.firstTokens);
