import { Channel, type Packet } from '../core/channel.ts';

/** A worker as its supervisor sees it: one process, from its start to its end. */
export interface Worker<Facts> {
  /** Its place among the workers, from 0; a successor has the same one. */
  readonly place: number;
  readonly pid: number;
  readonly channel: Channel;
  /** The stores are open: it waits for the port. */
  readonly opened: Promise<void>;
  /** It serves requests. Rejects where it ends before. */
  readonly ready: Promise<Facts>;
  /** Resolves when the process has ended and its output is passed on: how it ended, in words. */
  readonly ended: Promise<string>;
  kill(): void;
}

/** How the process of a worker is started. */
export interface StartOptions {
  place: number;
  command: readonly string[];
  /** Gets the output of the process, whole lines at a time. Absent: it has that of this process. */
  output?(lines: Uint8Array): void;
}

/** Starts the process of a worker. */
export function startWorker<Facts>({ place, command, output }: StartOptions): Worker<Facts> {
  const opened = Promise.withResolvers<void>();
  const ready = Promise.withResolvers<Facts>();
  const ended = Promise.withResolvers<string>();
  const child = Bun.spawn([...command], {
    stdin: 'ignore',
    stdout: output ? 'pipe' : 'inherit',
    stderr: 'inherit',
    serialization: 'advanced',
    ipc: (packet: Packet) => channel.receive(packet),
    onExit(_child, code, signal) {
      const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
      channel.close();
      opened.reject(new Error(`A worker ended at its start (${how}).`));
      ready.reject(new Error(`A worker ended at its start (${how}).`));
      void copied.finally(() => ended.resolve(how));
    },
  });
  const channel = new Channel((packet) => child.send(packet));
  channel.on('opened', () => opened.resolve());
  channel.on('ready', (facts: Facts) => ready.resolve(facts));
  for (const { promise } of [opened, ready]) promise.catch(() => {});
  const copied = output && child.stdout ? copyLines(child.stdout, output).catch(() => {}) : Promise.resolve();
  return {
    ...{ place, pid: child.pid, channel },
    ...{ opened: opened.promise, ready: ready.promise, ended: ended.promise },
    kill: () => child.kill('SIGKILL'),
  };
}

const NEWLINE = 10;

/** Passes whole lines on, so that the lines of several processes never mix. */
async function copyLines(
  from: AsyncIterable<Uint8Array>,
  output: (lines: Uint8Array) => void,
): Promise<void> {
  let rest: Uint8Array = new Uint8Array(0);
  for await (const chunk of from) {
    const all = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const end = all.lastIndexOf(NEWLINE) + 1;
    if (end > 0) output(all.subarray(0, end));
    rest = all.slice(end);
  }
  if (rest.length > 0) output(rest);
}
