import type { OthersAnswers } from './composition/other-workers.ts';
import { reloader } from './composition/reload.ts';
import { openSharedRates } from './composition/shared-rates.ts';
import { type Config, restartNeeded } from './config/config.ts';
import type { WorkerEnd } from './core/events.ts';
import type { Reload } from './core/reload.ts';
import { Gathered, type Reading } from './observe/metrics/gathered.ts';
import { EventRelay } from './workers/event-relay.ts';
import { Supervisor } from './workers/supervisor.ts';
import { startWorker, type Worker } from './workers/worker.ts';

/**
 * The composition root of the supervisor: the process of `clawhold start` where several workers serve the gateway. It
 * answers no request and opens no store. It keeps what the workers have in common, and starts again what dies.
 */

/** What a worker tells when it serves requests. */
export interface WorkerFacts {
  url: string;
  /** The address of `/metrics`, with the port that was taken. */
  metricsUrl: string;
  newRootKey?: string;
  providers: readonly { id: string; state: string }[];
  recovered: { continued: number; closed: number };
}

/** What a worker needs to know at its start. */
export interface WorkerStart {
  config: Config;
  place: number;
  count: number;
}

export interface WorkersParts {
  count: number;
  /** The command of a worker process. */
  command: readonly string[];
  /** Reads the configuration again. Rejects with a `ConfigError` for one with mistakes. */
  load(): Promise<Config>;
  /** Tells the operator. */
  say(text: string): void;
  /** Gets the output of the workers; absent: they have that of this process. */
  output?(lines: Uint8Array): void;
}

export interface RunningWorkers {
  /** Resolves when all workers serve requests. Rejects where one cannot start. */
  ready: Promise<WorkerFacts>;
  /** Reads the configuration again. All workers take it, or none does. */
  reload(): Promise<Reload>;
  /** Lets running turns end and ends all workers. */
  stop(): Promise<void>;
  kill(): void;
}

/** A worker that does not take a configuration by then is replaced by a new one, which starts with it. */
const TAKE_WITHIN_MS = 10_000;
const READ_WITHIN_MS = 1_000;
const OTHERS_WITHIN_MS = 1_500;

/** They concern the gateway as a whole, so that one worker after the other cannot take them (`withWhole`). */
const OF_WHOLE = /^(host|port|data_dir|workers|root_key|storage\.kind|metrics\.(host|port))$/;

export function startWorkers(started: Config, parts: WorkersParts): RunningWorkers {
  let config = started;
  const { count, say } = parts;
  const rates = openSharedRates();
  const metrics = new Gathered<Worker<WorkerFacts>>();
  const events = new EventRelay();
  /** Those that take new configurations. One that is about to starts with the newest. */
  const joined = new Set<Worker<WorkerFacts>>();
  const report = reporter(joined);
  const supervisor: Supervisor<WorkerFacts> = new Supervisor({
    count,
    start: (place) => startWorker({ place, command: parts.command, output: parts.output }),
    serve(worker) {
      const { channel } = worker;
      const others = () => supervisor.workers.filter((other) => other !== worker);
      const giveBack = rates(channel);
      const leaveEvents = events.serve(channel);
      const join = () => {
        joined.add(worker);
        report();
      };
      serveStart(worker, () => ({ config, count, facts }), join, say);
      serveMetrics(worker, metrics, () => supervisor.workers);
      for (const what of ['health', 'sign-out'])
        channel.on(what, (news) => {
          for (const other of others()) other.channel.tell(what, news);
        });
      channel.on('others', (asked: Asked) => answersOf(others(), asked));
      channel.on('configuration.reload', () => reload());
      return async () => {
        joined.delete(worker);
        metrics.leave(worker);
        leaveEvents();
        await giveBack();
        for (const other of others()) other.channel.tell('take-over');
      };
    },
    lost: report,
    say,
    drainMs: () => config.shutdown.drainMs,
  });
  let facts: WorkerFacts | undefined;
  const ready = supervisor
    .start(({ url }) => Number(new URL(url).port), started.port)
    .then((told) => {
      facts = told;
      return told;
    });
  const read = reloader({
    ...{ started, load: parts.load },
    restart: (next) => restartNeeded(started, next).filter((name) => OF_WHOLE.test(name)),
    async apply(loaded) {
      const next = withWhole(loaded, started);
      const needsNew = restartNeeded(config, next).length > 0;
      config = next;
      await Promise.all([...joined].map((worker) => take(worker, next, say)));
      // The reply does not wait until the last turn of the last worker has ended.
      if (needsNew) void supervisor.roll();
    },
    emit(event) {
      if (event.type === 'configuration-read')
        supervisor.workers[0]?.channel.tell('configuration.read', event.result);
    },
  });
  const reload = async () => {
    await ready;
    return read();
  };
  return { ready, reload, stop: () => supervisor.stop(), kill: () => supervisor.kill() };
}

