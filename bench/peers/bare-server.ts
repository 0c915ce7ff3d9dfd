import { HttpClient } from '../../src/claws/http/client.ts';
import type { AnswerChunks } from '../../src/claws/http/transport.ts';

/**
 * The least that a gateway on this runtime can do: `Bun.serve` and the gateway's client for calls, and between them
 * only what every translation needs. A request and a JSON answer are parsed and written anew; the events of a stream
 * are copied. No keys, no log, no limits, no failures. Run by `bare.ts`: `bun bare-server.ts <port of the provider>`.
 */

const url = `http://127.0.0.1:${process.argv[2]}/v1/chat/completions`;
const client = new HttpClient({ connectMs: () => 5_000 });
const headers = { authorization: 'Bearer sk-simulated', 'content-type': 'application/json' };

const server = Bun.serve({ hostname: '127.0.0.1', port: 0, idleTimeout: 0, fetch: answer });
console.error(`listens on http://127.0.0.1:${server.port}`);

async function answer(request: Request): Promise<Response> {
  const asked = (await request.json()) as { stream?: boolean };
  const { signal } = request;
  const { chunks } = await client.post({ url, headers, body: JSON.stringify(asked), signal });
  if (asked.stream) return new Response(copied(chunks), { headers: { 'content-type': 'text/event-stream' } });
  return Response.json(JSON.parse(await textOf(chunks)));
}

function copied(chunks: AnswerChunks): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await chunks.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: () => chunks.cancel(),
  });
}

async function textOf(chunks: AnswerChunks): Promise<string> {
  const parts: Uint8Array[] = [];
  for (let chunk = await chunks.read(); !chunk.done; chunk = await chunks.read()) parts.push(chunk.value);
  return Buffer.concat(parts).toString();
}
