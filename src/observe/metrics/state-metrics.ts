import { readdirSync } from 'node:fs';
import type { Candidate } from '../../core/candidate.ts';
import type { GatewayEvent } from '../../core/events.ts';
import { OVERLOAD_LEVELS, type OverloadLevel } from '../../core/overload.ts';
import type { GatewayFacts } from './gateway-facts.ts';
import type { Registry } from './registry.ts';

const STORE = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];
const DELAYS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];
const TURNS = [0, 1, 2, 5, 10, 50, 100, 1_000, 10_000];

/** So many candidates whose breaker has opened are remembered, to show that it is closed again. */
const MOST_BREAKERS = 256;

/** The metrics about sessions, stores, claws and the process itself. */
export class StateMetrics {
  private level: OverloadLevel = 'calm';
  private readonly breakers = new Map<string, Candidate>();
  private readonly storeSeconds;
  private readonly storeErrors;
  private readonly created;
  private readonly deleted;
  private readonly leasesLost;
  private readonly damaged;
  private readonly lag;
  private readonly updateSeconds;
  private readonly loopDelay;
  private readonly openings;
  private readonly reloads;
  private readonly restarts;

  constructor(registry: Registry, facts: GatewayFacts) {
    this.storeSeconds = registry.histogram(
      'clawhold_store_operation_duration_seconds',
      'Time of operations of the stores.',
      STORE,
      'port',
      'operation',
    );
    this.storeErrors = registry.counter(
      'clawhold_store_errors_total',
      'Operations of the stores that failed.',
      'port',
      'operation',
    );
    this.created = registry.counter('clawhold_sessions_created_total', 'Sessions that were made.');
    this.deleted = registry.counter('clawhold_sessions_deleted_total', 'Sessions that were deleted.');
    this.leasesLost = registry.counter(
      'clawhold_leases_lost_total',
      'Turns whose session another process took over.',
    );
    this.damaged = registry.counter(
      'clawhold_journal_damaged_lines_total',
      'Damaged lines of journals of dead processes.',
    );
    this.lag = registry.histogram(
      'clawhold_index_lag_turns',
      'How many turns the index of a branch was behind when a turn asked for it.',
      TURNS,
    );
    this.updateSeconds = registry.histogram(
      'clawhold_index_update_duration_seconds',
      'Time to bring the index of a branch up to date.',
      STORE,
    );
    this.loopDelay = registry.histogram(
      'clawhold_event_loop_delay_seconds',
      'How late the event loop was; measured ten times a second.',
      DELAYS,
    );
    this.openings = registry.counter(
      'clawhold_breaker_openings_total',
      'How often the circuit breaker of a model opened.',
      'provider',
      'model',
      'reason',
    );
    this.reloads = registry.counter(
      'clawhold_configuration_reloads_total',
      'Reloads of the configuration.',
      'state',
    );
    this.restarts = registry.counter(
      'clawhold_worker_restarts_total',
      'Workers that were started again, because they died or because they hung and were killed.',
      'reason',
    );
    this.gauges(registry, facts);
    processMetrics(registry);
  }

  listen(event: GatewayEvent): void {
    switch (event.type) {
      case 'store-operation': {
        const { port, operation, ms, failed } = event;
        if (failed) this.storeErrors.add(1, port, operation);
        this.storeSeconds.observe(ms / 1_000, port, operation);
        break;
      }
      case 'event-loop-sampled':
        this.loopDelay.observe(event.delayMs / 1_000);
        break;
      case 'overload-changed':
        this.level = event.level;
        break;
      case 'session-created':
        this.created.add(1);
        break;
      case 'session-deleted':
        this.deleted.add(1);
        break;
      case 'lease-lost':
        this.leasesLost.add(1);
        break;
      case 'journal-damaged':
        this.damaged.add(event.lines);
        break;
      case 'past-updated':
        this.lag.observe(event.turns);
        this.updateSeconds.observe(event.ms / 1_000);
        break;
      case 'breaker-changed':
        this.breaker(event);
        break;
      case 'configuration-read':
        this.reloads.add(1, event.result.state);
        break;
      case 'worker-ended':
        this.restarts.add(1, event.reason);
        break;
    }
  }

