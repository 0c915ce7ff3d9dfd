import type { Job } from './load/job.ts';
import { memoryOf } from './process-usage.ts';
import { startGateway } from './processes.ts';
import type { Bench, Row, RowResult } from './row.ts';

const MEBIBYTE = 2 ** 20;
const BUDGETED_STREAMS = 10_000;
const WAVES = 2;

export const openStreams: Row = {
  key: 'g',
  title: 'Memory with many open streams',
  async measure(bench: Bench): Promise<RowResult> {
    const { effort, simulator } = bench;
    const gateway = await startGateway({ provider: simulator.port });
    const job = (wave: number): Job => ({
      port: gateway.port,
      path: '/v1/chat/completions',
      headers: { ...gateway.headers, 'x-clawhold-session-id': `wave-${wave}-{session}` },
      body: JSON.stringify({
        ...{ model: `openai/say-${effort.streamSeconds}+pace-1000`, stream: true },
        messages: [{ role: 'user', content: 'Tell me slowly.' }],
      }),
      firstToken: 'word1',
      load: { kind: 'hold', streams: effort.openStreams },
    });
    try {
      const before = memoryOf(gateway.pid);
      const open: number[] = [];
      for (let wave = 0; wave < WAVES; wave++) {
        await bench.load.run(job(wave), () => open.push(memoryOf(gateway.pid)));
      }
      await Bun.sleep(effort.settleMs);
      const after = memoryOf(gateway.pid);
      const peak = Math.max(...open);
      const perStream = (peak - before) / effort.openStreams;
      const count = effort.openStreams.toLocaleString('en');
      return {
        figures: [
          { what: 'Memory at the start', value: before / MEBIBYTE, unit: 'MiB' },
          { what: `Memory with ${count} durable streams open`, value: peak / MEBIBYTE, unit: 'MiB' },
          { what: 'Memory per open stream', value: perStream / 1024, unit: 'KiB' },
          {
            what: `Memory with ${BUDGETED_STREAMS.toLocaleString('en')} streams, extrapolated`,
            value: (before + perStream * BUDGETED_STREAMS) / MEBIBYTE,
            unit: 'MiB',
            budget: { limit: 1_024, is: 'at most' },
          },
          { what: 'Memory after they ended', value: after / MEBIBYTE, unit: 'MiB' },
        ],
        notes: [
          'If the budget is missed: each stream has two sockets with buffers, to the client and to the provider. The rest of its memory was not analysed.',
          `${WAVES} waves of streams, each stream in its own session, with one event per second. Memory is the resident memory of the gateway's process.`,
        ],
      };
    } finally {
      await gateway.stop();
    }
  },
};
