import { createServer, type Socket } from 'node:net';
import { HttpClient } from '../../../../src/claws/http/client.ts';
import type { HttpAnswer, PostRequest } from '../../../../src/claws/http/transport.ts';

/** A server that speaks bytes. */
export interface RawServer {
  url: string;
  /** How many connections were opened. */
  opened: number;
  /** What each connection has received, in Latin-1, in the order in which they were opened. */
  received: string[];
  stop(): void;
}

/** `serve` is called for each request that is complete, with its number on its connection, from 1 on. */
export async function rawServer(
  serve: (socket: Socket, request: number, text: string) => void,
): Promise<RawServer> {
  const sockets = new Set<Socket>();
  const raw: RawServer = { url: '', opened: 0, received: [], stop: () => {} };
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const index = raw.opened++;
    raw.received[index] = '';
    let count = 0;
    let text = '';
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    socket.on('data', (bytes) => {
      raw.received[index] += bytes.toString('latin1');
      text += bytes.toString('latin1');
      const head = text.indexOf('\r\n\r\n');
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1]);
      if (head === -1 || text.length < head + 4 + length) return;
      const request = text;
      text = '';
      serve(socket, ++count, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  raw.url = `http://127.0.0.1:${(server.address() as { port: number }).port}/v1`;
  raw.stop = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return raw;
}

export const newClient = (connectMs = 2_000): HttpClient => new HttpClient({ connectMs: () => connectMs });

export const requestTo = (url: string, more: Partial<PostRequest> = {}): PostRequest => ({
  url,
  headers: { 'content-type': 'application/json' },
  body: '{"a":"é"}',
  signal: AbortSignal.timeout(5_000),
  ...more,
});

export async function bodyOf({ chunks }: HttpAnswer): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for (;;) {
    const { done, value } = await chunks.read();
    if (done) return Buffer.concat(parts);
    parts.push(value);
  }
}

/** What a call came to: `status body`, or the code of the failure, with the part of the body that came before it. */
export async function outcomeOf(client: HttpClient, request: PostRequest): Promise<string> {
  let answer: HttpAnswer;
  try {
    answer = await client.post(request);
  } catch (error) {
    return codeOf(error);
  }
  const parts: Uint8Array[] = [];
  const begin = () => `${answer.status} ${Buffer.concat(parts).toString()}`;
  try {
    for (;;) {
      const { done, value } = await answer.chunks.read();
      if (done) return begin();
      parts.push(value);
    }
  } catch (error) {
    return `${begin()} ${codeOf(error)}`;
  }
}

export const codeOf = (error: unknown): string => String((error as { code?: unknown }).code ?? error);