  private breaker(event: Extract<GatewayEvent, { type: 'breaker-changed' }>): void {
    const { candidate, state } = event;
    const { provider, model } = candidate;
    const key = `${provider}/${model}`;
    if (this.breakers.size < MOST_BREAKERS || this.breakers.has(key)) this.breakers.set(key, candidate);
    if (state === 'open') this.openings.add(1, provider, model, event.reason);
  }

  private gauges(registry: Registry, facts: GatewayFacts): void {
    const gauge = registry.gauge.bind(registry);
    gauge('clawhold_build_info', 'The version that runs; always 1.', () => [[1, facts.version]], 'version');
    gauge('clawhold_turns_running', 'Turns that run.', facts.running);
    gauge(
      'clawhold_oldest_turn_age_seconds',
      'Age of the oldest turn that runs, without those that wait for a provider. 0: none runs.',
      () => facts.oldestTurnMs() / 1_000,
    );
    gauge(
      'clawhold_queue_length',
      'What waits: turns for their session, and turns of the background.',
      () => {
        const { session, background } = facts.queues();
        return [
          [session, 'session'],
          [background, 'background'],
        ];
      },
      'queue',
    );
    gauge('clawhold_calls_running', 'Calls of models that run, or wait for a slot.', facts.calls);
    gauge(
      'clawhold_leases_held',
      'Sessions to which turns of this process have the right to write.',
      facts.leases,
    );
    gauge('clawhold_background_turns', 'Turns of the background that run or wait.', facts.background);
    gauge('clawhold_holds', 'Turns that hold a share of the limits of their callers.', facts.holds);
    gauge(
      'clawhold_breaker_state',
      'Circuit breakers of models that have opened: 0 closed, 1 half-open, 2 open.',
      () => this.breakerStates(facts),
      'provider',
      'model',
    );
    gauge('clawhold_overload_level', 'Overload of the gateway: 0 calm, 1 busy, 2 heavy, 3 critical.', () =>
      OVERLOAD_LEVELS.indexOf(this.level),
    );
    const ofDisk = (part: 'free' | 'size') => (): [number][] => {
      const disk = facts.disk();
      return disk ? [[disk[part]]] : [];
    };
    gauge('clawhold_disk_free_bytes', 'Free space of the file system of the data folder.', ofDisk('free'));
    gauge('clawhold_disk_size_bytes', 'Size of the file system of the data folder.', ofDisk('size'));
    const ofFiles = (part: 'database' | 'journal') => (): [number][] => {
      const files = facts.files();
      return files ? [[files[part]]] : [];
    };
    gauge('clawhold_database_bytes', 'Size of the database.', ofFiles('database'));
    gauge('clawhold_journal_bytes', 'Size of the journal of running turns.', ofFiles('journal'));
  }

  private breakerStates(facts: GatewayFacts): [number, string, string][] {
    const states = new Map([...this.breakers.keys()].map((key) => [key, 0]));
    const candidates = new Map(this.breakers);
    for (const { candidate, state } of facts.broken()) {
      const key = `${candidate.provider}/${candidate.model}`;
      candidates.set(key, candidate);
      // Of several instances, the worst one counts.
      states.set(key, Math.max(states.get(key) ?? 0, state === 'open' ? 2 : 1));
    }
    return [...states].map(([key, state]) => [
      state,
      candidates.get(key)!.provider,
      candidates.get(key)!.model,
    ]);
  }
}

/** The names are those of Prometheus' own client libraries. */
function processMetrics(registry: Registry): void {
  const startedAt = Date.now() / 1_000 - process.uptime();
  registry.count('process_cpu_seconds_total', 'Processor time that the process has used.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  registry.gauge('process_resident_memory_bytes', 'Memory of the process.', () => process.memoryUsage.rss());
  registry.gauge(
    'process_start_time_seconds',
    'When the process started, in seconds since the epoch.',
    () => startedAt,
  );
  registry.gauge('process_open_fds', 'Open files and connections of the process.', openFiles);
}

/** Only Linux tells it cheaply. */
function openFiles(): [number][] {
  try {
    return [[readdirSync('/proc/self/fd').length]];
  } catch {
    return [];
  }
}
