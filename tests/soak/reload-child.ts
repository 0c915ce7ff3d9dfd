import { heapStats } from 'bun:jsc';
import { readdirSync } from 'node:fs';
import type { GatewayCounts } from '../../src/composition/turn-path.ts';
import { configFiles, loadConfig } from '../../src/config/load.ts';
import { watchFiles } from '../../src/config/watch.ts';
import { startGateway } from '../../src/main.ts';

/** What the gateway's process holds, after a garbage collection. */
export interface Held {
  counts: GatewayCounts;
  /** Bytes. */
  heap: number;
  /** Open files, sockets and watches. */
  files: number;
  timers: number;
}

/** A gateway that reads its configuration again as `clawhold start` does, and reports what it holds. */
const { env } = process;
const load = () => loadConfig({ cwd: process.cwd(), env });
const gateway = await startGateway(await load(), env, { load });
const reload = () => void gateway.reload();
process.on('SIGHUP', reload);
watchFiles(configFiles(process.cwd(), env), reload);
process.on('message', () => {
  Bun.gc(true);
  const { heapSize, objectTypeCounts } = heapStats();
  const held: Held = {
    counts: gateway.counts(),
    heap: heapSize,
    files: readdirSync('/proc/self/fd').length,
    timers: objectTypeCounts.Timeout ?? 0,
  };
  process.send!(held);
});
process.on('disconnect', async () => {
  await gateway.stop();
  process.exit(0);
});
process.send!({ url: gateway.url });
