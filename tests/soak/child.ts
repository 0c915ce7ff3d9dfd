import type { GatewayCounts } from '../../src/composition/turn-path.ts';
import { loadConfig } from '../../src/config/load.ts';
import { startGateway } from '../../src/main.ts';

/** The answer of the gateway's process to a message of its parent. */
export interface State extends GatewayCounts {
  /** Resident memory in bytes, after a garbage collection. */
  rss: number;
}

/** A gateway that reports to its parent process which resources it holds. */
const gateway = await startGateway(await loadConfig({ cwd: process.cwd(), env: process.env }), process.env);
process.on('message', () => {
  Bun.gc(true);
  const state: State = { ...gateway.counts(), rss: process.memoryUsage.rss() };
  process.send!(state);
});
process.on('disconnect', async () => {
  await gateway.stop();
  process.exit(0);
});
process.send!({ url: gateway.url });
