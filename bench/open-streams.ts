import { readFileSync } from 'node:fs';
import type { Job } from './load/job.ts';
import { memoryOf } from './process-usage.ts';
import { startGateway } from './processes.ts';
import type { Bench, Row, RowResult } from './row.ts';

const MEBIBYTE = 2 ** 20;
const BUDGETED_STREAMS = 10_000;
const WAVES = 2;
/** Files that the gateway has open beside the two sockets of each stream, at most. */
const OTHER_FILES = 100;
/** Memory is measured so often while all streams are open: it grows until garbage is collected. */
const SAMPLES = 10;
const SAMPLE_EVERY_MS = 400;

export const openStreams: Row = {
  key: 'g',
  title: 'Memory with many open streams',
  async measure({ effort, simulator, load, say }: Bench): Promise<RowResult> {
    const streams = Math.min(effort.openStreams, Math.floor((mostOpenFiles() - OTHER_FILES) / 2));
    if (streams < effort.openStreams) say(`the limit of open files allows ${streams} streams`);
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
      load: { kind: 'hold', streams },
    });
    try {
      const before = memoryOf(gateway.pid);
      const waves: Promise<number>[] = [];
      for (let wave = 0; wave < WAVES; wave++) {
        await load.run(job(wave), () => waves.push(highestMemoryOf(gateway.pid)));
        // All turns of a wave are committed within seconds: the next wave would be refused for overload.
        await Bun.sleep(effort.settleMs);
      }
      const open = Math.max(...(await Promise.all(waves)));
      const after = memoryOf(gateway.pid);
      const isWhole = streams >= 0.99 * BUDGETED_STREAMS;
      return {
        figures: [
          { what: 'Memory at the start', value: before / MEBIBYTE, unit: 'MiB' },
          {
            what: `Memory with ${streams.toLocaleString('en')} durable streams open`,
            value: open / MEBIBYTE,
            unit: 'MiB',
            ...(isWhole && { budget: { limit: 512, is: 'at most' as const } }),
          },
          { what: 'Memory per open stream', value: (open - before) / streams / 1024, unit: 'KiB' },
          { what: 'Memory after they ended', value: after / MEBIBYTE, unit: 'MiB' },
        ],
        notes: [
          `${WAVES} waves of streams, each stream in its own session, with one event per second. Memory is the resident memory of the gateway's process: the highest of ${SAMPLES} samples, ${SAMPLE_EVERY_MS} ms apart, while all streams are open. The limit of open files bounds the number of streams: each needs two. "Memory" in docs/performance.md tells what a stream holds.`,
        ],
      };
    } finally {
      await gateway.stop();
    }
  },
};

async function highestMemoryOf(pid: number): Promise<number> {
  let highest = 0;
  for (let sample = 0; sample < SAMPLES; sample++) {
    highest = Math.max(highest, memoryOf(pid));
    await Bun.sleep(SAMPLE_EVERY_MS);
  }
  return highest;
}

/** Of a process; Bun raises its own limit to this at its start. */
function mostOpenFiles(): number {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  const hard = /^Max open files\s+\S+\s+(\d+)/m.exec(limits)?.[1];
  return hard === undefined ? Number.POSITIVE_INFINITY : Number(hard);
}
