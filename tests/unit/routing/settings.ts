import { AsyncLocalStorage } from 'node:async_hooks';
import { fileSchema } from '../../../src/config/schema.ts';
import type { Candidate } from '../../../src/core/candidate.ts';
import type { BreakerSettings } from '../../../src/routing/breaker.ts';
import type { BulkheadSettings } from '../../../src/routing/bulkhead.ts';
import type { RetrySettings } from '../../../src/routing/retries.ts';

const defaults = fileSchema.parse({});

export const BREAKER: BreakerSettings = defaults.breaker;
export const BULKHEAD: BulkheadSettings = defaults.bulkhead;
export const RETRIES: RetrySettings = defaults.retries;

/** A clock that a test moves, in milliseconds. */
export interface TestClock {
  now(): number;
  pass(ms: number): void;
}

export function testClock(at = 1_000_000): TestClock {
  let time = at;
  return {
    now: () => time,
    pass(ms) {
      time += ms;
    },
  };
}

/**
 * Counts the timers that the caller, and what it calls, starts with `setTimeout` and that neither end nor are cleared,
 * until `restore`. What an earlier test has left running in this process does not count.
 */
export function countTimers(): { readonly left: number; restore(): void } {
  const scope = new AsyncLocalStorage<true>();
  scope.enterWith(true);
  const { setTimeout: start, clearTimeout: stop } = globalThis;
  const open = new Set<unknown>();
  const count = (work: () => void, ms?: number) => {
    if (!scope.getStore()) return start(work, ms);
    const timer = start(() => {
      open.delete(timer);
      work();
    }, ms);
    open.add(timer);
    return timer;
  };
  const clear = (timer?: Timer) => {
    open.delete(timer);
    stop(timer);
  };
  Object.assign(globalThis, { setTimeout: count, clearTimeout: clear });
  return {
    get left() {
      return open.size;
    },
    restore: () => void Object.assign(globalThis, { setTimeout: start, clearTimeout: stop }),
  };
}

export const candidateOf = (provider: string, model = 'm'): Candidate => ({
  provider,
  protocol: 'openai-chat',
  model,
});
