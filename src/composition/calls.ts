import type { Capabilities } from '../claws/claw.ts';
import type { ClawDirectory } from '../claws/claw-directory.ts';
import { fixedAnswer } from '../claws/local/fixed-answer.ts';
import type { Config } from '../config/config.ts';
import type { Candidate } from '../core/candidate.ts';
import type { Emit } from '../core/events.ts';
import type { Overload } from '../limits/overload.ts';
import { strictest, type Timeouts, timeLimits } from '../routing/attempts.ts';
import type { BulkheadSettings } from '../routing/bulkhead.ts';
import { chain, type Dispatch } from '../routing/call-chain.ts';
import { gate } from '../routing/gate.ts';
import { type HealthStore, MemoryHealth } from '../routing/health.ts';
import { UNLIMITED } from '../routing/money-budget.ts';
import { retries } from '../routing/retries.ts';
import type { RoutingFacts } from '../routing/strategies.ts';
import { dispatchTo } from '../turn/answer/dispatch.ts';
import { Embedder } from '../turn/embed/embedder.ts';
import type { OtherWorkers } from './other-workers.ts';

export interface OpenCalls {
  /** The chain of interceptors, with the claws at its end. */
  dispatch: Dispatch;
  capabilities(candidate: Candidate): Capabilities;
  health: HealthStore;
  embedder: Embedder;
  routing: RoutingFacts;
  reconfigure(config: Config): void;
}

/** Puts together what lies between a turn and the claws. */
export function openCalls(
  initial: Config,
  directory: ClawDirectory,
  overload: Pick<Overload, 'level'>,
  emit: Emit,
  others?: OtherWorkers,
): OpenCalls {
  let config = initial;
  let timeouts = timeoutsOf(config, directory);
  const now = () => performance.now();
  const breaker = () => config.breaker;
  let bulkheads = bulkheadsOf(config, directory);
  const bulkhead = (provider: string) => bulkheads.get(provider) ?? config.bulkhead;
  const health = new MemoryHealth({ breaker, bulkhead, now, emit, tell: others?.tellHealth });
  others?.onHealth((candidate, news) => health.learn(candidate, news));
  const clawOf = (candidate: Candidate) =>
    candidate.answer === undefined ? directory.claw(candidate) : fixedAnswer(candidate.answer);
  const interceptors = [
    retries({ health, settings: () => config.retries, emit }),
    gate({ health, breaker, now, emit }),
    timeLimits(
      ({ provider }) => timeouts.get(provider) ?? config.timeouts,
      async (candidate, signal) => clawOf(candidate).probe?.(signal),
    ),
  ];
  const embedder = new Embedder({
    ...{ directory: directory.embeddings, claws: directory, health, now, budget: UNLIMITED },
    clawOf: (candidate) => directory.embedding(candidate),
    callMs: ({ provider }) => (timeouts.get(provider) ?? config.timeouts).firstTokenMs,
  });
  return {
    dispatch: chain(interceptors, dispatchTo(clawOf, emit)),
    capabilities: (candidate) => clawOf(candidate).capabilities,
    health,
    embedder,
    routing: {
      healthOf: (candidate) => health.of(candidate),
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
      bulkheads = bulkheadsOf(next, directory);
    },
  };
}

/** What the configuration says about single claws, by the provider's id; without the claws of which it says nothing. */
function ownSettings<Own>(
  { claws }: Config,
  directory: ClawDirectory,
  settingOf: (claw: Config['claws'][string]) => Own | undefined,
): ReadonlyMap<string, Own> {
  const found = new Map<string, Own>();
  for (const [name, claw] of Object.entries(claws)) {
    const own = settingOf(claw);
    if (own !== undefined) found.set(directory.service(name)?.provider ?? name, own);
  }
  return found;
}

const timeoutsOf = (config: Config, directory: ClawDirectory): ReadonlyMap<string, Timeouts> =>
  ownSettings(config, directory, ({ timeouts: own }) => own && strictest(config.timeouts, [own]));

const bulkheadsOf = (config: Config, directory: ClawDirectory): ReadonlyMap<string, BulkheadSettings> =>
  ownSettings(config, directory, ({ maxCalls: max }) =>
    max === undefined ? undefined : { ...config.bulkhead, max },
  );

/** A pattern stands for any number of names. */
const MOST_NAMES = 1_024;

/** Counts the turns of each name: 0, 1, 2… It begins anew when there are too many names. */
function turnCounter(): (name: string) => number {
  const counts = new Map<string, number>();
  return (name) => {
    const count = counts.get(name) ?? 0;
    if (counts.size >= MOST_NAMES && count === 0) counts.clear();
    counts.set(name, count + 1);
    return count;
  };
}
