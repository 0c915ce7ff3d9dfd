import type { Candidate } from '../core/candidate.ts';
import { callFailureOf, Fault } from '../core/errors.ts';
import type { Quota } from '../core/quota.ts';
import type { Permit } from './breaker.ts';
import { learned, permitFor, refusalOf, unavailable } from './gate.ts';
import type { Health, HealthStore } from './health.ts';

/** A call that is no part of a turn: its answer comes at once or not at all. */
export interface GuardedCall<Result> {
  candidate: Candidate;
  tenant: string;
  signal: AbortSignal;
  /** Milliseconds that the call may take. */
  withinMs: number;
  /** No other candidate can be called if this one fails. */
  isLast: boolean;
  run(signal: AbortSignal, quota: (quota: Quota) => void): Promise<Result>;
}

/**
 * Lets a call through as the gate does for calls of turns: by the hold-offs, rate limits and breakers of its
 * candidate, and within the bulkhead of its claw. Rejects with the `Fault` of a refusal, of the time limit or of the
 * call, or with the reason of an aborted signal.
 */
export async function guarded<Result>(
  call: GuardedCall<Result>,
  { health: store, now }: { health: HealthStore; now(): number },
): Promise<Result> {
  const health = store.of(call.candidate);
  const passing = { candidate: call.candidate, isLast: () => call.isLast };
  const refusal = refusalOf(health, passing, now);
  if (refusal) throw refusal;
  await health.bulkhead.enter(call.tenant, call.signal);
  const permit = permitFor(health, passing);
  if (!permit) {
    health.bulkhead.leave();
    throw unavailable(health);
  }
  health.inFlight++;
  try {
    const result = await limited(call, health);
    permit.settle('ok');
    return result;
  } catch (failure) {
    settle(permit, health, failure, call.signal);
    throw failure;
  } finally {
    health.inFlight--;
    health.bulkhead.leave();
  }
}

async function limited<Result>(call: GuardedCall<Result>, health: Health): Promise<Result> {
  const { signal, withinMs, candidate } = call;
  const late = AbortSignal.timeout(withinMs);
  try {
    return await call.run(AbortSignal.any([signal, late]), (quota) => health.readQuota(quota));
  } catch (failure) {
    if (!late.aborted || signal.aborted || failure instanceof Fault) throw failure;
    throw new Fault('provider_timeout', `${candidate.provider} did not answer within ${withinMs} ms.`);
  }
}

function settle(permit: Permit, health: Health, failure: unknown, signal: AbortSignal): void {
  const meaning = callFailureOf(failure);
  if (signal.aborted || !meaning) {
    permit.settle('ignored');
    return;
  }
  health.failed();
  permit.settle(learned(health, failure as Fault, meaning));
}
