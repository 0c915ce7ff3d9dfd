import { eventually } from '../../harness/eventually.ts';
import { type SpawnedGateway, spawnGateway } from '../../harness/gateway.ts';
import { childrenOf, isRunning } from '../../harness/processes.ts';
import { startProcess } from '../gateway-process.ts';

/** How many background turns run at once. A round has fewer clients with background turns. */
export const BACKGROUND_SLOTS = 12;

/** What the next start does with turns that were running when the process died (`turns.recovery`). */
export type Recovery = 'rescue' | 'close';

/** With workers, every so many kills the supervisor is killed, and otherwise one of them. */
const SUPERVISOR_EVERY = 5;
/** `at`: milliseconds since the epoch. `what`: the process that was killed. */
export interface Kill {
  at: number;
  what: string;
}

/**
 * A gateway that is killed and restarted on the same data directory. Each process has another address. With several
 * workers, one of them is killed, and their supervisor starts it again; or the supervisor is killed.
 */
export class RestartingGateway {
  readonly kills: Kill[] = [];
  private next = Promise.withResolvers<SpawnedGateway>();
  private current: SpawnedGateway | undefined;
  /** Every worker that was seen, some of which go on after the death of their supervisor. */
  private readonly seen = new Set<number>();
  /** How many kills there were when the supervisor had been killed. */
  private sinceSupervisor = 0;
  /** How long the last start took, in milliseconds. */
  private startMs = 0;

  constructor(
    readonly dataDir: string,
    private readonly provider: string,
    /** 1: a single process. */
    readonly workers = 1,
  ) {}

  /** Resolves to the gateway as soon as one runs. */
  get gateway(): Promise<SpawnedGateway> {
    return this.next.promise;
  }

  /** Does nothing where the gateway runs, because only a worker was killed. */
  async start(recovery: Recovery = 'rescue'): Promise<void> {
    if (this.current) return;
    const { dataDir, provider, workers } = this;
    const env = {
      CLAWHOLD_WORKERS: String(workers),
      CLAWHOLD_TURNS_BACKGROUND: String(BACKGROUND_SLOTS),
      CLAWHOLD_TURNS_RECOVERY: recovery,
    };
    const startedAt = performance.now();
    this.current = await spawnGateway({ dataDir, provider, env });
    this.startMs = performance.now() - startedAt;
    this.next.resolve(this.current);
  }

  /** Kills the process with SIGKILL. Resolves when it has ended. Clients see their connections break. */
  async kill(): Promise<void> {
    const worker = this.nextWorker();
    if (worker !== undefined) {
      this.killed(`worker ${worker}`);
      process.kill(worker, 'SIGKILL');
      return;
    }
    const killed = this.leave();
    this.killed(`gateway ${killed.pid}`);
    await killed.kill();
    await killed.stop();
  }

  /** Stops the process, and kills it after `afterMs` if it still runs. */
  async stopAndKill(afterMs: number): Promise<void> {
    const stopping = this.leave();
    const stopped = stopping.stop();
    await Promise.race([stopped, Bun.sleep(afterMs)]);
    this.killed(`stopping gateway ${stopping.pid}`);
    await stopping.kill();
    await stopped;
  }

  /** Starts a process and kills it at a random moment of its start, or shortly after it. */
  async startAndKill(): Promise<void> {
    const { dataDir, provider } = this;
    const env = { ANTHROPIC_API_KEY: 'sk-simulated', ANTHROPIC_BASE_URL: provider };
    const starting = startProcess({ dataDir, provider, env });
    await Promise.race([starting.exited, Bun.sleep((0.3 + Math.random()) * this.startMs)]);
    starting.kill();
    this.killed('starting gateway');
    await starting.exited;
  }

  /** Waits until all workers are there, and stops the gateway cleanly. Rejects where a worker does not start or end. */
  async stop(): Promise<void> {
    if (!this.current) return;
    const current = this.leave();
    const { pid } = current;
    try {
      if (this.workers > 1)
        await eventually(
          'all workers are there',
          () => childrenOf(pid),
          (all) => all.length === this.workers,
        );
    } finally {
      await current.stop();
    }
    await eventually(
      'all workers have ended',
      () => [...this.seen].filter(isRunning),
      (all) => all.length === 0,
    );
  }

  /** The worker to kill next; none where the gateway itself is killed. */
  private nextWorker(): number | undefined {
    if (this.workers === 1) return undefined;
    const workers = childrenOf(this.current!.pid);
    for (const worker of workers) this.seen.add(worker);
    if (this.kills.length - this.sinceSupervisor >= SUPERVISOR_EVERY - 1) {
      this.sinceSupervisor = this.kills.length + 1;
      return undefined;
    }
    return workers[Math.floor(Math.random() * workers.length)];
  }

  private killed(what: string): void {
    this.kills.push({ at: Date.now(), what });
  }

  private leave(): SpawnedGateway {
    const left = this.current!;
    this.current = undefined;
    this.next = Promise.withResolvers();
    return left;
  }
}
