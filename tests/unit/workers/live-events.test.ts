import { expect, test } from 'bun:test';
import type { Follower, LiveEvent } from '../../../src/api/admin/live-events.ts';
import { openLiveElsewhere } from '../../../src/composition/live-elsewhere.ts';
import { Channel, type Packet } from '../../../src/core/channel.ts';
import { EventRelay } from '../../../src/workers/event-relay.ts';

/** Longer than events are gathered. */
const TOLD_MS = 200;

const event = (at: number): LiveEvent => ({ type: 'overload-changed', at, level: 'busy' });

/** A worker, connected to the supervisor's relay. */
function worker(relay: EventRelay) {
  const sent: string[] = [];
  const own: Channel = new Channel((packet) => {
    if (packet.kind === 'tell') sent.push(packet.what);
    supervisors.receive(structuredClone(packet));
  });
  const supervisors: Channel = new Channel((packet: Packet) => own.receive(structuredClone(packet)));
  const end = relay.serve(supervisors);
  const here = new Set<Follower>();
  const live = openLiveElsewhere(own, async () => []);
  live.answer({
    running: () => [],
    lastMinute: () => ({ turns: 0, failed: 0, input: 0, output: 0, cost: 0, overload: 'calm' }),
    follow(follower) {
      here.add(follower);
      return () => here.delete(follower);
    },
  });
  return {
    here,
    /** How often the worker has told events. */
    told: () => sent.filter((what) => what === 'events').length,
    happen(...events: LiveEvent[]) {
      for (const follower of here) for (const one of events) follower.happened(one);
    },
    /** An operator reads here, until `leave`. */
    read() {
      const read = { events: [] as LiveEvent[], missed: 0 };
      const leave = live.follow({
        happened: (one) => read.events.push(one),
        missed: (events) => {
          read.missed += events;
        },
      });
      return { read, leave };
    },
    end,
  };
}

const three = () => {
  const relay = new EventRelay();
  return [worker(relay), worker(relay), worker(relay)] as const;
};

test('a reader gets the events of the other workers, each once', async () => {
  const [one, two, three_] = three();
  const { read } = one.read();
  const again = one.read().read;
  two.happen(event(2), event(3));
  three_.happen(event(4));
  await Bun.sleep(TOLD_MS);
  expect(read.events.map(({ at }) => at).sort()).toEqual([2, 3, 4]);
  expect(again).toEqual(read);
  // Its own events do not come back, and nobody reads at the others.
  one.happen(event(1));
  await Bun.sleep(TOLD_MS);
  expect(read.events).toHaveLength(3);
  expect([one.told(), two.told(), three_.told()]).toEqual([0, 1, 1]);
});

test('without a reader, no worker follows its own events or tells them', async () => {
  const workers = three();
  const followed = () => workers.map(({ here }) => here.size);
  expect(followed()).toEqual([0, 0, 0]);
  const [first, second] = [workers[0].read(), workers[1].read()];
  expect(followed()).toEqual([1, 1, 1]);
  first.leave();
  expect(followed()).toEqual([1, 0, 1]);
  second.leave();
  expect(followed()).toEqual([0, 0, 0]);
  for (const { happen } of workers) happen(event(1));
  await Bun.sleep(TOLD_MS);
  expect(workers.map(({ told }) => told())).toEqual([0, 0, 0]);
});

test('a worker that ends reads no more, and one that starts later tells its events', async () => {
  const relay = new EventRelay();
  const [one, two] = [worker(relay), worker(relay)];
  const ended = one.read();
  expect(two.here.size).toBe(1);
  one.end();
  expect(two.here.size).toBe(0);
  // What it sent before its end comes later.
  ended.leave();
  one.read();
  expect(two.here.size).toBe(0);
  const { read } = two.read();
  const late = worker(relay);
  late.happen(event(7));
  await Bun.sleep(TOLD_MS);
  expect(read.events).toEqual([event(7)]);
});

test('events that are too many at once are counted as missed', async () => {
  const [one, two] = three();
  const { read } = one.read();
  for (let at = 0; at < 1_000; at++) two.happen(event(at));
  await Bun.sleep(TOLD_MS);
  expect(read.events).toHaveLength(250);
  expect(read.missed).toBe(750);
  two.happen(event(5_000));
  await Bun.sleep(TOLD_MS);
  expect(read.events.at(-1)).toEqual(event(5_000));
  expect(read.missed).toBe(750);
});
