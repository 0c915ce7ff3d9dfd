import type { ClawDirectory } from '../claws/claw-directory.ts';
import { fixedAnswer } from '../claws/local/fixed-answer.ts';
import type { Config } from '../config/config.ts';
import type { Candidate } from '../core/candidate.ts';
import { systemClock } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import type { FailingClaw } from '../http/health.ts';
import { CallerLimits, type LimitSettings } from '../limits/limits.ts';
import { Overload, watchEventLoop } from '../limits/overload.ts';
import { type Probe, strictest, type Timeouts, timeLimits } from '../routing/attempts.ts';
import { chain } from '../routing/call-chain.ts';
import { gate } from '../routing/gate.ts';
import { type HealthStore, MemoryHealth } from '../routing/health.ts';
import { retries } from '../routing/retries.ts';
import { simulateFaults } from '../routing/simulate.ts';
import type { Seals } from '../security/seals.ts';
import { Heads } from '../session/heads.ts';
import { Leases } from '../session/leases.ts';
import { Sessions } from '../session/sessions.ts';
import { dispatchTo } from '../turn/answer/answer.ts';
import { Idempotency } from '../turn/idempotency/idempotency.ts';
import { LiveTurns } from '../turn/live/live-turn.ts';
import { Slots } from '../turn/live/slots.ts';
import type { TurnPath } from '../turn/path.ts';
import { type Recovered, recover } from '../turn/start/recover.ts';
import type { Stores } from './stores.ts';

/** What turns hold at this moment: all zero once every turn has ended. */
export interface GatewayCounts {
  running: number;
  /** Leases of sessions, and turns that wait for one. */
  leases: number;
  waiting: number;
  /** Background turns that run or wait. */
  background: number;
  /** Turns that hold a share of their callers' limits. */
  holds: number;
  /** Calls of claws that run or wait. */
  calls: number;
}

export interface OpenTurnPath {
  path: TurnPath;
  /** Takes over what processes that have died left running. */
  takeOver(): Promise<Recovered>;
  counts(): GatewayCounts;
  /** The providers with a model whose breaker is not closed, each once. */
  failingClaws(): FailingClaw[];
  reconfigure(config: Config): void;
  close(): void;
}

/** Puts the turn path together. */
export function openTurnPath(
  initial: Config,
  stores: Stores,
  directory: ClawDirectory,
  seals: Seals,
  emit: Emit,
): OpenTurnPath {
  let config = initial;
  const { log, blobs, journal, feed, members, claims } = stores;
  const leases = new Leases({ store: stores.leases, holder: members.self, ...leaseLimits(config) });
  const heads = new Heads({ log, leaseStore: stores.leases, blobs, leases });
  const takeOver = () => recover({ path, members, leases: stores.leases });
  const probe: Probe = async (candidate, signal) => directory.claw(candidate).probe?.(signal);
  let timeouts = timeoutsOf(config, directory);
  const now = () => performance.now();
  const breaker = () => config.breaker;
  const health = new MemoryHealth({ breaker, bulkhead: () => config.bulkhead, now, emit });
  const interceptors = [
    retries({ health, settings: () => config.retries, emit }),
    gate({ health, breaker, now }),
    timeLimits(({ provider }) => timeouts.get(provider) ?? config.timeouts, probe),
    simulateFaults(),
  ];
  const clawOf = (candidate: Candidate) =>
    candidate.answer === undefined ? directory.claw(candidate) : fixedAnswer(candidate.answer);
  const slots = new Slots(slotLimits(config));
  const overload = new Overload(config.overload, (level, delayMs) => {
    emit({ type: 'overload-changed', level, delayMs });
    slots.pause(level !== 'calm');
  });
  const path: TurnPath = {
    directory,
    capabilities: (candidate) => clawOf(candidate).capabilities,
    routing: {
      standing: (candidate) => health.of(candidate),
      connectMs: (candidate) => directory.claw(candidate).connectMs?.(),
      get region() {
        return config.region;
      },
      random: Math.random,
      turnOf: turnCounter(),
      isBusy: () => overload.level !== 'calm',
    },
    dispatch: chain(interceptors, dispatchTo(clawOf, emit)),
    health,
    sessions: new Sessions({ log, lines: stores.lines, heads, clock: systemClock }),
    log,
    blobs,
    journal,
    feed,
    live: new LiveTurns(),
    idempotency: new Idempotency({ claims, members, clock: systemClock, takeOver, ...retention(config) }),
    limits: new CallerLimits(stores.rates, limitSettings(config)),
    overload,
    slots,
    seals,
    settings: turnSettings(config),
    clock: systemClock,
    emit,
  };
  const unwatch = watchEventLoop((delayMs) => overload.sample(delayMs));
  feed.onCancelRequest((turn) => path.live.cancel(turn));
  return {
    path,
    takeOver,
    counts() {
      const { held, waiting } = leases.counts;
      return {
        running: path.live.size,
        leases: held,
        waiting,
        background: slots.counts.accepted,
        holds: path.limits.holds,
        calls: health.calls,
      };
    },
    failingClaws: () => failingOf(health),
    reconfigure(next) {
      config = next;
      timeouts = timeoutsOf(next, directory);
      path.settings = turnSettings(next);
      leases.reconfigure(leaseLimits(next));
      slots.reconfigure(slotLimits(next));
      path.limits.reconfigure(limitSettings(next));
      overload.reconfigure(next.overload);
      path.idempotency.reconfigure(retention(next));
    },
    close() {
      unwatch();
      slots.pause(false);
      leases.close();
    },
  };
}

/** The time limits of the claws that have their own, by the provider's id. */
function timeoutsOf({ claws, timeouts }: Config, directory: ClawDirectory): ReadonlyMap<string, Timeouts> {
  const own = Object.entries(claws).flatMap(([name, claw]) =>
    claw.timeouts ? [[name, strictest(timeouts, [claw.timeouts])] as const] : [],
  );
  return new Map(own.map(([name, limits]) => [directory.service(name)?.provider ?? name, limits]));
}

/** Counts the turns of each name: 0, 1, 2… */
function turnCounter(): (name: string) => number {
  const counts = new Map<string, number>();
  return (name) => {
    const count = counts.get(name) ?? 0;
    counts.set(name, count + 1);
    return count;
  };
}

function failingOf(health: HealthStore): FailingClaw[] {
  const states = new Map<string, FailingClaw['state']>();
  for (const { candidate, state } of health.broken()) {
    if (states.get(candidate.provider) !== 'open') states.set(candidate.provider, state);
  }
  return [...states].map(([name, state]) => ({ name, state }));
}

const leaseLimits = ({ limits }: Config) => ({ queue: limits.sessionQueue });
const slotLimits = ({ turns, limits }: Config) => ({
  running: turns.background,
  waiting: limits.backgroundQueue,
});
const limitSettings = ({ rateLimits: { perModel, ...general }, keys }: Config): LimitSettings => ({
  ...general,
  keys: new Map(keys.map(({ name, limits }) => [name, limits])),
  models: new Map(Object.entries(perModel)),
});
const retention = (config: Config) => ({ retentionMs: config.retention.idempotencyMs });
const turnSettings = ({ limits, turns, timeouts }: Config) => ({
  sessionWaitMs: limits.sessionWaitMs,
  turnMs: timeouts.turnMs,
  deferMs: turns.deferMs,
  recovery: turns.recovery,
});
