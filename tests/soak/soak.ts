import { rmSync } from 'node:fs';
import { leftovers } from '../faults/kill/checks.ts';
import { type SpawnedGateway, spawnGateway, temporaryDirectory } from '../harness/gateway.ts';
import { childrenOf, halfClosedSockets, residentBytes } from '../harness/processes.ts';
import { type Provider, startProvider } from '../simulators/provider/provider.ts';
import { STREAMS } from './streams.ts';

const SAMPLE_EVERY_MS = 500;
/** Turns run on for a moment after their clients have disconnected. */
const IDLE_WITHIN_MS = 30_000;

export interface SoakOptions {
  /** How many workers serve the gateway; 1: a single process. */
  workers: number;
  /** How many streams run at the same time. */
  atOnce: number;
}

/** When no further streams begin: after so many streams, or after so many milliseconds, whichever comes first. */
export interface SoakLength {
  streams?: number;
  ms?: number;
}

export interface SoakSummary {
  streams: number;
  byKind: Record<string, number>;
  /** Resident memory of each process of the gateway in bytes, twice a second; the process that was started is first. */
  resident: number[][];
  /** What is still held after all streams have ended. */
  left: Record<string, number>;
  /** What is left on disk, in words. */
  remains: string[];
  failures: string[];
}

/** What turns hold, in the metrics of the gateway. */
const HELD = [
  'clawhold_turns_running',
  'clawhold_queue_length',
  'clawhold_calls_running',
  'clawhold_leases_held',
  'clawhold_background_turns',
  'clawhold_holds',
];

/** Runs many streams against `clawhold start`. Each request makes a connection of its own, so any worker may get it. */
export class Soak {
  private readonly provider: Provider = startProvider({ keep: 0 });
  private readonly dataDir = temporaryDirectory();
  private readonly summary: SoakSummary = {
    streams: 0,
    byKind: {},
    resident: [],
    left: {},
    remains: [],
    failures: [],
  };

  constructor(private readonly options: SoakOptions) {}

  async run(length: SoakLength, onSample: (summary: SoakSummary) => void = () => {}): Promise<SoakSummary> {
    const { provider, dataDir, options, summary } = this;
    let gateway: SpawnedGateway | undefined;
    try {
      gateway = await this.start();
      const { pid } = gateway;
      const processes = () => [pid, ...childrenOf(pid)];
      const started = processes();
      const sampling = setInterval(() => {
        summary.resident.push(processes().map(residentBytes));
        onSample(summary);
      }, SAMPLE_EVERY_MS);
      await this.streams(gateway, length);
      clearInterval(sampling);
      await this.waitUntilIdle(gateway, started);
      if (String(processes()) !== String(started)) summary.failures.push('a process of the gateway ended');
      // The end of a turn is in the journal 50 ms later.
      await Bun.sleep(200);
      summary.remains = leftovers(dataDir, options.workers);
    } finally {
      await gateway?.stop();
      provider.stop();
      rmSync(dataDir, { recursive: true, force: true });
    }
    return summary;
  }

  private start(): Promise<SpawnedGateway> {
    return spawnGateway({
      provider: this.provider.url,
      dataDir: this.dataDir,
      env: {
        CLAWHOLD_WORKERS: String(this.options.workers),
        CLAWHOLD_TIMEOUTS_IDLE_MS: '300',
        CLAWHOLD_LIMITS_SESSION_QUEUE: '1000',
        CLAWHOLD_RATE_LIMITS_GLOBAL_TOKENS_PER_MINUTE: '1000000000000',
        CLAWHOLD_RATE_LIMITS_GLOBAL_STREAMS: '1000000',
      },
    });
  }

  private async streams({ url }: SpawnedGateway, length: SoakLength): Promise<void> {
    const { streams = Number.POSITIVE_INFINITY, ms = Number.POSITIVE_INFINITY } = length;
    const end = performance.now() + ms;
    const lane = async () => {
      while (this.summary.streams < streams && performance.now() < end)
        await this.stream(url, this.summary.streams++);
    };
    await Promise.all(Array.from({ length: this.options.atOnce }, lane));
  }

  private async stream(url: string, number: number): Promise<void> {
    const { byKind, failures } = this.summary;
    const { name, run } = STREAMS[number % STREAMS.length]!;
    try {
      await run({ url, label: `n${number}` });
      byKind[name] = (byKind[name] ?? 0) + 1;
    } catch (error) {
      failures.push(`${name}: ${(error as Error).message}`);
    }
  }

  private async waitUntilIdle(gateway: SpawnedGateway, processes: readonly number[]): Promise<void> {
    const port = Number(new URL(gateway.url).port);
    for (const deadline = performance.now() + IDLE_WITHIN_MS; performance.now() < deadline; ) {
      const sockets = processes.reduce((sum, pid) => sum + halfClosedSockets(pid, port), 0);
      this.summary.left = { ...(await heldIn(gateway)), sockets };
      if (Object.values(this.summary.left).every((count) => count === 0)) return;
      await Bun.sleep(100);
    }
  }
}

/** The sum of each of the metrics, over its labels. */
async function heldIn(gateway: SpawnedGateway): Promise<Record<string, number>> {
  const text = await (await gateway.fetch('/metrics')).text();
  return Object.fromEntries(
    HELD.map((name) => {
      const series = [...text.matchAll(new RegExp(`^${name}(?:{.*})? (\\d+)$`, 'gm'))];
      if (series.length === 0) throw new Error(`the gateway does not tell ${name}`);
      return [name, series.reduce((sum, [, value]) => sum + Number(value), 0)];
    }),
  );
}
