import { readdirSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { version } from '../../package.json';
import type { Config } from '../config/config.ts';
import { systemClock } from '../core/clock.ts';
import { type Emit, emitTo } from '../core/events.ts';
import { listenForMetrics, type MetricsSource } from '../http/metrics.ts';
import type { TraceSource } from '../http/trace.ts';
import { AlertWatcher } from '../observe/alerts/watcher.ts';
import { type Log, openLog } from '../observe/log.ts';
import { CONTENT_TYPES, exposition, formatFor } from '../observe/metrics/exposition.ts';
import type { GatewayFacts } from '../observe/metrics/gateway-facts.ts';
import { gatewayMetrics } from '../observe/metrics/gateway-metrics.ts';
import { telemetryHeaders, telemetrySettings } from '../observe/otlp/settings.ts';
import { openTelemetry } from '../observe/telemetry.ts';
import { journalDirectory } from '../stores/files/journal-files.ts';
import type { Environment } from './claws.ts';
import type { OtherWorkers } from './other-workers.ts';
import { databaseFile } from './stores.ts';
import type { OpenTurnPath } from './turn-path.ts';

/** What is observed of the gateway, and how it is shown. */
export interface Observation {
  /** Passes an event to the log, the metrics and the traces. */
  emit: Emit;
  /** What the server needs: `metrics` only where they have no port of their own. */
  http: { trace: TraceSource; metrics?: MetricsSource };
  /** The address of `/metrics`, where it has a port of its own. */
  metricsUrl?: string;
  /** Alerts are watched from now on; what the gateway holds is read from `turns`. */
  watch(turns: OpenTurnPath): void;
  reconfigure(config: Config): void;
  /** Sends and writes what was gathered, within a bounded time. */
  close(): Promise<void>;
}

/** `others`: further listeners. */
export async function openObservation(
  initial: Config,
  env: Environment,
  others: readonly Emit[] = [],
  workers?: OtherWorkers,
): Promise<Observation> {
  let config = initial;
  let turns: OpenTurnPath | undefined;
  const facts = factsOf(initial, () => turns);
  const metrics = gatewayMetrics(facts);
  const settings = telemetrySettings(initial.telemetry, env, version);
  const telemetry = openTelemetry(
    settings,
    {
      traces: () => ({ ...config.telemetry, sample: settings.sample ?? config.telemetry.sample }),
      headers: () => telemetryHeaders(config.telemetry, env),
    },
    metrics.registry,
  );
  const log: Log = await openLog(initial.log.level, telemetry.log);
  const emit = emitTo([log.listen, metrics.listen, telemetry.listen, ...others]);
  const gateway = settings.resource['service.name'] ?? initial.telemetry.serviceName;
  const watcher = new AlertWatcher({
    ...{ facts, registry: metrics.registry, emit, gateway, clock: systemClock },
    settings: { ...initial.alerts, rules: [] },
    counted: workers && (() => workers.gatherMetrics()),
  });
  const source: MetricsSource = {
    async read(accept) {
      const format = formatFor(accept);
      const all = workers ? await workers.gatherMetrics() : metrics.registry.metrics;
      return { contentType: CONTENT_TYPES[format], text: exposition(all, format) };
    },
    key: () => config.metrics.key,
  };
  workers?.onMetrics(() => metrics.registry.metrics);
  const alerts = (config: Config) =>
    workers?.isFirst === false ? { ...config.alerts, rules: [] } : config.alerts;
  const own = metricsPort(initial, source, workers !== undefined);
  return {
    emit,
    http: { trace: telemetry.trace, metrics: own ? undefined : source },
    metricsUrl: own && `http://${initial.metrics.host}:${own.port}/metrics`,
    watch(opened) {
      turns = opened;
      watcher.reconfigure(alerts(config));
    },
    reconfigure(next) {
      config = next;
      log.setLevel(next.log.level);
      watcher.reconfigure(alerts(next));
    },
    async close() {
      watcher.close();
      await telemetry.close();
      await workers?.leaveMetrics(metrics.registry.metrics);
      await own?.stop(true);
      log.flush();
    },
  };
}

function metricsPort({ metrics: { host, port } }: Config, source: MetricsSource, reusePort: boolean) {
  return port === undefined ? undefined : listenForMetrics(source, { host, port, reusePort });
}

const NOTHING = { running: 0, leases: 0, waiting: 0, background: 0, holds: 0, calls: 0 };

/** Before the turn path is open, nothing runs. */
function factsOf({ storage, dataDir }: Config, turns: () => OpenTurnPath | undefined): GatewayFacts {
  const counts = () => turns()?.counts() ?? NOTHING;
  const onDisk =
    <Facts>(read: () => Facts) =>
    () =>
      storage.kind === 'memory' ? undefined : unlessMissing(read);
  return {
    version,
    running: () => counts().running,
    oldestTurnMs: () => turns()?.path.live.oldestMs(systemClock()) ?? 0,
    queues: () => ({ session: counts().waiting, background: turns()?.waitingForSlot() ?? 0 }),
    calls: () => counts().calls,
    leases: () => counts().leases,
    background: () => counts().background,
    holds: () => counts().holds,
    broken: () => turns()?.path.health.broken() ?? [],
    disk: onDisk(() => {
      const { bavail, blocks, bsize } = statfsSync(dataDir);
      return { free: bavail * bsize, size: blocks * bsize };
    }),
    files: onDisk(() => ({
      database: sizeOf(databaseFile(dataDir)) + sizeOf(`${databaseFile(dataDir)}-wal`),
      journal: readdirSync(journalDirectory(dataDir)).reduce(
        (sum, name) => sum + sizeOf(join(journalDirectory(dataDir), name)),
        0,
      ),
    })),
  };
}

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

/** A file may go while it is looked at. */
function unlessMissing<Facts>(read: () => Facts): Facts | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