/** Lets one of the workers report how another one ended: this process has no log and no metrics of its own. */
function reporter(workers: ReadonlySet<Worker<WorkerFacts>>): (end?: WorkerEnd) => void {
  const unreported: WorkerEnd[] = [];
  return (end) => {
    if (end) unreported.push(end);
    const [first] = workers;
    if (first) for (const one of unreported.splice(0)) first.channel.tell('worker.ended', one);
  };
}

interface StartFacts extends Omit<WorkerStart, 'place'> {
  /** Known once the first worker listens. */
  facts: WorkerFacts | undefined;
}

/** What each worker starts with: a worker reads no file, so that all have one configuration. */
function serveStart(
  worker: Worker<WorkerFacts>,
  now: () => StartFacts,
  join: () => void,
  say: (text: string) => void,
): void {
  const { channel, place } = worker;
  let given: Config | undefined;
  channel.on('start', (): WorkerStart => {
    const { config, count, facts } = now();
    given = config;
    return { config: withPorts(config, facts), place, count };
  });
  channel.on('configuration.join', async () => {
    join();
    const { config } = now();
    // It may have changed while the worker opened its stores.
    if (config !== given) await take(worker, config, say);
  });
}

/** A worker that starts later belongs to the same gateway, whatever the file says by then. */
function withWhole(next: Config, started: Config): Config {
  const { host, port, dataDir, workers, rootKey, storage, metrics } = started;
  return {
    ...{ ...next, host, port, dataDir, workers, rootKey, storage },
    metrics: { ...next.metrics, host: metrics.host, port: metrics.port },
  };
}

/** A worker that starts later listens where the first one does. */
function withPorts(config: Config, facts: WorkerFacts | undefined): Config {
  if (!facts) return config;
  const { metrics } = config;
  const port = metrics.port === undefined ? undefined : Number(new URL(facts.metricsUrl).port);
  return { ...config, metrics: { ...metrics, port } };
}

function serveMetrics(
  worker: Worker<WorkerFacts>,
  metrics: Gathered<Worker<WorkerFacts>>,
  workers: () => readonly Worker<WorkerFacts>[],
): void {
  const { channel } = worker;
  channel.on('metrics.last', (readings: Reading[]) => metrics.put(worker, readings));
  channel.on('metrics.gather', async () => {
    await Promise.all(
      workers().map(async (worker) => {
        const read = worker.channel.ask<Reading[]>('metrics.read', undefined, { withinMs: READ_WITHIN_MS });
        // Of a worker that does not answer, what it said last counts.
        await read.then(
          (readings) => metrics.put(worker, readings),
          () => {},
        );
      }),
    );
    return metrics.readings;
  });
}

interface Asked {
  what: string;
  value: unknown;
}

async function answersOf(
  workers: readonly Worker<WorkerFacts>[],
  { what, value }: Asked,
): Promise<OthersAnswers<unknown>> {
  const options = { withinMs: OTHERS_WITHIN_MS };
  const answers = await Promise.allSettled(workers.map(({ channel }) => channel.ask(what, value, options)));
  return {
    answers: answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : [])),
    isWhole: answers.every(({ status }) => status === 'fulfilled'),
  };
}

/** A worker that does not take the configuration ends, and starts again with it: none goes on with the earlier one. */
async function take(worker: Worker<WorkerFacts>, next: Config, say: (text: string) => void): Promise<void> {
  try {
    await worker.channel.ask('configuration.take', next, { withinMs: TAKE_WITHIN_MS });
  } catch (error) {
    say(`Worker ${worker.place + 1} did not take the configuration: ${(error as Error).message}`);
    worker.kill();
  }
}
