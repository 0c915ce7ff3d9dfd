import { readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT_KEY, temporaryDirectory } from '../harness/gateway.ts';
import { type Provider, startProvider } from '../simulators/provider/provider.ts';
import type { State } from './child.ts';
import { STREAMS } from './streams.ts';

const AT_ONCE = 64;

export interface SoakSummary {
  streams: number;
  byKind: Record<string, number>;
  /** Megabytes of resident memory, after each part of the run. */
  rss: number[];
  /** The resources that are still held after all streams have ended. */
  left: Omit<State, 'rss'> & { segments: number; sockets: number };
  failures: string[];
}

/** Runs many streams against a gateway in its own process. */
export class Soak {
  private readonly provider: Provider = startProvider({ keep: 0 });
  private readonly dataDir = temporaryDirectory();
  private child!: Bun.Subprocess;
  private url = '';
  private reply = Promise.withResolvers<State>();
  private readonly summary: SoakSummary = {
    streams: 0,
    byKind: {},
    rss: [],
    left: { running: 0, leases: 0, waiting: 0, background: 0, holds: 0, calls: 0, segments: 0, sockets: 0 },
    failures: [],
  };

  async run(streams: number, onPart: (summary: SoakSummary) => void = () => {}): Promise<SoakSummary> {
    try {
      await this.start();
      const part = Math.max(200, Math.round(streams / 20));
      for (let done = 0; done < streams; done += part) {
        await this.part(Math.min(part, streams - done));
        this.summary.rss.push(Math.round((await this.ask()).rss / 2 ** 20));
        onPart(this.summary);
      }
      await this.waitUntilIdle();
    } finally {
      this.child?.disconnect();
      await this.child?.exited;
      this.provider.stop();
      rmSync(this.dataDir, { recursive: true, force: true });
    }
    return this.summary;
  }

  private start(): Promise<void> {
    return new Promise((resolve) => {
      this.child = Bun.spawn([process.execPath, join(import.meta.dir, 'child.ts')], {
        cwd: this.dataDir,
        env: {
          PATH: process.env.PATH ?? '',
          CLAWHOLD_PORT: '0',
          CLAWHOLD_DATA_DIR: this.dataDir,
          CLAWHOLD_ROOT_KEY: ROOT_KEY,
          CLAWHOLD_DETECT: 'false',
          CLAWHOLD_LOG_LEVEL: 'error',
          CLAWHOLD_TIMEOUTS_IDLE_MS: '300',
          CLAWHOLD_LIMITS_SESSION_QUEUE: '1000',
          CLAWHOLD_RATE_LIMITS_GLOBAL_TOKENS_PER_MINUTE: '1000000000000',
          CLAWHOLD_RATE_LIMITS_GLOBAL_STREAMS: '1000000',
          OPENAI_API_KEY: 'sk-simulated',
          OPENAI_BASE_URL: `${this.provider.url}/v1`,
        },
        stdout: 'inherit',
        stderr: 'inherit',
        ipc: (message: State | { url: string }) => {
          if ('url' in message) {
            this.url = message.url;
            resolve();
          } else this.reply.resolve(message);
        },
      });
    });
  }

  private ask(): Promise<State> {
    this.reply = Promise.withResolvers();
    this.child.send('state');
    return this.reply.promise;
  }

  private async part(streams: number): Promise<void> {
    let remaining = streams;
    const lane = async () => {
      while (remaining-- > 0) await this.runStream(this.summary.streams++);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
  }

  private async runStream(number: number): Promise<void> {
    const kind = STREAMS[number % STREAMS.length]!;
    const { name } = kind;
    try {
      await kind.run({ url: this.url, label: `n${number}` });
      this.summary.byKind[name] = (this.summary.byKind[name] ?? 0) + 1;
    } catch (error) {
      this.summary.failures.push(`${name}: ${(error as Error).message}`);
    }
  }

  /** Waits until all turns have ended. Turns run on after their clients have disconnected. */
  private async waitUntilIdle(): Promise<void> {
    for (let tries = 0; tries < 300; tries++) {
      const { rss: _, ...counts } = await this.ask();
      this.summary.left = { ...counts, segments: this.segments(), sockets: this.sockets() };
      if (Object.values(counts).every((count) => count === 0) && this.summary.left.sockets === 0) return;
      await Bun.sleep(100);
    }
  }

  private segments(): number {
    return readdirSync(join(this.dataDir, 'journal')).filter((name) => name.endsWith('.log')).length;
  }

  /** Connections that are half closed (CLOSE_WAIT): the client has disconnected, so each one is a leak. */
  private sockets(): number {
    const port = Number(new URL(this.url).port).toString(16).toUpperCase().padStart(4, '0');
    const inodes = new Set(
      readFileSync('/proc/net/tcp', 'utf8')
        .split('\n')
        .map((line) => line.trim().split(/\s+/))
        .filter(([, local, , state]) => local?.endsWith(`:${port}`) && state === '08')
        .map((fields) => fields[9]),
    );
    const directory = `/proc/${this.child.pid}/fd`;
    return readdirSync(directory).filter((fd) => {
      try {
        return inodes.has(/^socket:\[(\d+)\]$/.exec(readlinkSync(join(directory, fd)))?.[1]);
      } catch {
        return false;
      }
    }).length;
  }
}
