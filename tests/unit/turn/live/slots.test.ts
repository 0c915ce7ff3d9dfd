import { expect, test } from 'bun:test';
import { Slots } from '../../../../src/turn/live/slots.ts';

/** Enters, and tells when it has. */
function entering(slots: Slots) {
  const turn: { leave?: () => void } = {};
  slots.enter().then((leave) => {
    turn.leave = leave;
  });
  return turn;
}

const entered = async (turns: { leave?: () => void }[]) => {
  await Bun.sleep(0);
  return turns.map(({ leave }) => leave !== undefined);
};

test('turns enter in order, as many as there are slots', async () => {
  const slots = new Slots({ running: 2, waiting: 9 });
  const turns = [1, 2, 3, 4].map(() => entering(slots));
  expect(await entered(turns)).toEqual([true, true, false, false]);
  turns[1]!.leave!();
  expect(await entered(turns)).toEqual([true, true, true, false]);
  slots.reconfigure({ running: 3, waiting: 9 });
  expect(await entered(turns)).toEqual([true, true, true, true]);
  slots.reconfigure({ running: 1, waiting: 9 });
  const last = entering(slots);
  turns[0]!.leave!();
  turns[2]!.leave!();
  expect(await entered([last])).toEqual([false]);
  turns[3]!.leave!();
  expect(await entered([last])).toEqual([true]);
  last.leave!();
  expect(slots.counts.running).toBe(0);
});

test('while the slots are slowed, turns run one at a time, and those that run go on', async () => {
  const slots = new Slots({ running: 3, waiting: 9 });
  const first = entering(slots);
  await entered([first]);
  slots.slow(true);
  const waiting = [entering(slots), entering(slots), entering(slots)];
  expect(await entered(waiting)).toEqual([false, false, false]);
  first.leave!();
  expect(await entered(waiting)).toEqual([true, false, false]);
  slots.reconfigure({ running: 4, waiting: 9 });
  expect(await entered(waiting)).toEqual([true, false, false]);
  slots.slow(false);
  expect(await entered(waiting)).toEqual([true, true, true]);
  for (const { leave } of waiting) leave!();
  expect(slots.counts.running).toBe(0);
});
