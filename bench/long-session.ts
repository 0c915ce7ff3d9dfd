import { rmSync } from 'node:fs';
import type { Job } from './load/job.ts';
import { startGateway, temporaryDirectory } from './processes.ts';
import { interleaved, type Measured, measured } from './rounds.ts';
import type { Bench, Row, RowResult } from './row.ts';
import { seedTurns } from './seed.ts';
import { median, spread } from './statistics.ts';

/** About 800 tokens. Ten turns fill the model's window, so that all prompts have the same size. */
const QUESTION = `Please go on with the story. ${'The road went up through the pines to the old customs house. '.repeat(60)}`;
const ANSWER = 'word1 word2 word3 word4 word5';
const MODELS = `claws:
  openai:
    models:
      - { id: say-5, context: 8000 }
      - { id: say-6, context: 900000000 }
aliases:
  recalling: { models: [openai/say-5], context: auto }
context: { policy: truncate }
`;
const SHORT = 10;
const MIDDLE = 1_000;
const LATENCY_ROUNDS = 5;

export const longSession: Row = {
  key: 'd',
  title: 'Turn 10, 1,000 and 10,000 of a session',
  async measure(bench: Bench): Promise<RowResult> {
    const { effort, simulator } = bench;
    const dataDir = temporaryDirectory();
    const lengths = [...new Set([SHORT, Math.min(MIDDLE, effort.longSession), effort.longSession])];
    const seeds = { ...Object.fromEntries(lengths.map((length) => [`turn-${length}`, length - 1])), warm: 9 };
    const recalled = { recalled: effort.longSession - 1 };
    bench.say(`storing a session of ${effort.longSession} turns`);
    await seedTurns(
      dataDir,
      { ...seeds, 'open-10': 9, 'open-1000': lengths[1]! - 1, ...recalled },
      QUESTION,
      ANSWER,
    );
    const gateway = await startGateway({ provider: simulator.port, dataDir, yaml: MODELS });
    const turns = (session: string, model: string, requests: number): Promise<Measured> => {
      const job: Job = {
        port: gateway.port,
        path: '/v1/chat/completions',
        headers: { ...gateway.headers, 'x-clawhold-session-id': session },
        body: JSON.stringify({ model, max_tokens: 100, messages: [{ role: 'user', content: QUESTION }] }),
        load: { kind: 'count', concurrency: 1, requests },
      };
      return measured(bench, gateway.pid, job);
    };
    try {
      await turns('warm', 'openai/say-5', effort.turnsPerRound * 4);
      const rounds = await interleaved(effort.rounds, lengths, (length) =>
        turns(`turn-${length}`, 'openai/say-5', effort.turnsPerRound),
      );
      // The first turn makes the index.
      await turns('recalled', 'recalling', 1);
      const recalling = await interleaved(effort.rounds, ['recalled'], (name) =>
        turns(name, 'recalling', effort.turnsPerRound),
      );
      const unbounded = await interleaved(2, ['open-10', 'open-1000'], (name) =>
        turns(name, 'openai/say-6', LATENCY_ROUNDS),
      );
      const far = median(unbounded.get('open-1000')!.map(latency));
      const near = median(unbounded.get('open-10')!.map(latency));
      return {
        figures: [
          ...figures(rounds, lengths),
          ...recallFigures(recalling.get('recalled')!, effort.longSession),
          { what: `Turn ${lengths[1]} with an unlimited window`, value: far, unit: 'ms' },
        ],
        notes: [
          'One client sends one turn after the other. Every question has about 800 tokens and the window has 8,000, so that all prompts have the same size.',
          'With recall, pins and excerpts of older turns are in the prompt (policy `auto`); otherwise the latest turns alone (`truncate`). The first turn with recall, which makes the index, is not counted.',
          `With an unlimited window, each turn reads, sends and pays for the whole session: ${(far / near).toFixed(0)} times the ${near.toFixed(1)} ms of turn 10.`,
        ],
      };
    } finally {
      await gateway.stop();
      rmSync(dataDir, { recursive: true, force: true });
    }
  },
};

function recallFigures(rounds: readonly Measured[], length: number): RowResult['figures'] {
  const name = `Turn ${length.toLocaleString('en')} with recall`;
  return [
    { what: `${name}, latency`, value: spread(rounds.map(latency)), unit: 'ms' },
    { what: `${name}, CPU`, value: spread(rounds.map(cpu)), unit: 'µs' },
  ];
}

const latency = (round: Measured) => median(round.latencies);
const cpu = (round: Measured) => round.serverCpuMicros / round.requests;

function figures(rounds: Map<number, Measured[]>, lengths: readonly number[]): RowResult['figures'] {
  const first = rounds.get(lengths[0]!)!;
  return lengths.flatMap((length, index) => {
    const own = rounds.get(length)!;
    const name = `Turn ${length.toLocaleString('en')}`;
    const whole = [
      { what: `${name}, latency`, value: spread(own.map(latency)), unit: 'ms' },
      { what: `${name}, CPU`, value: spread(own.map(cpu)), unit: 'µs' },
    ];
    if (index === 0) return whole;
    const budget = index === lengths.length - 1 ? ({ limit: 1.2, is: 'at most' } as const) : undefined;
    const ratio = (figure: (round: Measured) => number) =>
      spread(own.map((round, n) => figure(round) / figure(first[n]!)));
    return [
      ...whole,
      { what: `${name} against turn ${SHORT}, latency`, value: ratio(latency), unit: '×', budget },
      { what: `${name} against turn ${SHORT}, CPU`, value: ratio(cpu), unit: '×', budget },
    ];
  });
}
