import type { Channel } from '../core/channel.ts';
import { MemoryRateStore } from '../stores/memory/rate-store.ts';
import { serveRates } from '../stores/workers/rate-store.ts';

/** The counters of all workers. Each channel gets a function that gives back what its worker held. */
export function openSharedRates(): (channel: Channel) => () => Promise<void> {
  const store = new MemoryRateStore();
  return (channel) => serveRates(channel, store);
}
