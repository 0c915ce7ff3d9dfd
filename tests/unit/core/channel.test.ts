import { expect, test } from 'bun:test';
import { Channel, type Packet } from '../../../src/core/channel.ts';

function pair() {
  const held: (() => void)[] = [];
  let holds = false;
  const pass = (take: (packet: Packet) => void) => (packet: Packet) => {
    const copy = structuredClone(packet);
    if (holds) held.push(() => take(copy));
    else queueMicrotask(() => take(copy));
  };
  const one: Channel = new Channel(pass((packet) => other.receive(packet)));
  const other: Channel = new Channel(pass((packet) => one.receive(packet)));
  const hold = (value: boolean) => {
    holds = value;
    if (!value) for (const take of held.splice(0)) take();
  };
  return { one, other, hold };
}

test('answers come to those who asked', async () => {
  const { one, other } = pair();
  other.on('double', async (number: number) => {
    await Bun.sleep(5 - number);
    return 2 * number;
  });
  expect(await Promise.all([1, 2, 3].map((number) => one.ask<number>('double', number)))).toEqual([2, 4, 6]);
});

test('failures and questions that nobody answers reject', async () => {
  const { one, other } = pair();
  other.on('fail', () => {
    throw new Error('no');
  });
  expect(one.ask('fail')).rejects.toMatchObject({ code: 'store_unavailable', message: 'no' });
  expect(one.ask('unknown')).rejects.toMatchObject({ code: 'store_unavailable' });
});

test('an answer that comes too late is told', async () => {
  const { one, other, hold } = pair();
  other.on('slow', () => 'done');
  hold(true);
  const late = Promise.withResolvers<string>();
  const asked = one.ask<string>('slow', undefined, { withinMs: 5, late: late.resolve });
  expect(asked).rejects.toMatchObject({ code: 'store_unavailable', retryAfter: 1 });
  await asked.catch(() => {});
  hold(false);
  expect(await late.promise).toBe('done');
});

test('what was asked of a process that ended rejects, and what comes after it too', async () => {
  const { one, hold } = pair();
  hold(true);
  const asked = one.ask('anything');
  one.close();
  expect(asked).rejects.toMatchObject({ code: 'store_unavailable' });
  expect(one.ask('more')).rejects.toMatchObject({ code: 'store_unavailable' });
  one.tell('nothing');
});
