import type { BreakerChange, BreakerReason } from '../core/events.ts';
import { type CallResult, ResultWindow } from './result-window.ts';

/** When a breaker opens, and for how long (`breaker` of the configuration). */
export interface BreakerSettings {
  /** The share of failed calls at which it opens, from 0 to 1. */
  readonly failureRate: number;
  /** The share of slow calls at which it opens, from 0 to 1. */
  readonly slowRate: number;
  /** A call is slow if its first token comes later, in milliseconds. */
  readonly slowMs: number;
  /** With fewer calls in the window, it stays closed. */
  readonly leastCalls: number;
  readonly windowMs: number;
  /** How long it stays open before probes. */
  readonly openMs: number;
  /** The longest time for which a provider's word alone keeps calls away. */
  readonly pauseMs: number;
}

/**
 * Probes at once where no other candidate is left: the alternative of such a call is an error. Of other calls, one at
 * a time is a probe. So many probes must begin to answer to close the breaker.
 */
const PROBES = 3;
const GOOD_PROBES = 2;

/**
 * Times `openMs`. A breaker that opens again soon stays open twice as long, never longer, so that callers who have no
 * other candidate reach a provider that has recovered within 30 s by default. A refused credential needs the operator.
 */
const AGAIN = 2;
const REFUSED = 6;

/**
 * Other candidates are called first for `openMs`, and twice as long each time that the breaker opens again, at most
 * for so many times `openMs`. A provider that recovers is then called in its turn after no more time than it was down,
 * and `openMs`; one that stays down costs a caller an attempt once in five minutes by default.
 */
const LONGEST = 30;

/** With a smaller share of failures, the claw still answers some calls. */
const NEARLY_ALL = 0.9;

/** How soon a half-open breaker may have a probe to give, in milliseconds. */
const PROBE_WAIT_MS = 1_000;

type State =
  | { is: 'closed'; results: ResultWindow }
  | { is: 'open'; reason: BreakerReason; until: number; heldBackUntil: number }
  | { is: 'half-open'; reason: BreakerReason; running: number; good: number };

/**
 * The right to make one call. It is settled exactly once, with what the call says about its provider; further
 * settlements change nothing.
 */
export interface Permit {
  /** The answer has begun. A probe has then succeeded: an answer may take many minutes. */
  begin(isSlow: boolean): void;
  settle(result: CallResult): void;
}

/**
 * A circuit breaker. Closed, it lets all calls through and counts their results over a sliding window. If too many
 * fail or are slow, it opens and lets none through. After a time it is half-open and lets a few probes through:
 * two that begin to answer close it, one that fails opens it again. Where other candidates can answer, they are called
 * first for longer. A result counts only in the state in which its permit was taken.
 *
 * `now` is a monotonic clock in milliseconds. `settings` is called each time, so that a new configuration takes
 * effect at once.
 */
export class Breaker {
  private state: State = { is: 'closed', results: new ResultWindow() };
  private closedAt = -Infinity;
  /** `BreakerChange.openings` of the latest one. */
  private openings = 0;

  constructor(
    private readonly settings: () => BreakerSettings,
    private readonly now: () => number,
    private readonly changed: (change: BreakerChange) => void = () => {},
  ) {}

  get is(): State['is'] {
    return this.state.is;
  }

  /** Why it is open or half-open. */
  get reason(): BreakerReason | undefined {
    return this.state.is === 'closed' ? undefined : this.state.reason;
  }

  /** Milliseconds until a call may be let through; 0 means now. */
  get waitMs(): number {
    const { state } = this;
    if (state.is === 'open') return Math.max(0, state.until - this.now());
    return state.is === 'closed' || hasProbe(state) ? 0 : PROBE_WAIT_MS;
  }

  /** Milliseconds for which other candidates are called first; never less than `waitMs`. */
  get heldBackMs(): number {
    const { state } = this;
    if (state.is === 'open') return Math.max(0, state.heldBackUntil - this.now());
    return state.is === 'closed' || state.running === 0 ? 0 : PROBE_WAIT_MS;
  }

