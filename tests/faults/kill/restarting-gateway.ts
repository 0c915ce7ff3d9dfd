import { type SpawnedGateway, spawnGateway } from '../../harness/gateway.ts';
import { startProcess } from '../gateway-process.ts';

/** How many background turns run at once. A round has fewer clients with background turns. */
export const BACKGROUND_SLOTS = 12;

/** What the next start does with turns that were running when the process died (`turns.recovery`). */
export type Recovery = 'rescue' | 'close';

/** A gateway that is killed and restarted on the same data directory. Each process has another address. */
export class RestartingGateway {
  /** The times of all kills, in milliseconds since the epoch. */
  readonly kills: number[] = [];
  private next = Promise.withResolvers<SpawnedGateway>();
  private current: SpawnedGateway | undefined;
  /** How long the last start took, in milliseconds. */
  private startMs = 0;

  constructor(
    readonly dataDir: string,
    private readonly provider: string,
  ) {}

  /** Resolves to the gateway as soon as one runs. */
  get gateway(): Promise<SpawnedGateway> {
    return this.next.promise;
  }

  async start(recovery: Recovery = 'rescue'): Promise<void> {
    const { dataDir, provider } = this;
    const env = { CLAWHOLD_TURNS_BACKGROUND: String(BACKGROUND_SLOTS), CLAWHOLD_TURNS_RECOVERY: recovery };
    const startedAt = performance.now();
    this.current = await spawnGateway({ dataDir, provider, env });
    this.startMs = performance.now() - startedAt;
    this.next.resolve(this.current);
  }

  /** Kills the process with SIGKILL. Resolves when it has ended. Clients see their connections break. */
  async kill(): Promise<void> {
    const killed = this.current!;
    this.next = Promise.withResolvers();
    this.kills.push(Date.now());
    await killed.kill();
    await killed.stop();
  }

  /** Stops the process, and kills it after `afterMs` if it still runs. */
  async stopAndKill(afterMs: number): Promise<void> {
    const stopping = this.current!;
    this.next = Promise.withResolvers();
    const stopped = stopping.stop();
    await Promise.race([stopped, Bun.sleep(afterMs)]);
    this.kills.push(Date.now());
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
    this.kills.push(Date.now());
    await starting.exited;
  }

  /** Stops the process cleanly. */
  async stop(): Promise<void> {
    await this.current?.stop();
  }
}
