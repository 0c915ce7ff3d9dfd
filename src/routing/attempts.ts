import type { Candidate } from '../core/candidate.ts';
import { Fault, faultOf } from '../core/errors.ts';
import type { GatewayEvent } from '../core/events.ts';
import type { TurnLimits } from '../core/routing.ts';
import type { Call, Interceptor } from './call-chain.ts';
import { type Watcher, watch } from './watched.ts';

/** How long a call may take, and how its failure is reported. */

export const callFailed = (
  { trace, candidate, count }: Pick<Call, 'trace' | 'candidate' | 'count'>,
  failure: unknown,
  next: 'retry' | 'next-candidate' | 'give-up',
): GatewayEvent => ({
  type: 'call-failed',
  trace,
  candidate,
  attempt: count.calls,
  code: faultOf(failure).code,
  next,
});

/** Milliseconds. */
export interface Timeouts {
  /** From the call to the first delta. An answer that is not streamed has no first delta before its last one. */
  readonly firstTokenMs: number;
  /**
   * Until the first delta: from the call to the first sign of life (`Call.heard`); between two signs of life, twice
   * as much. Models read a long prompt for longer: it may add as much again, and a half.
   */
  readonly signOfLifeMs: number;
  /** From the first delta on: between two signs of life. */
  readonly idleMs: number;
  readonly totalMs: number;
  /** The provider is probed after each silence of this length. */
  readonly probeMs: number;
}

/** Rejects with a `Fault` if the provider of a candidate cannot be reached at this moment. */
export type Probe = (candidate: Candidate, signal: AbortSignal) => Promise<void>;

/**
 * Bounds each call in time. `timeouts` is called for each call, so that a new configuration takes effect at
 * once; those of the call itself and of its candidate's claw hold beside them, and the strictest holds. During a silent call, the model may be working, or the connection may be dead without a sign (the
 * machine or the network at the other end is gone), so the provider is probed.
 */
export function timeLimits(
  timeouts: (candidate: Candidate) => Timeouts,
  probe: Probe = async () => {},
): Interceptor {
  return (next) => async (call) => {
    const limits = timeouts(call.candidate);
    const deadline = new Deadline(limitsOf(call, limits), call.signal, silenceOf(call, limits, probe));
    const heard = bothHeard(deadline, call.heard);
    try {
      const answer = await next({ ...call, signal: deadline.signal, heard });
      deadline.begin();
      // The claw itself reports signs of life (`Claw.call`).
      return { ...answer, rest: watch(answer.rest, deadline) };
    } catch (failure) {
      deadline.clear();
      throw failure;
    }
  };
}

// An answer may last for long, and must not keep its call in memory: the scope of these functions holds no call, or is
// forgotten when the answer begins.

const bothHeard = (deadline: Deadline, heard: () => void) => (): void => {
  deadline.heard();
  heard();
};

function silenceOf(call: Call, limits: Timeouts, probe: Probe): DeadlineCall {
  return {
    isLast: call.isLast,
    readingMs: () => readingMs(call.prompt, MOST_READING * limits.signOfLifeMs),
    probe: probeOf(probe, call.candidate),
  };
}

const probeOf =
  (probe: Probe, candidate: Candidate) =>
  (signal: AbortSignal): Promise<void> =>
    probe(candidate, signal);

/**
 * Silence may mean that a model reasons. A whole answer may take the whole time limit, because nothing comes
 * before it.
 */
function limitsOf({ prompt, candidate, limits, endsAt }: Call, general: Timeouts): Timeouts {
  const left = Math.max(1, Math.ceil(endsAt - performance.now()));
  const isStrict = limits.length > 0 || left < general.totalMs;
  const timeouts = isStrict ? strictest(general, [...limits, { totalMs: left }]) : general;
  if (!prompt.stream) return { ...timeouts, firstTokenMs: timeouts.totalMs, signOfLifeMs: Infinity };
  return isSilentReasoner(candidate) ? { ...timeouts, signOfLifeMs: Infinity } : timeouts;
}

/** Each limit at its strictest. */
export function strictest(timeouts: Timeouts, limits: readonly TurnLimits[]): Timeouts {
  const least = (name: 'firstTokenMs' | 'signOfLifeMs' | 'idleMs' | 'totalMs') =>
    limits.reduce((value, limit) => Math.min(value, limit[name] ?? Infinity), timeouts[name]);
  return {
    firstTokenMs: least('firstTokenMs'),
    signOfLifeMs: least('signOfLifeMs'),
    idleMs: least('idleMs'),
    totalMs: least('totalMs'),
    probeMs: timeouts.probeMs,
  };
}

/**
 * Chat completions and Gemini send nothing while a model reasons, unless they show its thoughts. The Responses
 * API and Anthropic send their first event at once.
 */
export function isSilentReasoner({ protocol, reasons }: Candidate): boolean {
  return reasons === true && (protocol === 'openai-chat' || protocol === 'gemini');
}

/** What a deadline needs to know about its call; each is optional. */
export interface DeadlineCall {
  /**
   * Whether no other candidate can be called. Then the call is not ended for its silence, which may mean that
   * the model works.
   */
  isLast?(): boolean;
  /** How much longer than `signOfLifeMs` the model may be silent, because its prompt is long. In milliseconds. */
  readingMs?(): number;
  /** Rejects if the provider cannot be reached at this moment. */
  probe?(signal: AbortSignal): Promise<void>;
}

