import { type Candidate, candidateName } from '../core/candidate.ts';
import type { Delta } from '../core/delta.ts';
import type { CallFailure } from '../core/error-catalogue.ts';
import { callFailureOf, Fault, faultOf } from '../core/errors.ts';
import type { Emit, TurnTrace } from '../core/events.ts';
import type { Quota } from '../core/quota.ts';
import type { TimedCall } from '../core/timeline.ts';
import { newSpanId, traceParent } from '../core/trace-context.ts';
import type { Usage } from '../core/usage.ts';
import { isSilentReasoner } from './attempts.ts';
import type { BreakerSettings, Permit } from './breaker.ts';
import type { Call, Count, Interceptor } from './call-chain.ts';
import type { Health, HealthStore } from './health.ts';
import type { CallResult } from './result-window.ts';
import { type AnswerEnd, type Watcher, watch } from './watched.ts';

/** What the gate needs. `now` is a monotonic clock in milliseconds, the same as the store's. */
export interface GateParts {
  health: HealthStore;
  breaker(): Pick<BreakerSettings, 'slowMs'>;
  now(): number;
  emit: Emit;
}

/**
 * Protects claws and turns from each other: refuses a call of a claw that fails, asked for a pause or has no rate
 * limit left; bounds how many calls of a claw run at once; and measures each call. What a call takes is given
 * back exactly once, however its answer ends.
 */
export function gate({ health, breaker, now, emit }: GateParts): Interceptor {
  return (next) => async (call) => {
    const known = health.of(call.candidate);
    const refusal = refusalOf(known, call, now);
    if (refusal) throw refusal;
    // A probe of the breaker must not wait, so the slot comes first.
    const wait = known.bulkhead.enter(call.trace.tenant, call.signal);
    const waitsFrom = wait && now();
    if (wait) await wait;
    const changed = wait && refusalOf(known, call, now);
    const permit = changed ? undefined : permitFor(known, call);
    if (!permit) {
      known.bulkhead.leave();
      throw changed ?? unavailable(known);
    }
    const passage = new Passage(known, permit, call, { slowMs: breaker().slowMs, now, waitsFrom, emit });
    try {
      const answer = await next({ ...call, quota: passage.quota, traceParent: passage.traceParent });
      passage.burst(answer.first);
      return { ...answer, rest: watch(answer.rest, passage) };
    } catch (failure) {
      passage.ended({ how: 'broken', failure });
      throw failure;
    }
  };
}

/** What of a call decides whether it is let through. */
export type Passing = Pick<Call, 'candidate' | 'isLast'>;

/** Why a call is not let through at this moment. */
export function refusalOf(health: Health, call: Passing, now: () => number): Fault | undefined {
  const { holdOff } = health;
  if (holdOff) {
    const retryAfter = wholeSeconds(holdOff.askedUntil - now());
    const message = `${candidateName(call.candidate)} asked for a pause, which ends in ${retryAfter} s.`;
    return new Fault(holdOff.code, message, { retryAfter });
  }
  if (health.breaker.waitMs > 0 && !mayPassOpen(health, call)) return unavailable(health);
  // The last candidate is called even so: the time of a reset is only known roughly.
  if (health.quotaWaitMs > 0 && !call.isLast()) {
    const retryAfter = wholeSeconds(health.quotaWaitMs);
    const message = `The rate limit of ${candidateName(call.candidate)} is used up for ${retryAfter} s.`;
    return new Fault('rate_limited', message, { retryAfter });
  }
  return undefined;
}

/**
 * A claw that is only slow, or that fails a part of its calls, may be called where no other can: an answer may come. A
 * claw that fails nearly all is not called: the error comes sooner, and the provider can recover.
 */
function mayPassOpen({ breaker: { reason } }: Health, call: Passing): boolean {
  return (reason === 'slow-calls' || reason === 'some-failures') && call.isLast();
}

/** A call that passes an open breaker says nothing to it. */
const UNCOUNTED: Permit = { begin: () => {}, settle: () => {} };

export function permitFor(health: Health, call: Passing): Permit | undefined {
  return health.breaker.take(call.isLast) ?? (mayPassOpen(health, call) ? UNCOUNTED : undefined);
}

export function unavailable({ candidate, breaker }: Health): Fault {
  const retryAfter = wholeSeconds(breaker.waitMs);
  const name = candidateName(candidate);
  const message = `Too many calls of ${name} failed or were slow; it is called again in ${retryAfter} s.`;
  return new Fault('claw_unavailable', message, { retryAfter });
}

const wholeSeconds = (ms: number): number => Math.max(1, Math.ceil(ms / 1_000));

interface PassageParts extends Pick<GateParts, 'now' | 'emit'> {
  slowMs: number;
  /** When the call began to wait for a slot; absent: it did not wait. */
  waitsFrom?: number;
}

/** One call that the gate has let through: measures it, and settles it once. */
class Passage implements Watcher {
  // Of the call, what its end needs: an answer may last for long, and must not keep its prompt and its rivals in memory.
  private readonly candidate: Candidate;
  private readonly trace: TurnTrace;
  private readonly count: Count;
  private readonly signal: AbortSignal;
  private readonly isStreamed: boolean;
  private readonly isSimulated: boolean;
  private readonly tellQuota: Call['quota'];
  readonly traceParent: string | undefined;
  private readonly startedAt: number;
  private readonly attempt: number;
  private readonly spanId: string | undefined;
  private firstTokenAt: number | undefined;
  private usage: Usage | undefined;
  private showsThoughts = false;
  private isSlow = false;
  private hasEnded = false;

