import { connect, createServer, type Socket } from 'node:net';

/** A line between a client and a gateway that breaks when a test says so. */
export interface BreakableLine {
  url: string;
  /** Cuts every connection there is; the gateway sees its client leave. New ones are let through. */
  cut(): void;
  /** How many connections there have been. */
  connections(): number;
  stop(): Promise<void>;
}

export async function breakableLine(to: string): Promise<BreakableLine> {
  const { hostname, port } = new URL(to);
  const open = new Set<Socket>();
  let count = 0;
  const server = createServer((near) => {
    count++;
    const far = connect(Number(port), hostname);
    for (const [from, into] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from);
      from.pipe(into);
      from.on('error', () => into.destroy());
      from.on('close', () => {
        open.delete(from);
        into.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    for (const socket of open) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    cut,
    connections: () => count,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        cut();
      }),
  };
}
