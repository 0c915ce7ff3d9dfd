import { loadConfig } from '../../src/config/load.ts';
import { type GatewayCounts, startGateway } from '../../src/main.ts';

/** What the gateway's process tells when it is asked. */
export interface State extends GatewayCounts {
  /** Bytes, after a collection of garbage. */
  rss: number;
}

/** A gateway that can be asked what it holds: by the parent process, not from outside. */
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
