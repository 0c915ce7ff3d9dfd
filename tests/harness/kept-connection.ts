/** One connection to a server, for one request after the other: all of them reach the same process. */
export interface KeptConnection {
  /** The port at this end. */
  port: number;
  /** Sends a request and resolves to its whole answer. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  close(): void;
}

/** The answer as far as it has come, and who waits for it. */
interface Reading {
  bytes: Buffer;
  done: PromiseWithResolvers<Response>;
}

export async function keepConnection(url: string): Promise<KeptConnection> {
  const { hostname, port } = new URL(url);
  let reading: Reading | undefined;
  const broken = () => reading?.done.reject(new Error('The connection broke.'));
  const socket = await Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      data(_socket, data) {
        if (!reading) return;
        reading.bytes = Buffer.concat([reading.bytes, data]);
        const response = wholeResponse(reading.bytes);
        if (response) reading.done.resolve(response);
      },
      close: broken,
      error: broken,
    },
  });
  return {
    port: socket.localPort,
    async fetch(path, { method = 'GET', headers, body } = {}) {
      const sent = Buffer.from(typeof body === 'string' ? body : '');
      const fields = new Headers(headers);
      fields.set('host', `${hostname}:${port}`);
      fields.set('content-length', String(sent.length));
      const lines = [...fields].map(([name, value]) => `${name}: ${value}\r\n`).join('');
      const done = Promise.withResolvers<Response>();
      reading = { bytes: Buffer.alloc(0), done };
      socket.write(Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines}\r\n`), sent]));
      return done.promise;
    },
    close: () => void socket.end(),
  };
}

/** `undefined` while a part is missing. */
function wholeResponse(bytes: Buffer): Response | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const [first, ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const headers = new Headers(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }),
  );
  const rest = bytes.subarray(end + 4);
  const length = headers.get('content-length');
  const body = length === null ? unchunked(rest) : rest.length === Number(length) ? rest : undefined;
  const status = Number(first!.split(' ')[1]);
  return body && new Response(status === 204 ? null : new Uint8Array(body), { status, headers });
}

function unchunked(bytes: Buffer): Buffer | undefined {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const line = bytes.indexOf('\r\n', at);
    if (line === -1) return undefined;
    const size = Number.parseInt(bytes.toString('latin1', at, line), 16);
    const next = line + 2 + size + 2;
    if (next > bytes.length) return undefined;
    if (size === 0) return Buffer.concat(parts);
    parts.push(bytes.subarray(line + 2, line + 2 + size));
    at = next;
  }
}
