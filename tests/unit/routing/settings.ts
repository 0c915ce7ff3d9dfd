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

export const candidateOf = (provider: string, model = 'm'): Candidate => ({
  provider,
  protocol: 'openai-chat',
  model,
});
