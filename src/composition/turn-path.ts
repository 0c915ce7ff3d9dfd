import type { ClawDirectory } from '../claws/claw-directory.ts';
import type { Config } from '../config/config.ts';
import { systemClock } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import { type Probe, retryNow, timeLimits } from '../routing/attempts.ts';
import { chain } from '../routing/call-chain.ts';
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
}

export interface OpenTurnPath {
  path: TurnPath;
  /** Takes over what processes that have died left running. */
  takeOver(): Promise<Recovered>;
  counts(): GatewayCounts;
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
  const interceptors = [retryNow(emit), timeLimits(() => config.timeouts, probe)];
  const path: TurnPath = {
    directory,
    capabilities: (candidate) => directory.claw(candidate).capabilities,
    dispatch: chain(
      interceptors,
      dispatchTo((candidate) => directory.claw(candidate), emit),
    ),
    sessions: new Sessions({ log, lines: stores.lines, heads, clock: systemClock }),
    log,
    blobs,
    journal,
    feed,
    live: new LiveTurns(),
    idempotency: new Idempotency({ claims, members, clock: systemClock, takeOver, ...retention(config) }),
    slots: new Slots(slotLimits(config)),
    seals,
    settings: turnSettings(config),
    clock: systemClock,
    emit,
  };
  feed.onCancelRequest((turn) => path.live.cancel(turn));
  return {
    path,
    takeOver,
    counts() {
      const { held, waiting } = leases.counts;
      return { running: path.live.size, leases: held, waiting, background: path.slots.counts.accepted };
    },
    reconfigure(next) {
      config = next;
      path.settings = turnSettings(next);
      leases.reconfigure(leaseLimits(next));
      path.slots.reconfigure(slotLimits(next));
      path.idempotency.reconfigure(retention(next));
    },
    close: () => leases.close(),
  };
}

const leaseLimits = ({ limits }: Config) => ({ queue: limits.sessionQueue });
const slotLimits = ({ turns, limits }: Config) => ({
  running: turns.background,
  waiting: limits.backgroundQueue,
});
const retention = (config: Config) => ({ retentionMs: config.retention.idempotencyMs });
const turnSettings = ({ limits, turns }: Config) => ({
  sessionWaitMs: limits.sessionWaitMs,
  deferMs: turns.deferMs,
  recovery: turns.recovery,
});
