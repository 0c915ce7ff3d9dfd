/**
 * Runs a TLS server with the certificate of the first argument, and calls it at the host of the second one, twice with
 * the client and once with `fetch`. Prints what the calls came to, and which connections of the client were resumed.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:tls';
import { HttpClient } from '../../../../src/claws/http/client.ts';
import { codeOf, requestTo } from './raw-server.ts';

const [certificate, host] = Bun.argv.slice(2);
const resumed: boolean[] = [];
const server = createServer(
  { key: readFileSync(`${certificate}.key`), cert: readFileSync(`${certificate}.pem`) },
  (socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      resumed.push(socket.isSessionReused());
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
    });
  },
);
await new Promise<void>((resolve) => server.listen(0, resolve));
const url = `https://${host}:${(server.address() as { port: number }).port}/v1`;

const client = new HttpClient({ connectMs: () => 5_000 });
const call = async (): Promise<string> => {
  try {
    const { status, chunks } = await client.post(requestTo(url, { fresh: true }));
    await chunks.read();
    // The tickets for the next connection come after the answer.
    await Bun.sleep(50);
    return String(status);
  } catch (error) {
    return codeOf(error);
  }
};
const [own] = [await call(), await call()];
const connections = [...resumed];
const fetched = await fetch(url, { method: 'POST', body: '{}' }).then(({ status }) => String(status), codeOf);
console.log(JSON.stringify({ own, fetched, resumed: connections }));
process.exit();