  /** A permit for one call; `undefined` if the call is not let through. `isLast`: no other candidate is left for it. */
  take(isLast: () => boolean): Permit | undefined {
    if (this.state.is === 'open' && this.now() >= this.state.until) {
      this.state = { is: 'half-open', reason: this.state.reason, running: 0, good: 0 };
      this.changed({ state: 'half-open' });
    }
    const { state } = this;
    if (state.is === 'open') return undefined;
    if (state.is === 'half-open') {
      if (!hasProbe(state) || (state.running > 0 && !isLast())) return undefined;
      state.running++;
    }
    return this.permit(state);
  }

  /**
   * Another process that calls the same provider has changed its breaker. `changed` is not called for it. While the
   * other one probes, this one stays open for a moment, so that few probes are made together.
   */
  adopt(change: BreakerChange): void {
    const now = this.now();
    if (change.state === 'open') this.holdBack(change.reason, change.forMs, change.openings);
    else if (change.state === 'closed') {
      if (this.state.is === 'closed') return;
      this.state = { is: 'closed', results: new ResultWindow() };
      this.closedAt = now;
    } else if (this.state.is === 'open')
      this.state = {
        ...this.state,
        until: Math.max(this.state.until, now + PROBE_WAIT_MS),
        heldBackUntil: Math.max(this.state.heldBackUntil, now + PROBE_WAIT_MS),
      };
  }

  private permit(state: State): Permit {
    let isSettled = false;
    let hasBegun = false;
    return {
      begin: (isSlow) => {
        if (isSettled || hasBegun || state !== this.state || state.is !== 'half-open') return;
        hasBegun = true;
        state.running--;
        if (isSlow) this.open('slow-calls');
        else this.countGood(state);
      },
      settle: (result) => {
        if (isSettled) return;
        isSettled = true;
        if (state !== this.state) return;
        if (state.is === 'half-open') this.settleProbe(state, result, hasBegun);
        else if (state.is === 'closed' && result !== 'ignored') this.count(state.results, result);
      },
    };
  }

  private settleProbe(state: State & { is: 'half-open' }, result: CallResult, hasBegun: boolean): void {
    if (!hasBegun) state.running--;
    if (result === 'failed') this.open(state.reason === 'some-failures' ? state.reason : 'failures');
    else if (result === 'refused') this.open('credential');
    else if (!hasBegun && result === 'slow') this.open('slow-calls');
    else if (!hasBegun && result === 'ok') this.countGood(state);
  }

  private countGood(state: State & { is: 'half-open' }): void {
    if (++state.good < GOOD_PROBES) return;
    this.state = { is: 'closed', results: new ResultWindow() };
    this.closedAt = this.now();
    this.changed({ state: 'closed' });
  }

  private count(results: ResultWindow, result: Exclude<CallResult, 'ignored'>): void {
    const { windowMs, leastCalls, failureRate, slowRate } = this.settings();
    const now = this.now();
    results.record(result, now, windowMs);
    if (result === 'ok') return;
    const { calls, failures, slow } = results.sums;
    if (calls < leastCalls) return;
    if (failures > 0 && failures >= failureRate * calls) {
      if (result === 'refused') this.open('credential');
      else this.open(failures < NEARLY_ALL * calls ? 'some-failures' : 'failures');
    } else if (slow > 0 && slow >= slowRate * calls) this.open('slow-calls');
  }

  private open(reason: BreakerReason): void {
    const times = reason === 'credential' ? REFUSED : this.opensAgain ? AGAIN : 1;
    const forMs = this.settings().openMs * times;
    this.holdBack(reason, forMs, this.opensAgain ? this.openings + 1 : 1);
    this.changed({ state: 'open', reason, forMs, openings: this.openings });
  }

  private holdBack(reason: BreakerReason, forMs: number, openings: number): void {
    const now = this.now();
    this.openings = openings;
    const heldBackMs = this.settings().openMs * Math.min(2 ** (openings - 1), LONGEST);
    this.state = { is: 'open', reason, until: now + forMs, heldBackUntil: now + Math.max(forMs, heldBackMs) };
  }

  private get opensAgain(): boolean {
    return this.state.is !== 'closed' || this.now() - this.closedAt < this.settings().windowMs;
  }
}

/** Probes that have begun to answer count, too, so that at most `PROBES` calls run in one half-open state. */
const hasProbe = ({ running, good }: State & { is: 'half-open' }): boolean => running + good < PROBES;
