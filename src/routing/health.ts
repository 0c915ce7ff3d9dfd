import { type Candidate, candidateKey } from '../core/candidate.ts';
import type { Fault } from '../core/errors.ts';
import type { BreakerChange, Emit } from '../core/events.ts';
import type { Quota } from '../core/quota.ts';
import { MovingAverage, RecentTimes } from './averages.ts';
import { Breaker, type BreakerSettings } from './breaker.ts';
import { Bulkhead, type BulkheadSettings } from './bulkhead.ts';
import { RetryBudget } from './retry-budget.ts';

/** What is known of the claws at this moment. It is kept when the configuration changes. */
export interface HealthStore {
  /** The same object for candidates with the same `candidateKey`. */
  of(candidate: Candidate): Health;
  /** The candidates whose breaker is not closed. */
  broken(): BrokenClaw[];
  /** Everything that is known, in no order. */
  all(): readonly Health[];
  /** Calls of all claws that run, or wait for a slot. */
  readonly calls: number;
}

/** A candidate that is called less, or not at all, because it failed. */
export interface BrokenClaw {
  candidate: Candidate;
  state: 'open' | 'half-open';
}

/** What the calls of all models of one claw share. */
interface ClawHealth {
  readonly bulkhead: Bulkhead;
  readonly retryBudget: RetryBudget;
}

/** A hold-off: the provider asked for a pause. */
export interface HoldOff {
  code: Fault['code'];
  /** When the next call is let through, on the clock of the store. */
  until: number;
  /** When the provider wants the next call: later than `until` if it asked for a long pause. */
  askedUntil: number;
}

/** The weights of the newest value: in averages for choosing a claw, and in the usual time of a first token. */
const NEWEST = 0.15;
const NEWEST_OF_USUAL = 1 / 300;
/** The weight where the time fell by half or more, so that a peak of load is soon forgotten. */
const NEWEST_OF_FALL = 0.05;

/** Latencies below this many milliseconds say nothing about the load of a provider. */
const LOAD_FROM_MS = 1_000;

/** For how long the time of a first token says something about the next one. */
const MEASURED_MS = 5 * 60_000;
/** For how long a failure keeps a claw from being measured. It doubles with each measurement that fails. */
const FAILED_MS = 60_000;
const FAILED_AT_MOST_MS = 30 * 60_000;

/** Shorter answers say too little about the speed. */
const SPEED_FROM = { tokens: 10, ms: 50 };

/** What one call says about a candidate, for other processes that call it. Times are in milliseconds. */
export type HealthNews =
  | { of: 'breaker'; change: BreakerChange }
  | { of: 'hold-off'; code: Fault['code']; ms: number }
  | { of: 'quota'; quota: Quota }
  | { of: 'first-token'; ms: number }
  | { of: 'whole'; ms: number }
  | { of: 'failure' }
  | { of: 'length'; tokens: number }
  | { of: 'speed'; tokens: number; ms: number };

interface HealthParts {
  breaker(): Pick<BreakerSettings, 'pauseMs'>;
  now(): number;
  tell?(news: HealthNews): void;
}

/** What is known of one candidate. Strategies read it, the gate writes it. Times are in milliseconds. */
export class Health {
  /** Calls that run. */
  inFlight = 0;
  /** The rate limits as the provider's last reply stated them. */
  quota: Quota | undefined;
  readonly bulkhead: Bulkhead;
  readonly retryBudget: RetryBudget;
  private held: HoldOff | undefined;
  private quotaUntil = -Infinity;
  private measuredAt = -Infinity;
  private wholeAt = -Infinity;
  private failedUntil = -Infinity;
  private failures = 0;
  private readonly firstTokens = new MovingAverage(NEWEST);
  private readonly usualFirstToken = new MovingAverage(NEWEST_OF_USUAL);
  private readonly recentFirstTokens = new RecentTimes();
  private readonly wholes = new MovingAverage(NEWEST);
  private readonly speeds = new MovingAverage(NEWEST);
  private readonly lengths = new MovingAverage(NEWEST);

  constructor(
    readonly candidate: Candidate,
    readonly breaker: Breaker,
    { bulkhead, retryBudget }: ClawHealth,
    private readonly parts: HealthParts,
  ) {
    this.bulkhead = bulkhead;
    this.retryBudget = retryBudget;
  }

  /** Whether the candidate is called in its turn now; a call may still have to wait for a slot of the bulkhead. */
  get isAvailable(): boolean {
    return this.availableInMs === 0;
  }