/** One failed probe may only mean that the network is overloaded. */
const FAILED_PROBES = 2;

/**
 * Bounds one call in time: until its first delta, between signs of life, and in all. When a limit passes,
 * the signal aborts with `provider_timeout`. A call has one timer, not one for each delta.
 */
export class Deadline implements Watcher {
  private readonly controller = new AbortController();
  private readonly startedAt: number;
  private heardAt: number;
  private hasBegun = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private probedAt: number;
  private failedProbes = 0;
  private hasAllowedMore = false;

  constructor(
    private limits: Timeouts,
    private readonly outer: AbortSignal,
    private call: DeadlineCall = {},
  ) {
    this.startedAt = performance.now();
    this.heardAt = this.startedAt;
    this.probedAt = this.startedAt;
    if (outer.aborted) this.controller.abort(outer.reason);
    outer.addEventListener('abort', this.stop);
    this.arm();
  }

  /** Aborted by a limit or by the outer signal, with the reason of the one that came first. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** The first delta has come. */
  begin(): void {
    this.hasBegun = true;
    const { probe } = this.call;
    this.call = probe ? { probe } : {};
    this.heard();
  }

  /** The provider has shown a sign of life. */
  heard(): void {
    this.heardAt = performance.now();
  }

  /** Stops the timer. */
  clear(): void {
    clearTimeout(this.timer);
    this.outer.removeEventListener('abort', this.stop);
  }

  ended(): void {
    this.clear();
  }

  private readonly stop = (): void => this.controller.abort(this.outer.reason);

  private readonly check = (): void => {
    const now = performance.now();
    if (!this.hasBegun && now >= this.heardAt + this.silenceMs) this.allowMore();
    if (now >= this.endsAt) {
      this.controller.abort(new Fault('provider_timeout', this.passed));
      return;
    }
    if (now >= this.probeAt) void this.probeNow(now);
    this.arm();
  };

  /** Computed only for a silent call: both answers need the prompt. */
  private allowMore(): void {
    const readingMs = this.hasAllowedMore ? 0 : (this.call.readingMs?.() ?? 0);
    const moreMs = this.call.isLast?.() ? Infinity : readingMs;
    this.hasAllowedMore = true;
    this.limits = { ...this.limits, signOfLifeMs: this.limits.signOfLifeMs + moreMs };
  }

  private get probeAt(): number {
    return Math.max(this.heardAt, this.probedAt) + this.limits.probeMs;
  }

  private async probeNow(now: number): Promise<void> {
    if (this.heardAt > this.probedAt) this.failedProbes = 0;
    this.probedAt = now;
    try {
      await this.call.probe?.(this.signal);
      this.failedProbes = 0;
    } catch (failure) {
      if (this.heardAt > now) return;
      if (++this.failedProbes >= FAILED_PROBES) this.controller.abort(failure);
    }
  }

  private arm(): void {
    const wait = Math.min(this.endsAt, this.probeAt) - performance.now();
    // The first token may come at any moment. From then on the idle limit applies, which may be shorter.
    this.timer = setTimeout(this.check, Math.max(1, Math.min(wait, this.limits.idleMs)));
  }

  /** When the first limit passes, if nothing more comes. */
  private get endsAt(): number {
    const { firstTokenMs, totalMs } = this.limits;
    const total = this.startedAt + totalMs;
    const silence = this.heardAt + this.silenceMs;
    return this.hasBegun ? Math.min(total, silence) : Math.min(total, this.startedAt + firstTokenMs, silence);
  }

  /** The limit that passes at `endsAt`, in a sentence for the caller. */
  private get passed(): string {
    const { firstTokenMs, totalMs } = this.limits;
    const at = this.endsAt;
    if (at === this.startedAt + totalMs) return `The answer was not complete within ${totalMs} ms.`;
    if (!this.hasBegun && at === this.startedAt + firstTokenMs) {
      return `The answer did not begin within ${firstTokenMs} ms.`;
    }
    return `The provider sent nothing for ${this.silenceMs} ms.`;
  }

  /** A provider that has shown a sign of life works or has a queue: it may be silent for twice as long. */
  private get silenceMs(): number {
    const { idleMs, signOfLifeMs } = this.limits;
    if (this.hasBegun) return idleMs;
    return this.heardAt > this.startedAt ? 2 * signOfLifeMs : signOfLifeMs;
  }
}

/** How many characters of a prompt a slow model reads in a millisecond: some 2,000 tokens in a second. */
const READ_CHARS_PER_MS = 8;

/** How much longer a stream may be silent for a long prompt, as a share of the limit for a short one. */
const MOST_READING = 1.5;

/** The time in which a slow model reads a prompt, in milliseconds; at most `most`. */
function readingMs({ instructions = '', items }: Call['prompt'], most: number): number {
  let chars = instructions.length;
  for (const { item } of items) {
    if (chars >= most * READ_CHARS_PER_MS) break;
    chars += JSON.stringify(item).length;
  }
  return Math.min(chars / READ_CHARS_PER_MS, most);
}
