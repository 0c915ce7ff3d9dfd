import type { ClawDirectory } from '../claws/claw-directory.ts';
import type { Config } from '../config/config.ts';
import { TokenRatios } from '../context/token-ratios.ts';
import { TokenCounter } from '../context/tokenizer/token-counter.ts';
import { systemClock } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import { oneAtATime } from '../core/one-at-a-time.ts';
import type { FailingClaw } from '../http/health.ts';
import { CallerLimits, type LimitSettings } from '../limits/limits.ts';
import { Overload, watchEventLoop } from '../limits/overload.ts';
import type { HealthStore } from '../routing/health.ts';
import { UNLIMITED } from '../routing/money-budget.ts';
import type { Seals } from '../security/seals.ts';
import { Heads } from '../session/heads.ts';
import { Leases } from '../session/leases.ts';
import { Sessions } from '../session/sessions.ts';
import { Idempotency } from '../turn/idempotency/idempotency.ts';
import { LiveTurns } from '../turn/live/live-turn.ts';
import { Slots } from '../turn/live/slots.ts';
import type { TurnPath } from '../turn/path.ts';
import { type Recovered, recover } from '../turn/start/recover.ts';
import { openCalls } from './calls.ts';
import type { OtherWorkers } from './other-workers.ts';
import { openRecall } from './recall.ts';
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
  /** Takes over what processes that have died left running, after an earlier call has done so. */
  takeOver(): Promise<Recovered>;
  counts(): GatewayCounts;
  /** Turns of the background that wait for a slot. */
  waitingForSlot(): number;
  /** The providers with a model whose breaker is not closed, each once. */
  failingClaws(): FailingClaw[];
  reconfigure(config: Config): void;
  close(): void;
}

/** Puts the turn path together. */
export function openTurnPath(
  config: Config,
  stores: Stores,
  directory: ClawDirectory,
  seals: Seals,
  emit: Emit,
  others?: OtherWorkers,
): OpenTurnPath {
  const { log, values, blobs, journal, feed, members, claims } = stores;
  const leases = new Leases({ store: stores.leases, holder: members.self, ...leaseLimits(config) });
  const heads = new Heads({ log, leaseStore: stores.leases, blobs, leases });
  // What an earlier call has begun to take over is not found a second time.
  const takeOver = oneAtATime(() => recover({ path, members, leases: stores.leases }));
  const once = { claims, members, clock: systemClock, takeOver, findElsewhere: others?.findRequest };
  const forgetElsewhere = others?.forgetSession;
  const slots = new Slots(slotLimits(config));
  const overload = overloadFor(config, slots, emit);
  const calls = openCalls(config, directory, overload, emit, others);
  const recall = openRecall({
    ...{ stores, embedder: calls.embedder, overload, emit },
    model: () => path.settings.embeddings,
  });
  const path: TurnPath = {
    directory,
    capabilities: calls.capabilities,
    budget: UNLIMITED,
    routing: calls.routing,
    dispatch: calls.dispatch,
    health: calls.health,
    embedder: calls.embedder,
    sessions: new Sessions({ log, lines: stores.lines, heads, clock: systemClock, emit, forgetElsewhere }),
    ...recall.path,
    log,
    values,
    blobs,
    journal,
    feed,
    live: new LiveTurns(),
    idempotency: new Idempotency({ ...once, ...retention(config) }),
    limits: new CallerLimits(stores.rates, limitSettings(config)),
    overload,
    slots,
    seals,
    tokens: { ratios: new TokenRatios(stores.ratios?.earlier), counter: new TokenCounter() },
    settings: turnSettings(config),
    clock: systemClock,
    emit,
  };
  const unwatch = watchEventLoop(sampler(overload, emit));
  recall.reportMissing();
  feed.onCancelRequest((turn) => path.live.cancel(turn));
  return {
    path,
    takeOver,
    counts: () => countsOf(path, leases, slots),
    waitingForSlot: () => slots.counts.accepted - slots.counts.running,
    failingClaws: () => failingOf(path.health),
    reconfigure(next) {
      calls.reconfigure(next);
      path.settings = turnSettings(next);
      recall.reportMissing();
      leases.reconfigure(leaseLimits(next));
      slots.reconfigure(slotLimits(next));
      path.limits.reconfigure(limitSettings(next));
      overload.reconfigure(next.overload);
      path.idempotency.reconfigure(retention(next));
    },
    close() {
      unwatch();
      recall.close();
      slots.slow(false);
      leases.close();
    },
  };
}

const sampler = (overload: Overload, emit: Emit) => (delayMs: number) => {
  emit({ type: 'event-loop-sampled', delayMs });
  overload.sample(delayMs);
};

const overloadFor = ({ overload }: Config, slots: Slots, emit: Emit): Overload =>
  new Overload(overload, (level, delayMs) => {
    emit({ type: 'overload-changed', level, delayMs });
    slots.slow(level === 'heavy' || level === 'critical');
  });

function countsOf(path: TurnPath, leases: Leases, slots: Slots): GatewayCounts {
  const { held, waiting } = leases.counts;
  return {
    running: path.live.size,
    leases: held,
    waiting,
    background: slots.counts.accepted,
    holds: path.limits.holds,
    calls: path.health.calls,
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
const turnSettings = ({ limits, turns, timeouts, context }: Config) => ({
  context: context.policy,
  historyTokens: context.historyTokens,
  embeddings: context.embeddings,
  sessionWaitMs: limits.sessionWaitMs,
  turnMs: timeouts.turnMs,
  deferMs: turns.deferMs,
  recovery: turns.recovery,
});
