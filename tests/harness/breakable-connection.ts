import { connect, createServer, type Socket } from 'node:net';

/** A proxy between a client and a gateway whose connections a test can break. */
export interface BreakableConnection {
  url: string;
  /** Breaks every open connection, so that the gateway sees a disconnect. New connections work. */
  cut(): void;
  /** How many connections were opened so toGateway. */
  connections(): number;
  stop(): Promise<void>;
}

export async function breakableConnection(to: string): Promise<BreakableConnection> {
  const { hostname, port } = new URL(to);
  const open = new Set<Socket>();
  let count = 0;
  const server = createServer((fromClient) => {
    count++;
    const toGateway = connect(Number(port), hostname);
    for (const [from, into] of [
      [fromClient, toGateway],
      [toGateway, fromClient],
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