  /** For how long other candidates are called first, as far as this is known. */
  get availableInMs(): number {
    const held = this.held ? this.held.until - this.parts.now() : 0;
    return Math.max(held, this.breaker.heldBackMs, this.quotaWaitMs, 0);
  }

  /**
   * Average time to the first token of streamed answers. Undefined before the first one, as all averages; and when
   * the last one is old, so that a claw that was slow once is measured again.
   */
  get firstTokenMs(): number | undefined {
    return this.parts.now() < this.measuredAt + MEASURED_MS ? this.firstTokens.value : undefined;
  }

  /** Average time of answers that were not streamed; undefined as `firstTokenMs`. */
  get wholeMs(): number | undefined {
    return this.parts.now() < this.wholeAt + MEASURED_MS ? this.wholes.value : undefined;
  }

  /** The last call failed, not long ago: a claw that was never measured is not measured now. */
  get hasFailed(): boolean {
    return this.parts.now() < this.failedUntil;
  }

  /** The 95th percentile of the last 64 times to the first token. Undefined before the tenth one. */
  get firstTokenP95Ms(): number | undefined {
    return this.recentFirstTokens.p95;
  }

  /** Average speed of streamed answers from their first token on. */
  get tokensPerSecond(): number | undefined {
    return this.speeds.value;
  }

  /** Average length of an answer in tokens, reasoning included. */
  get answerTokens(): number | undefined {
    return this.lengths.value;
  }

  /** The pause that the provider asked for, while it lasts. */
  get holdOff(): HoldOff | undefined {
    return this.held && this.held.until > this.parts.now() ? this.held : undefined;
  }

  /** Until a used-up rate limit is available again, as far as this is known. */
  get quotaWaitMs(): number {
    return this.quotaUntil === -Infinity ? 0 : Math.max(0, this.quotaUntil - this.parts.now());
  }

  /** The provider asks to be called again after a time. */
  holdOffFor(code: Fault['code'], ms: number): void {
    this.note({ of: 'hold-off', code, ms });
  }

  readQuota(quota: Quota): void {
    this.note({ of: 'quota', quota });
  }

  /** The first token of a streamed answer has come after this time. */
  firstTokenAfter(ms: number): void {
    this.note({ of: 'first-token', ms });
  }

  /** No first token had come after this time. */
  noTokenAfter(ms: number): void {
    this.bulkhead.observe(this.ratioOf(ms));
  }

  /** An answer that was not streamed has come after this time. */
  wholeAfter(ms: number): void {
    this.note({ of: 'whole', ms });
  }

  /** A call failed before its first token. */
  failed(): void {
    this.note({ of: 'failure' });
  }

  /** A whole answer had this many tokens. */
  answered(tokens: number): void {
    this.note({ of: 'length', tokens });
  }

  /** So many tokens of a streamed answer came in so many milliseconds. */
  streamed(tokens: number, ms: number): void {
    this.note({ of: 'speed', tokens, ms });
  }

  /** Takes what a call of this process, or of another one, says about the candidate. */
  learn(news: HealthNews): void {
    const now = this.parts.now();
    switch (news.of) {
      case 'breaker':
        this.breaker.adopt(news.change);
        break;
      case 'hold-off': {
        const until = now + Math.min(news.ms, this.parts.breaker().pauseMs);
        this.held = { code: news.code, until, askedUntil: now + news.ms };
        break;
      }
      case 'quota':
        this.learnQuota(news.quota, now);
        break;
      case 'first-token':
        this.learnFirstToken(news.ms, now);
        break;
      case 'whole':
        this.wholeAt = now;
        this.forgetFailures();
        this.wholes.add(news.ms);
        break;
      case 'failure':
        this.learnFailure(now);
        break;
      case 'length':
        this.lengths.add(news.tokens);
        break;
      case 'speed':
        if (news.tokens >= SPEED_FROM.tokens && news.ms >= SPEED_FROM.ms)
          this.speeds.add((news.tokens * 1_000) / news.ms);
        break;
    }
  }

  private note(news: HealthNews): void {
    this.learn(news);
    this.parts.tell?.(news);
  }

  private learnQuota(quota: Quota, now: number): void {
    this.quota = quota;
    const used = [quota.requests, quota.tokens].map((allowance) =>
      allowance && allowance.remaining <= 0 ? allowance.resetsInMs : 0,
    );
    this.quotaUntil = now + Math.min(Math.max(...used), this.parts.breaker().pauseMs);
  }

