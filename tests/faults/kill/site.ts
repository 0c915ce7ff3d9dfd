import { type SpawnedGateway, spawnGateway } from '../../harness/gateway.ts';
import { startProcess } from '../gateway-process.ts';

/** How many background turns run at once: more than a round has clients that want them. */
export const PLACES = 12;

/** What becomes of turns that are answering a client when their process dies (`turns.recovery`). */
export type Recovery = 'rescue' | 'close';

/** A gateway on one data directory through all its lives; each has another address. */
export class Site {
  /** When it was killed, in milliseconds since the epoch. */
  readonly kills: number[] = [];
  private life = Promise.withResolvers<SpawnedGateway>();
  private current: SpawnedGateway | undefined;
  /** Milliseconds that the last start took. */
  private starting = 0;

  constructor(
    readonly dataDir: string,
    private readonly provider: string,
  ) {}

  /** The gateway, as soon as there is one that runs. */
  get gateway(): Promise<SpawnedGateway> {
    return this.life.promise;
  }

  async start(recovery: Recovery = 'rescue'): Promise<void> {
    const { dataDir, provider } = this;
    const env = { CLAWHOLD_TURNS_BACKGROUND: String(PLACES), CLAWHOLD_TURNS_RECOVERY: recovery };
    const begun = performance.now();
    this.current = await spawnGateway({ dataDir, provider, env });
    this.starting = performance.now() - begun;
    this.life.resolve(this.current);
  }

  /** kill -9. Settles when the process is gone; its clients notice by themselves. */
  async kill(): Promise<void> {
    const killed = this.current!;
    this.life = Promise.withResolvers();
    this.kills.push(Date.now());
    await killed.kill();
    await killed.stop();
  }

  /** As an operator stops it who has no patience. */
  async stopAndKill(afterMs: number): Promise<void> {
    const stopping = this.current!;
    this.life = Promise.withResolvers();
    const stopped = stopping.stop();
    await Promise.race([stopped, Bun.sleep(afterMs)]);
    this.kills.push(Date.now());
    await stopping.kill();
    await stopped;
  }

  /** Starts, and kills what starts at any moment of it, or shortly after. */
  async startAndKill(): Promise<void> {
    const { dataDir, provider } = this;
    const env = { ANTHROPIC_API_KEY: 'sk-simulated', ANTHROPIC_BASE_URL: provider };
    const doomed = startProcess({ dataDir, provider, env });
    await Promise.race([doomed.exited, Bun.sleep((0.3 + Math.random()) * this.starting)]);
    doomed.kill();
    this.kills.push(Date.now());
    await doomed.exited;
  }

  /** In order, as an operator stops it. */
  async stop(): Promise<void> {
    await this.current?.stop();
  }
}
