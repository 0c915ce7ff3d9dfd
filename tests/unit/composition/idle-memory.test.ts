import { expect, test } from 'bun:test';
import { idleMemory } from '../../../src/composition/idle-memory.ts';

const MEBIBYTE = 2 ** 20;

/** A process with 100 MiB, whose sessions and turns the test sets. */
function idleProcess() {
  const state = { haveLeft: false, size: 0, begun: 0, mebibytes: 100, afterCollection: 100 };
  const seen = { collected: 0, unusedMs: 0 };
  const sessions = {
    forgetUnused(forMs: number) {
      seen.unusedMs = forMs;
      return state.haveLeft;
    },
  };
  const memory = {
    resident: () => state.mebibytes * MEBIBYTE,
    collect() {
      seen.collected++;
      state.mebibytes = state.afterCollection;
    },
  };
  return { state, seen, look: idleMemory({ sessions, live: state }, 300, memory) };
}

test('memory is collected once when most sessions have left it', () => {
  const { state, seen, look } = idleProcess();
  look();
  expect(seen).toEqual({ unusedMs: 300, collected: 0 });
  state.haveLeft = true;
  look();
  state.haveLeft = false;
  look();
  expect(seen.collected).toBe(1);
});

test('it is collected once when the process has grown', () => {
  const { state, seen, look } = idleProcess();
  state.mebibytes = 140;
  look();
  expect(seen.collected).toBe(0);
  state.mebibytes = 400;
  look();
  look();
  expect(seen.collected).toBe(1);
});

test('a collection that frees nothing is not repeated before the process has grown again', () => {
  const { state, seen, look } = idleProcess();
  Object.assign(state, { mebibytes: 400, afterCollection: 400 });
  for (let looks = 0; looks < 5; looks++) look();
  expect(seen.collected).toBe(1);
  state.mebibytes = 450;
  look();
  expect(seen.collected).toBe(2);
});

test('growth counts from the least that the process had, also if it gives memory back late', () => {
  const { state, seen, look } = idleProcess();
  Object.assign(state, { mebibytes: 400, afterCollection: 390 });
  look();
  state.mebibytes = 120;
  look();
  state.mebibytes = 200;
  look();
  expect(seen.collected).toBe(2);
});

test('it is not collected while a turn runs or after one has begun, but later', () => {
  const { state, seen, look } = idleProcess();
  Object.assign(state, { mebibytes: 400, haveLeft: true, size: 1, begun: 1 });
  look();
  state.haveLeft = false;
  look();
  state.size = 0;
  state.begun = 2;
  look();
  expect(seen.collected).toBe(0);
  look();
  expect(seen.collected).toBe(1);
});