  constructor(
    private readonly health: Health,
    private readonly permit: Permit,
    call: Call,
    private readonly parts: PassageParts,
  ) {
    this.candidate = call.candidate;
    this.trace = call.trace;
    this.count = call.count;
    this.signal = call.signal;
    this.isStreamed = call.prompt.stream;
    this.isSimulated = call.faults !== undefined;
    this.tellQuota = call.quota;
    this.startedAt = parts.now();
    // The end of the chain counts the call.
    this.attempt = call.count.calls + 1;
    const { trace } = call.trace;
    if (trace) {
      this.spanId = trace.isRecorded ? newSpanId() : trace.spanId;
      this.traceParent = traceParent(trace, this.spanId);
    }
    call.count.timeline?.callBegins(this.startedAt);
    health.inFlight++;
  }

  readonly quota = (quota: Quota): void => {
    this.health.readQuota(quota);
    this.tellQuota(quota);
  };

  burst(burst: readonly Delta[]): void {
    for (const delta of burst) {
      if (delta.type === 'usage') this.usage = delta.usage;
      else if (this.firstTokenAt === undefined && isToken(delta)) this.begin(delta);
    }
  }

  ended(end: AnswerEnd): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    const { health, permit } = this;
    health.inFlight--;
    health.bulkhead.leave();
    if (end.how === 'whole') {
      this.measureWhole();
      permit.settle(this.isSlow ? 'slow' : 'ok');
    } else permit.settle(end.how === 'broken' ? this.resultOf(end.failure) : 'ignored');
    this.tell(end);
  }

  private tell(end: AnswerEnd): void {
    const { candidate, trace, count, startedAt: from, firstTokenAt, usage, attempt, spanId, parts } = this;
    const timed: TimedCall = {
      ...{
        candidate,
        attempt,
        spanId,
        askedAt: parts.waitsFrom ?? from,
        from,
        to: parts.now(),
        firstTokenAt,
      },
      ...{ isStreamed: this.isStreamed, usage },
      // A call that was stopped may end with the reason for it.
      how: end.how === 'broken' && this.signal.aborted ? 'stopped' : end.how,
      code: end.how === 'broken' && !this.signal.aborted ? faultOf(end.failure).code : undefined,
    };
    count.timeline?.callEnds(timed);
    parts.emit({ type: 'call-ended', trace, call: timed });
  }

  /** A whole answer that is not streamed has its first token when it is complete, so its time says little. */
  private begin({ type }: Delta): void {
    const { startedAt, health, parts } = this;
    this.firstTokenAt = parts.now();
    this.showsThoughts = type === 'reasoning-delta' || type === 'summary-delta';
    if (this.isStreamed) {
      const ms = this.firstTokenAt - startedAt;
      health.firstTokenAfter(ms);
      this.isSlow = ms > parts.slowMs && !isSilentReasoner(this.candidate);
    }
    this.permit.begin(this.isSlow);
  }

  private measureWhole(): void {
    const { usage, firstTokenAt, isStreamed, health, parts, showsThoughts } = this;
    if (!usage) return;
    health.answered(usage.output);
    if (!isStreamed) health.wholeAfter(parts.now() - this.startedAt);
    if (!isStreamed || firstTokenAt === undefined) return;
    // Thoughts that are not shown come before the first token.
    const tokens = usage.output - (showsThoughts ? 0 : usage.reasoning);
    health.streamed(tokens, parts.now() - firstTokenAt);
  }

  private resultOf(failure: unknown): CallResult {
    const meaning = callFailureOf(failure);
    if (this.firstTokenAt === undefined && !this.isSimulated) this.health.failed();
    // A failure that the caller simulates says nothing about the provider.
    if (this.signal.aborted || this.isSimulated || !meaning) return 'ignored';
    const { health } = this;
    if ((failure as Fault).code === 'provider_timeout' && this.firstTokenAt === undefined && this.isStreamed)
      health.noTokenAfter(this.parts.now() - this.startedAt);
    return learned(health, failure as Fault, meaning);
  }
}

/** What the failure of a call says about its candidate; a pause that the provider asks for holds from now on. */
export function learned(health: Health, { code, retryAfter }: Fault, meaning: CallFailure): CallResult {
  if (meaning.lasts === 'while' && retryAfter !== undefined && retryAfter > 0) {
    health.holdOffFor(code, retryAfter * 1_000);
    if (meaning.concerns === 'credential') return 'ignored';
  }
  if (meaning.concerns === 'provider') return 'failed';
  if (meaning.concerns === 'credential') return meaning.lasts === 'final' ? 'refused' : 'failed';
  return 'ignored';
}

/** Whether a delta is a part of the answer itself. Some providers send a first event before the model begins. */
function isToken({ type }: Delta): boolean {
  return type.endsWith('-delta') || type === 'item-end' || type === 'finish';
}
