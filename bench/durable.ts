import type { Job } from './load/job.ts';
import { startGateway } from './processes.ts';
import { interleaved, measured, perSecond } from './rounds.ts';
import type { Bench, Row, RowResult } from './row.ts';
import { quantile, spread } from './statistics.ts';

const RATE = 500;
/** How many sessions are written to at once. */
const LANES = 200;
const CONCURRENCY = 64;
const TURNS_PER_SESSION = 10;

const MESSAGE =
  'And on the fourth day, would you rather take the train along the coast or the bus over the pass?';

/** Turns in sessions that are named by a header. Each job has its own sessions. */
function job(port: number, headers: Record<string, string>, model: string, load: Job['load']): Job {
  const run = crypto.randomUUID().slice(0, 8);
  return {
    port,
    path: '/v1/chat/completions',
    headers: { ...headers, 'x-clawhold-session-id': `${run}-{session}` },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: MESSAGE }] }),
    turnsPerSession: TURNS_PER_SESSION,
    load,
  };
}

export const durable: Row = {
  key: 'c',
  title: 'Durable turn: intent, journal, fsynced commit',
  async measure(bench: Bench): Promise<RowResult> {
    const { effort, simulator } = bench;
    const gateway = await startGateway({ provider: simulator.port });
    try {
      const through = (load: Job['load']) =>
        measured(bench, gateway.pid, job(gateway.port, gateway.headers, 'openai/say-5', load));
      const direct = (load: Job['load']) =>
        measured(bench, simulator.pid, job(simulator.port, { authorization: 'Bearer x' }, 'say-5', load));
      const saturate = { kind: 'closed', concurrency: CONCURRENCY } as const;
      const steady = { kind: 'open', rate: RATE, ms: effort.ms, lanes: LANES } as const;
      // This path has more code to compile than a stateless request, so it needs a longer warm-up.
      await through({ ...saturate, ms: 4 * effort.warmUpMs });
      const busy: Awaited<ReturnType<typeof through>>[] = [];
      for (let round = 0; round < effort.rounds; round++)
        busy.push(await through({ ...saturate, ms: effort.ms }));
      const calm = await interleaved(effort.rounds, [direct, through], (run) => run(steady));
      const floor = calm.get(direct)!;
      const added = (share: number) =>
        spread(
          calm
            .get(through)!
            .map(({ latencies }, n) => quantile(latencies, share) - quantile(floor[n]!.latencies, share)),
        );
      return {
        figures: [
          {
            what: 'Durable turns, gateway on one core',
            value: spread(busy.map(perSecond)),
            unit: '/s',
            budget: { limit: 8_000, is: 'at least' },
          },
          {
            what: 'CPU per durable turn',
            value: spread(busy.map((round) => round.serverCpuMicros / round.requests)),
            unit: 'µs',
            budget: { limit: 120, is: 'at most' },
          },
          {
            what: `Added latency p50 at ${RATE} turns/s`,
            value: added(0.5),
            unit: 'ms',
            budget: { limit: 2, is: 'at most' },
          },
          {
            what: `Added latency p99 at ${RATE} turns/s`,
            value: added(0.99),
            unit: 'ms',
            budget: { limit: 4, is: 'at most' },
          },
        ],
        notes: [
          `Each session has ${TURNS_PER_SESSION} turns and is named by a header. The saturated rounds run ${CONCURRENCY} turns at a time.`,
          'If a budget is missed: docs/performance.md has the parts of a durable turn, and what its pauses are.',
        ],
      };
    } finally {
      await gateway.stop();
    }
  },
};
