import { candidateKey } from '../../core/candidate.ts';
import type { ErrorCode } from '../../core/error-catalogue.ts';
import type { Emit } from '../../core/events.ts';
import type { TurnId } from '../../core/ids.ts';
import type { Outcome } from '../../core/outcome.ts';
import { OVERLOAD_LEVELS, type OverloadLevel } from '../../core/overload.ts';
import { isKept, type PlacedIntent } from '../../core/turn.ts';
import { HOUR_MS, HourlyUsage, type UsageOfHour } from '../../core/usage-sums.ts';
import { type CountedTurn, countTurn, labelsOf } from '../../session/surveyed-turn.ts';
import { type Follower, liveEventOf } from './live-events.ts';

/** Sums of turns that have ended. */
interface TurnSums {
  turns: number;
  failed: number;
  input: number;
  output: number;
  /** Nanodollars. */
  cost: number;
}

/** What the gateway took in its last minute, and how overloaded it is now: of several processes, the worst. */
export interface LastMinute extends TurnSums {
  overload: OverloadLevel;
}

/** A call that failed. */
export interface FailedCallFacts {
  /** Milliseconds since the epoch. */
  at: number;
  code: ErrorCode;
  turn: TurnId;
}

/** The failures of the calls of one candidate, since the start of this process. */
export interface CallFailures {
  byCode: Record<string, number>;
  /** The latest first. */
  latest: FailedCallFacts[];
}

const SECONDS = 60;
const LATEST = 10;
/** Callers may name any model: the failures of so many candidates are kept. */
const MOST_CANDIDATES = 1_024;

/**
 * Listens to what happens in this process, for operators: counts turns that are not in the log, adds up the last
 * minute, remembers failures of calls, and passes events to followers. It does little for each event, because every
 * turn waits for it.
 */
export class Watch {
  private readonly seconds = Array.from({ length: SECONDS }, () => ({ second: 0, ...noTurns() }));
  private readonly failures = new Map<string, CallFailures>();
  private readonly deferredTurns = new Map<TurnId, ErrorCode>();
  private readonly followers = new Set<Follower>();
  private readonly uncounted = new HourlyUsage();
  private overload: OverloadLevel = 'calm';

  readonly listen: Emit = (event) => {
    switch (event.type) {
      case 'turn-ended':
        if (event.intent.kind === 'placed') this.ended(event.intent, event.outcome);
        break;
      case 'turn-lost':
        this.deferredTurns.delete(event.intent.id);
        break;
      case 'turn-deferred':
        this.deferredTurns.set(event.trace.id, event.code);
        break;
      case 'call-started':
        if (this.deferredTurns.size > 0) this.deferredTurns.delete(event.trace.id);
        break;
      case 'call-failed':
        this.callFailed(candidateKey(event.candidate), {
          at: Date.now(),
          code: event.code,
          turn: event.trace.id,
        });
        break;
      case 'overload-changed':
        this.overload = event.level;
        break;
    }
    const told = this.followers.size > 0 ? liveEventOf(event) : undefined;
    if (told) for (const follower of this.followers) follower.happened(told);
  };

  /** Calls `follower` with every event of this process from now on, until the returned function is called. */
  follow(follower: Follower): () => void {
    this.followers.add(follower);
    return () => this.followers.delete(follower);
  }

  /** Of this process. */
  get lastMinute(): LastMinute {
    const since = Math.floor(Date.now() / 1_000) - SECONDS;
    const sums = sumOf(this.seconds.filter(({ second }) => second > since));
    return { ...sums, overload: this.overload };
  }

  failuresOf(candidate: string): CallFailures | undefined {
    return this.failures.get(candidate);
  }

  /** Why a turn waits for a claw; `undefined` where it does not. */
  deferred(turn: TurnId): ErrorCode | undefined {
    return this.deferredTurns.get(turn);
  }

  /** The sums of turns that are not in the log, since the last call. */
  takeUncounted(): UsageOfHour[] {
    return this.uncounted.take();
  }

  /** What was taken could not be counted. */
  giveBack(sums: readonly UsageOfHour[]): void {
    for (const one of sums) this.uncounted.add(one);
  }

  private ended(intent: PlacedIntent, outcome: Outcome): void {
    if (this.deferredTurns.size > 0) this.deferredTurns.delete(intent.id);
    const { usage, cost = 0, completedAt, state } = outcome;
    const second = Math.floor(completedAt / 1_000);
    const slot = this.seconds[second % SECONDS]!;
    if (slot.second !== second) Object.assign(slot, noTurns(), { second });
    slot.turns++;
    if (state === 'failed') slot.failed++;
    slot.input += usage?.input ?? 0;
    slot.output += usage?.output ?? 0;
    slot.cost += cost;
    if (!isKept(intent.retention)) this.countUnkept(intent, outcome);
  }

  private countUnkept(intent: PlacedIntent, outcome: Outcome): void {
    const turn = countedTurn(intent, outcome);
    const labels = { ...labelsOf(turn), tenant: intent.tenant };
    const hour = Math.floor(outcome.completedAt / HOUR_MS);
    countTurn(this.uncounted.at(hour, labels), turn);
  }

  private callFailed(candidate: string, facts: FailedCallFacts): void {
    let known = this.failures.get(candidate);
    if (!known) {
      if (this.failures.size >= MOST_CANDIDATES) this.failures.delete(this.failures.keys().next().value!);
      known = { byCode: {}, latest: [] };
      this.failures.set(candidate, known);
    }
    known.byCode[facts.code] = (known.byCode[facts.code] ?? 0) + 1;
    known.latest.unshift(facts);
    known.latest.length = Math.min(known.latest.length, LATEST);
  }
}

/** Only what is counted: a copy of everything that is known of a turn would cost more than the counting. */
function countedTurn(
  { key, user, model, settings, createdAt }: PlacedIntent,
  { completedAt, state, answeredBy, usage, cost, receipt }: Outcome,
): CountedTurn {
  return { key, user, model, settings, createdAt, completedAt, state, answeredBy, usage, cost, receipt };
}

/** What several processes took together. */
export function together(minutes: readonly LastMinute[]): LastMinute {
  const overload = OVERLOAD_LEVELS.findLast((level) => minutes.some((one) => one.overload === level));
  return { ...sumOf(minutes), overload: overload ?? 'calm' };
}

function sumOf(all: readonly TurnSums[]): TurnSums {
  const sum = noTurns();
  for (const one of all) add(sum, one);
  return sum;
}

const noTurns = (): TurnSums => ({ turns: 0, failed: 0, input: 0, output: 0, cost: 0 });

function add(sum: TurnSums, more: TurnSums): void {
  sum.turns += more.turns;
  sum.failed += more.failed;
  sum.input += more.input;
  sum.output += more.output;
  sum.cost += more.cost;
}
