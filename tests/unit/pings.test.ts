import { expect, test } from 'bun:test';
import { Channel, type Packet } from '../../src/core/channel.ts';
import { watchPings } from '../../src/workers/pings.ts';

const EVERY_MS = 20;

/** A channel to a process that answers pings after a while, or, where it is stopped, not at all. */
function process(afterMs: () => number | 'never') {
  const theirs: Channel = new Channel((packet) => ours.receive(packet));
  theirs.on('ping', () => {});
  let pings = 0;
  const ours: Channel = new Channel((packet: Packet) => {
    pings++;
    const ms = afterMs();
    if (ms !== 'never') setTimeout(() => theirs.receive(packet), ms);
  });
  return { ours, pings: () => pings };
}

test('a process that answers none of five pings is silent, and it is said once', async () => {
  const { ours, pings } = process(() => 'never');
  let said = 0;
  watchPings(ours, () => said++, EVERY_MS);
  await Bun.sleep(4 * EVERY_MS);
  expect(said).toBe(0);
  await Bun.sleep(12 * EVERY_MS);
  expect(said).toBe(1);
  expect(pings()).toBe(5);
});

test('one that is late again and again is not, nor one whose watch has ended', async () => {
  let said = 0;
  let isStopped = false;
  const { ours } = process(() => (isStopped ? 'never' : 2 * EVERY_MS));
  const end = watchPings(ours, () => said++, EVERY_MS);
  await Bun.sleep(20 * EVERY_MS);
  isStopped = true;
  end();
  await Bun.sleep(12 * EVERY_MS);
  expect(said).toBe(0);
});

test('a pause of the machine does not count', async () => {
  let said = 0;
  const { ours, pings } = process(() => 0);
  watchPings(ours, () => said++, EVERY_MS);
  for (let pause = 0; pause < 3; pause++) {
    await Bun.sleep(2 * EVERY_MS);
    const before = pings();
    // Nothing of this process runs, its timers included.
    Bun.sleepSync(20 * EVERY_MS);
    await Bun.sleep(0);
    expect(pings() - before).toBeLessThanOrEqual(2);
  }
  await Bun.sleep(4 * EVERY_MS);
  expect(said).toBe(0);
});
