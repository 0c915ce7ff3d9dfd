import type { Candidate } from './candidate.ts';
import type { ErrorCode } from './error-catalogue.ts';
import type { Usage } from './usage.ts';

/** The steps of a turn that take time, in their order (docs/architecture.md, "The path of a turn"). */
export const STEPS = [
  'receive',
  'session',
  'slot',
  'recall',
  'context',
  'journal',
  'answer',
  'commit',
] as const;
/** One of the steps. */
export type Step = (typeof STEPS)[number];

/** In these, the turn waits for others: the turns before it. */
const WAITS: ReadonlySet<Step> = new Set<Step>(['session', 'slot']);

/** What happened from one moment to another, on the clock of `performance.now()`. */
export interface Period {
  from: number;
  to: number;
}

/** A call of a claw that the gate has let through. Its period begins when the claw is called. */
export interface TimedCall extends Period {
  candidate: Candidate;
  /** Counts from 1 over all calls of the answer. */
  attempt: number;
  /** Of the call's span, where spans are recorded. */
  spanId?: string;
  /** When the call began to wait for a slot; the same as `from` where it did not wait. */
  askedAt: number;
  /** When the first token came; for an answer that is not streamed, when it was complete. */
  firstTokenAt?: number;
  isStreamed: boolean;
  /** `stopped`: the gateway stopped it, because the turn was stopped or another call was faster. */
  how: 'whole' | 'broken' | 'stopped';
  /** Why it broke off. */
  code?: ErrorCode;
  usage?: Usage;
}

/** When the steps and calls of a turn happened, on the clock of `performance.now()`. The turn path writes it. */
export class Timeline {
  /** The calls that have ended. */
  readonly calls: TimedCall[] = [];
  /** The pauses before further calls. */
  readonly pauses: Period[] = [];
  /** When a claw began to answer: just before readers see the first delta. */
  firstDeltaAt: number | undefined;
  private readonly ended: Step[] = [];
  private readonly endedAt: number[] = [];
  private callsInFlight = 0;
  private calledSince = 0;
  private calledMs = 0;

  /** `startedAt`: when the request came, or when the gateway began with the turn where no request waits for it. */
  constructor(readonly startedAt = performance.now()) {}

  /** A step has ended; it began when the one before ended. */
  end(step: Step): void {
    this.ended.push(step);
    this.endedAt.push(performance.now());
  }

  callBegins(now: number): void {
    if (this.callsInFlight++ === 0) this.calledSince = now;
  }

  callEnds(call: TimedCall): void {
    if (--this.callsInFlight === 0) this.calledMs += call.to - this.calledSince;
    this.calls.push(call);
  }

  /** When the last step ended. */
  get to(): number {
    return this.endedAt.at(-1) ?? this.startedAt;
  }

  /** The time in which at least one call of a claw ran. Calls that run at the same time count once. */
  get providerMs(): number {
    return this.calledMs;
  }

  /**
   * The time that is the gateway's own: all of it but the calls, the pauses between them, and the time in which the
   * turn waited for its session, for a slot of the background or at a full claw.
   */
  get ownMs(): number {
    let others = this.calledMs;
    for (const { from, to } of this.pauses) others += to - from;
    for (const call of this.calls) others += call.from - call.askedAt;
    const { ended, endedAt, startedAt } = this;
    for (let index = 0; index < ended.length; index++)
      if (WAITS.has(ended[index]!)) others += endedAt[index]! - (endedAt[index - 1] ?? startedAt);
    return Math.max(0, this.to - this.startedAt - others);
  }

  /** Tells each step and its time in milliseconds, without making a list of them. */
  eachStep(tell: (step: Step, ms: number) => void): void {
    const { ended, endedAt } = this;
    let from = this.startedAt;
    for (let index = 0; index < ended.length; index++) {
      const to = endedAt[index]!;
      tell(ended[index]!, to - from);
      from = to;
    }
  }

  steps(): ({ step: Step } & Period)[] {
    return this.ended.map((step, index) => ({
      step,
      from: index === 0 ? this.startedAt : this.endedAt[index - 1]!,
      to: this.endedAt[index]!,
    }));
  }
}
