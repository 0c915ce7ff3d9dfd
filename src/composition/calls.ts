import type { Capabilities } from '../claws/claw.ts';
import type { ClawDirectory } from '../claws/claw-directory.ts';
import { fixedAnswer } from '../claws/local/fixed-answer.ts';
import type { Config } from '../config/config.ts';
import type { Candidate } from '../core/candidate.ts';
import type { Emit } from '../core/events.ts';
import type { Overload } from '../limits/overload.ts';
import { strictest, type Timeouts, timeLimits } from '../routing/attempts.ts';
import { chain, type Dispatch } from '../routing/call-chain.ts';
import { gate } from '../routing/gate.ts';
import { type HealthStore, MemoryHealth } from '../routing/health.ts';
import { retries } from '../routing/retries.ts';
import type { RoutingFacts } from '../routing/strategies.ts';
import { dispatchTo } from '../turn/answer/dispatch.ts';

export interface OpenCalls {
  /** The chain of interceptors, with the claws at its end. */
  dispatch: Dispatch;
  capabilities(candidate: Candidate): Capabilities;
  health: HealthStore;
  routing: RoutingFacts;
  reconfigure(config: Config): void;
}

/** Puts together what lies between a turn and the claws. */
export function openCalls(
  initial: Config,
  directory: ClawDirectory,
  overload: Pick<Overload, 'level'>,
  emit: Emit,
): OpenCalls {
  let config = initial;
  let timeouts = timeoutsOf(config, directory);
  const now = () => performance.now();
  const breaker = () => config.breaker;
  const health = new MemoryHealth({ breaker, bulkhead: () => config.bulkhead, now, emit });
  const clawOf = (candidate: Candidate) =>
    candidate.answer === undefined ? directory.claw(candidate) : fixedAnswer(candidate.answer);
  const interceptors = [
    retries({ health, settings: () => config.retries, emit }),
    gate({ health, breaker, now }),
    timeLimits(
      ({ provider }) => timeouts.get(provider) ?? config.timeouts,
      async (candidate, signal) => clawOf(candidate).probe?.(signal),
    ),
  ];
  return {
    dispatch: chain(interceptors, dispatchTo(clawOf, emit)),
    capabilities: (candidate) => clawOf(candidate).capabilities,
    health,
    routing: {
      standing: (candidate) => health.of(candidate),
      connectMs: (candidate) => clawOf(candidate).connectMs?.(),
      get region() {
        return config.region;
      },
      random: Math.random,
      turnOf: turnCounter(),
      isBusy: () => overload.level !== 'calm',
    },
    reconfigure(next) {
      config = next;
      timeouts = timeoutsOf(next, directory);
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
