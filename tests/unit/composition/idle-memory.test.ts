import { expect, test } from 'bun:test';
import { idleMemory } from '../../../src/composition/idle-memory.ts';

/** What the sweep does where most of the memory is unused, and where turns run. */
function sweeping() {
  const state = { isMost: false, running: 0, collected: 0, unusedMs: 0 };
  const sessions = {
    forgetUnused(forMs: number) {
      state.unusedMs = forMs;
      return state.isMost;
    },
  };
  const live = {
    get size() {
      return state.running;
    },
  };
  const sweep = idleMemory({ sessions, live }, 300, () => state.collected++);
  return { state, sweep };
}

test('memory is collected once when most sessions have left it', () => {
  const { state, sweep } = sweeping();
  sweep();
  expect(state).toMatchObject({ unusedMs: 300, collected: 0 });
  state.isMost = true;
  sweep();
  state.isMost = false;
  sweep();
  expect(state.collected).toBe(1);
});

test('it is not collected while a turn runs, but later', () => {
  const { state, sweep } = sweeping();
  Object.assign(state, { isMost: true, running: 1 });
  sweep();
  expect(state.collected).toBe(0);
  Object.assign(state, { isMost: false, running: 0 });
  sweep();
  sweep();
  expect(state.collected).toBe(1);
});
