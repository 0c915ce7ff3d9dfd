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

/** Counts the timers that `setTimeout` starts and that neither end nor are cleared, until `restore`. */
export function countTimers(): { readonly left: number; restore(): void } {
  const { setTimeout: start, clearTimeout: stop } = globalThis;
  const open = new Set<unknown>();
  const count = (work: () => void, ms?: number) => {
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
