import { countUnkept } from './api/admin/admin.ts';
import { Watch } from './api/admin/watch.ts';
import { openApi } from './api/api.ts';
import type { FoundProvider } from './claws/find-providers.ts';
import { type Environment, type OpenClaws, openClaws } from './composition/claws.ts';
import { dashboardFiles } from './composition/dashboard.ts';
import { idleMemory } from './composition/idle-memory.ts';
import { type OpenKeys, openKeys, ROOT_KEY_EVERY_MS } from './composition/keys.ts';
import { type Observation, openObservation } from './composition/observation.ts';
import { OtherWorkers, type WorkerPlace } from './composition/other-workers.ts';
import { reloader } from './composition/reload.ts';
import { openStores, type Stores, timed } from './composition/stores.ts';
import { type GatewayCounts, type OpenTurnPath, openTurnPath } from './composition/turn-path.ts';
import { type Config, restartNeeded, ruleHeadersOf } from './config/config.ts';
import { systemClock } from './core/clock.ts';
import { Fault } from './core/errors.ts';
import type { Reload } from './core/reload.ts';
import type { Dialect } from './http/dialect.ts';
import { openServer, type RunningServer } from './http/server.ts';
import { WrongKeys } from './limits/wrong-keys.ts';
import { Seals } from './security/seals.ts';
import { SignIns } from './security/sign-ins.ts';
import type { Recovered } from './turn/start/recover.ts';

/**
 * The composition root: puts the gateway together from its parts. Only `composition/` names concrete stores and
 * claws.
 */

export { rotateRootKey, rotateSealKey } from './composition/keys.ts';
/** The reasons for which `startGateway` would reject because of its stores. */
export { refusalOfStores } from './composition/stores.ts';

/** Another process on the same store may die. */
const TAKE_OVER_EVERY_MS = 10_000;
/** How often expired idempotency keys and fingerprints are deleted, and new keys of seals are read. */
const SWEEP_EVERY_MS = 5 * 60_000;
/** Sessions that no turn has continued for so long leave the memory. */
const UNUSED_MS = 5 * 60_000;
/** How often it is looked whether the process is idle and may give memory back. */
const IDLE_EVERY_MS = 10_000;

/** How often turns that are not kept are added to the sums of usage: a crash loses as much of them. */
const COUNT_EVERY_MS = 2_000;
/** How often token ratios are kept: a crash loses what was learned since. */
const KEEP_RATIOS_EVERY_MS = 60_000;

export interface RunningGateway {
  /** `http://host:port`, with the port that was taken. */
  url: string;
  /** The address of `/metrics`. */
  metricsUrl: string;
  /** The root key, if this start made it. */
  newRootKey?: string;
  /** Every provider, on or off. */
  providers: readonly FoundProvider[];
  /**
   * Turns of an earlier process that this start takes over. Requests wait for it; where it rejects, they fail with the
   * reason, and the gateway is of no use.
   */
  recovered: Promise<Recovered>;
  counts(): GatewayCounts;
  /**
   * Takes a new configuration while running. It holds for requests that come from now on. Returns the settings
   * that differ and take effect only at the next start.
   */
  reconfigure(next: Config): Promise<string[]>;
  /** Reads the configuration again and takes it. Reloads run one after the other. */
  reload(): Promise<Reload>;
  /** Lets running turns end, within the configured time, and closes everything. */
  stop(): Promise<void>;
}

/** What a program that starts a gateway of its own may bring. */
export interface Extensions {
  /** The dialects that callers may speak; the gateway's own ones where absent. */
  dialects?: readonly Dialect[];
  /** A root key for this process only. The root key of the data folder is neither read nor changed. */
  rootKey?: string;
  /** Reads the configuration again. Rejects with a `ConfigError` for one with mistakes. None: a reload changes nothing. */
  load?(): Promise<Config>;
  /** This gateway is one of several processes that serve one port. */
  worker?: WorkerPlace;
}