  private learnFirstToken(ms: number, now: number): void {
    this.measuredAt = now;
    this.forgetFailures();
    this.firstTokens.add(ms);
    this.recentFirstTokens.add(ms);
    const ratio = this.ratioOf(ms);
    this.usualFirstToken.add(ms, ratio < 0.5 ? NEWEST_OF_FALL : undefined);
    this.bulkhead.observe(ratio);
  }

  /** Calls that fail during the pause after a failure were no measurements. */
  private learnFailure(now: number): void {
    if (!this.hasFailed) this.failures++;
    this.failedUntil = now + Math.min(FAILED_MS * 2 ** (this.failures - 1), FAILED_AT_MOST_MS);
  }

  private forgetFailures(): void {
    this.failures = 0;
    this.failedUntil = -Infinity;
  }

  private ratioOf(ms: number): number {
    const usual = this.usualFirstToken.value ?? ms;
    return Math.max(ms, LOAD_FROM_MS) / Math.max(usual, LOAD_FROM_MS);
  }
}

/** What the memory store needs. `now` is a monotonic clock in milliseconds. */
export interface MemoryHealthParts {
  breaker(): BreakerSettings;
  /** Those of a provider. */
  bulkhead(provider: string): BulkheadSettings;
  now(): number;
  emit: Emit;
  /** Gets what the calls of this process say, for other processes that call the same providers. */
  tell?(candidate: Candidate, news: HealthNews): void;
  /** The most candidates that are remembered. */
  most?: number;
}

/** Callers may name any model, so there are more names than candidates that matter. */
const MOST_CANDIDATES = 1_024;

/** The health of the claws as this process sees it. */
export class MemoryHealth implements HealthStore {
  /** In the order in which they are forgotten. */
  private readonly candidates = new Map<string, Remembered>();
  private readonly claws = new Map<string, ClawHealth>();

  constructor(private readonly parts: MemoryHealthParts) {}

  of(candidate: Candidate): Health {
    const key = candidateKey(candidate);
    const known = this.candidates.get(key);
    if (known) {
      known.wasUsed = true;
      return known.health;
    }
    if (this.candidates.size >= (this.parts.most ?? MOST_CANDIDATES)) this.forgetOne();
    const health = this.open(candidate);
    this.candidates.set(key, { health, wasUsed: false });
    return health;
  }

  /** Another process has called the candidate. */
  learn(candidate: Candidate, news: HealthNews): void {
    this.of(candidate).learn(news);
  }

  broken(): BrokenClaw[] {
    return [...this.candidates.values()].flatMap(({ health: { candidate, breaker } }) =>
      breaker.is === 'closed' ? [] : [{ candidate, state: breaker.waitMs > 0 ? breaker.is : 'half-open' }],
    );
  }

  all(): readonly Health[] {
    return [...this.candidates.values()].map(({ health }) => health);
  }

  get calls(): number {
    let calls = 0;
    for (const { bulkhead } of this.claws.values()) calls += bulkhead.inFlight + bulkhead.waiting;
    return calls;
  }

  private open(candidate: Candidate): Health {
    const { now, breaker, emit } = this.parts;
    const { tell } = this.parts;
    const told = tell && ((news: HealthNews) => tell(candidate, news));
    const opened = new Breaker(breaker, now, (change) => {
      emit({ type: 'breaker-changed', candidate, ...change });
      told?.({ of: 'breaker', change });
    });
    return new Health(candidate, opened, this.claw(candidate), { ...this.parts, tell: told });
  }

  private claw({ provider, instance = '' }: Candidate): ClawHealth {
    const key = `${provider}@${instance}`;
    const known = this.claws.get(key);
    if (known) return known;
    const { now, bulkhead } = this.parts;
    const settings = () => bulkhead(provider);
    const claw = { bulkhead: new Bulkhead(settings, now), retryBudget: new RetryBudget(now) };
    this.claws.set(key, claw);
    return claw;
  }

  /**
   * Forgets a candidate that was not asked for since this last looked at it, and has no calls. If there is none,
   * more candidates are remembered for some time.
   */
  private forgetOne(): void {
    let looks = 2 * this.candidates.size;
    for (const [key, remembered] of this.candidates) {
      if (looks-- === 0) return;
      this.candidates.delete(key);
      if (!remembered.wasUsed && remembered.health.inFlight === 0) return;
      remembered.wasUsed = false;
      this.candidates.set(key, remembered);
    }
  }
}

interface Remembered {
  health: Health;
  wasUsed: boolean;
}
