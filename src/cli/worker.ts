import { Channel, type Packet } from '../core/channel.ts';
import { startGateway } from '../main.ts';
import type { WorkerFacts, WorkerStart } from '../supervisor.ts';

/** The process of a worker. Only the supervisor starts it (`clawhold start`), and tells it what to do. */
export async function main(): Promise<void> {
  if (!process.send) throw new Error('clawhold start starts the workers; set how many with `workers`.');
  const channel = new Channel((packet) => void process.send?.(packet));
  const stopping = Promise.withResolvers<void>();
  const stop = () => stopping.resolve();
  channel.on('stop', stop);
  // The answer shows that the event loop goes on.
  channel.on('ping', () => {});
  process.on('message', (packet: Packet) => channel.receive(packet));
  // Without its supervisor, a worker has no limits: it takes no more requests.
  process.on('disconnect', () => {
    channel.close();
    stop();
  });
  process.on('SIGTERM', stop);
  // Ctrl-C and the end of a terminal reach every process of the terminal; the supervisor decides.
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
  const start = await channel.ask<WorkerStart>('start');
  const gateway = await startGateway(start.config, process.env, { worker: { channel, ...start } });
  await channel.ask('configuration.join');
  const { url, metricsUrl, newRootKey } = gateway;
  const recovered = await gateway.recovered;
  const providers = gateway.providers.map(({ id, state }) => ({ id, state }));
  channel.tell('ready', { url, metricsUrl, newRootKey, recovered, providers } satisfies WorkerFacts);
  await stopping.promise;
  await gateway.stop();
  process.exit(0);
}