export async function startGateway(
  initial: Config,
  env: Environment,
  { dialects, rootKey, load, worker }: Extensions = {},
): Promise<RunningGateway> {
  let config = initial;
  let ruleHeaders = ruleHeadersOf(initial);
  const watch = new Watch();
  const others = worker && new OtherWorkers(worker);
  const partOf = (whole: Config) => others?.partOf(whole) ?? whole;
  const observation = await openObservation(config, env, [watch.listen], others);
  const { emit } = observation;
  const stores = timed(await openStores(config, emit, worker), emit);
  const keys = await openKeys(config, stores, rootKey);
  const claws = await openClaws(config, env);
  const seals = await Seals.open(stores.keys, systemClock);
  const turns = openTurnPath(partOf(config), stores, claws.directory, seals, emit, others);
  const { path } = turns;
  observation.watch(turns);
  const recovered = turns.takeOver();
  const stopMaintenance = startMaintenance({ turns, keys, seals, watch, stores });
  const apply = async (next: Config) => {
    await seals.refresh();
    // The claws come first: aliases and keys may name them.
    await claws.reconfigure(next);
    config = next;
    ruleHeaders = ruleHeadersOf(next);
    keys.reconfigure(next);
    turns.reconfigure(partOf(next));
    observation.reconfigure(next);
  };
  const signIns = new SignIns(keys.keyring, systemClock, new WrongKeys(stores.rates), others?.tellSignOut);
  others?.connect({ signIns, turns, apply, emit });
  const reload = others
    ? () => others.reload()
    : reloader({ started: initial, load: load ?? (async () => config), apply, emit });
  const probeStore = sharedFor(PROBED_FOR_MS, stores.probe);
  let accepting = true;
  const port = others ? await portOf(others, recovered) : config.port;
  const server = openServer({
    ...{ host: config.host, port, reusePort: worker !== undefined, authenticator: keys.keyring },
    api: openApi(path, { survey: stores.survey, watch, elsewhere: others?.live }),
    settings: () => ({ ...config.limits, ruleHeaders }),
    health: { ready: () => accepting, probeStore, failingClaws: turns.failingClaws },
    // Every turn that an earlier process left can be found again before the first request is handled.
    prepared: recovered,
    startedAt: systemClock(),
    dialects,
    reload,
    ...observation.http,
    signIns,
    dashboard: dashboardFiles(),
    configuration: () => config.inUse,
    emit,
  }).listen();
  return {
    ...urlsOf(config, server.port, observation.metricsUrl),
    newRootKey: keys.newRootKey,
    providers: claws.providers,
    recovered,
    counts: turns.counts,
    async reconfigure(next) {
      await apply(next);
      return restartNeeded(initial, next);
    },
    reload,
    stop() {
      accepting = false;
      stopMaintenance();
      return stopGateway({ claws, turns, server, watch, stores, observation }, config.shutdown.drainMs);
    },
  };
}

/**
 * Another worker may handle a request as soon as it listens, and does not know what this one takes over. So no worker
 * listens before all have taken over what they found.
 */
async function portOf(others: OtherWorkers, recovered: Promise<unknown>): Promise<number> {
  await recovered;
  return others.port();
}

interface OpenParts {
  claws: OpenClaws;
  turns: OpenTurnPath;
  server: RunningServer;
  watch: Watch;
  stores: Stores;
  observation: Observation;
}

async function stopGateway(parts: OpenParts, drainMs: number): Promise<void> {
  const { claws, turns, server, watch, stores, observation } = parts;
  claws.close();
  turns.close();
  const { idempotency, live } = turns.path;
  const handedOver = idempotency.handOver((target) => live.has(target)).catch(() => {});
  // Resolves with the last open request: until then, turns that wait for their session may still begin.
  const closed = server.close(new Fault('shutting_down', 'The gateway is shutting down.'));
  await live.drain(drainMs, closed);
  await Promise.race([closed, Bun.sleep(1_000)]);
  await server.stop();
  await countUnkept(watch, stores.survey).catch(() => {});
  await keepRatios(parts).catch(() => {});
  await handedOver;
  await stores.close();
  await observation.close();
}

/** What is looked after while the gateway runs. */
interface Maintained {
  turns: OpenTurnPath;
  keys: OpenKeys;
  seals: Seals;
  watch: Watch;
  stores: Stores;
}

/** Does again and again what is due, until the returned function is called. */
function startMaintenance({ turns, keys, seals, watch, stores }: Maintained): () => void {
  const giveBackMemory = idleMemory(turns.path, UNUSED_MS);
  const timers = [
    every(TAKE_OVER_EVERY_MS, turns.takeOver),
    every(SWEEP_EVERY_MS, () => turns.path.idempotency.sweep()),
    every(IDLE_EVERY_MS, async () => giveBackMemory()),
    every(ROOT_KEY_EVERY_MS, keys.refresh),
    every(SWEEP_EVERY_MS, () => seals.refresh()),
    every(KEEP_RATIOS_EVERY_MS, () => keepRatios({ turns, stores })),
    every(COUNT_EVERY_MS, () => countUnkept(watch, stores.survey)),
  ];
  return () => {
    for (const timer of timers) clearInterval(timer);
  };
}

/** What models have been found to count is known at the next start. */
async function keepRatios({ turns, stores }: Pick<Maintained, 'turns' | 'stores'>): Promise<void> {
  const changed = turns.path.tokens.ratios.changed();
  if (changed.size > 0) await stores.ratios?.keepRatios(changed);
}

/** `metrics`: the address of the metrics, where they have a port of their own. */
function urlsOf({ host }: Config, port: number, metrics: string | undefined) {
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  return { url, metricsUrl: metrics ?? `${url}/metrics` };
}

/** Health probes need no key: many of them must not write to the store more often. */
const PROBED_FOR_MS = 1_000;

/** The same function, whose result holds for some time. */
function sharedFor(ms: number, work: () => Promise<void>): () => Promise<void> {
  let last: { at: number; result: Promise<void> } | undefined;
  return () => {
    if (last && performance.now() < last.at + ms) return last.result;
    last = { at: performance.now(), result: work() };
    return last.result;
  };
}

/** Does something again and again; what fails is done the next time. */
function every(ms: number, work: () => Promise<unknown>): ReturnType<typeof setInterval> {
  const timer = setInterval(() => work().catch(() => {}), ms);
  timer.unref();
  return timer;
}
