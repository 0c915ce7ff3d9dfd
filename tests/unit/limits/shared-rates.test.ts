import { expect, test } from 'bun:test';
import { Channel, type Packet } from '../../../src/core/channel.ts';
import type { Want } from '../../../src/limits/rate-store.ts';
import { MemoryRateStore } from '../../../src/stores/memory/rate-store.ts';
import { AskedRateStore, serveRates } from '../../../src/stores/workers/rate-store.ts';

const stream: Want = { counter: 'streams of key a', counts: 'held', amount: 1, limit: 3 };
const request: Want = { counter: 'requests of key a', counts: 'minute', amount: 1, limit: 3 };

function workers(count: number) {
  const kept = new MemoryRateStore();
  return Array.from({ length: count }, () => {
    const worker: Channel = new Channel((packet) => queueMicrotask(() => supervisor.receive(packet)));
    const supervisor: Channel = new Channel((packet) => queueMicrotask(() => worker.receive(packet)));
    return { store: new AskedRateStore(worker), leave: serveRates(supervisor, kept), channel: worker };
  });
}

test('workers take from the same counters', async () => {
  const all = workers(4);
  const takes = await Promise.all([...all, ...all].map(({ store }) => store.take([request])));
  expect(takes.filter(({ taken }) => taken)).toHaveLength(3);
});

test('what a worker held is given back when it has ended, and only that', async () => {
  const [dead, alive] = workers(2);
  const first = await dead!.store.take([stream, request]);
  await dead!.store.take([stream]);
  await alive!.store.take([stream]);
  dead!.store.giveBack([stream], first.at);
  await dead!.leave();
  expect((await alive!.store.take([stream])).counts[0]).toMatchObject({ used: 2 });
  expect((await alive!.store.take([request])).counts[0]).toMatchObject({ used: 2 });
});

test('without the supervisor, nothing is taken, and nothing else fails', async () => {
  const [{ store, channel }] = workers(1) as [ReturnType<typeof workers>[number]];
  channel.close();
  expect(store.take([stream])).rejects.toMatchObject({ code: 'store_unavailable' });
  const at = await store.add([request]);
  store.giveBack([request], at);
});

test('what was taken too late is given back', async () => {
  const kept = new MemoryRateStore();
  const waiting: (() => void)[] = [];
  const worker: Channel = new Channel(
    (packet: Packet) => void waiting.push(() => supervisor.receive(packet)),
  );
  const supervisor: Channel = new Channel((packet) => worker.receive(packet));
  serveRates(supervisor, kept);
  const refused = new AskedRateStore(worker, 5).take([stream, request]);
  expect(refused).rejects.toMatchObject({ code: 'store_unavailable' });
  await refused.catch(() => {});
  waiting.shift()!();
  await Bun.sleep(1);
  waiting.shift()!();
  expect(kept.take([stream, request]).counts).toMatchObject([{ used: 1 }, { used: 1 }]);
});
