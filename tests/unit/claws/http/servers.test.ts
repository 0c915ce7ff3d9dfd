import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../../../harness/eventually.ts';
import { bodyOf, newClient, requestTo } from './raw-server.ts';

/** What the server at a URL of the form `/<plan>` is to answer, and how. */
interface Plan {
  status: number;
  headers: Record<string, string>;
  /** Each part is written on its own. */
  parts: string[];
  isSized: boolean;
  interim: number;
  trailers: boolean;
  closes: boolean;
}

/** Numbers from 0 to below 1 that a seed determines (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
  };
}

const TEXTS = ['', 'x', '{"a":1}', 'data: é😀\n\n', '\r\n0\r\n\r\n', '\0\xff', 'long '.repeat(30_000)];

function planOf(random: () => number): Plan {
  const upTo = (most: number) => Math.floor(random() * (most + 1));
  const pick = <T>(values: readonly T[]): T => values[upTo(values.length - 1)]!;
  const headers: Record<string, string> = {};
  for (let left = upTo(8); left > 0; left--) headers[`X-Field-${upTo(9)}`] = 'v'.repeat(upTo(60));
  return {
    status: pick([200, 200, 201, 204, 304, 400, 429, 500, 503]),
    headers,
    parts: Array.from({ length: upTo(6) }, () => pick(TEXTS)),
    isSized: random() < 0.5,
    interim: random() < 0.2 ? upTo(3) : 0,
    trailers: random() < 0.3,
    closes: random() < 0.2,
  };
}

/** A server of `node:http` that answers each request by its plan. */
function nodeServer(plans: readonly Plan[], received: Map<number, string>): Server {
  return createServer(async (request, response) => {
    const number = Number(request.url!.slice(1));
    const { status, headers, parts, isSized, interim, trailers, closes } = plans[number]!;
    const body: Buffer[] = [];
    for await (const chunk of request) body.push(chunk);
    received.set(number, Buffer.concat(body).toString());
    // nginx takes an interim answer of a server for the last one.
    for (let left = request.headers.via === undefined ? interim : 0; left > 0; left--)
      response.writeProcessing();
    const size = Buffer.byteLength(parts.join(''));
    const hasTrailers = trailers && !isSized && hasBody(plans[number]!);
    const length = isSized && hasBody(plans[number]!) ? { 'content-length': String(size) } : {};
    response.writeHead(status, {
      ...headers,
      ...length,
      ...(hasTrailers && { trailer: 'x-end' }),
      ...(closes && { connection: 'close' }),
    });
    for (const part of parts) {
      if (part !== '' && hasBody(plans[number]!)) response.write(part);
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (hasTrailers) response.addTrailers({ 'x-end': 'yes' });
    response.end();
  });
}

const hasBody = ({ status }: Plan) => status !== 204 && status !== 304;

const SEED = Number(process.env.FUZZ_SEED ?? 1);
const REQUESTS = 600;
const AT_ONCE = 12;

describe(`random answers (seed ${SEED}; another one: FUZZ_SEED)`, () => {
  const random = randomOf(SEED);
  const plans = Array.from({ length: REQUESTS }, () => planOf(random));
  const bodies = plans.map((_, number) =>
    JSON.stringify(`${number} é `.repeat(Math.floor(random() ** 4 * 20_000))),
  );
  const received = new Map<number, string>();
  const node = nodeServer(plans, received);
  let port: number;
  beforeAll(async () => {
    await new Promise<void>((resolve) => node.listen(0, '127.0.0.1', resolve));
    port = (node.address() as { port: number }).port;
  });
  afterAll(() => void node.close());

  /** Makes all calls, some at once. Every answer must be the one of its plan. */
  async function check(url: string, keepsHeaders: boolean): Promise<void> {
    const client = newClient();
    received.clear();
    let next = 0;
    const lane = async () => {
      for (let number = next++; number < plans.length; number = next++) {
        const plan = plans[number]!;
        const answer = await client.post(requestTo(`${url}/${number}`, { body: bodies[number]! }));
        const body = (await bodyOf(answer)).toString();
        expect(`${number}: ${answer.status}`).toBe(`${number}: ${plan.status}`);
        expect(`${number}: ${body}`).toBe(`${number}: ${hasBody(plan) ? plan.parts.join('') : ''}`);
        expect(received.get(number)).toBe(bodies[number]!);
        if (!keepsHeaders) continue;
        for (const [name, value] of Object.entries(plan.headers)) {
          expect(answer.headers.get(name.toLowerCase())).toBe(value);
        }
      }
    };
    try {
      await Promise.all(Array.from({ length: AT_ONCE }, lane));
    } finally {
      client.close();
    }
  }

  test('of `node:http` arrive whole', () => check(`http://127.0.0.1:${port}`, true), 60_000);

  describe.skipIf(Bun.which('nginx') === null)('through nginx (skipped where it is not installed)', () => {
    const directory = mkdtempSync(join(tmpdir(), 'clawhold-nginx-'));
    const socket = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } });
    const own = socket.port;
    socket.stop(true);
    let nginx: Bun.Subprocess;
    beforeAll(async () => {
      const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
      for (const folder of folders) mkdirSync(join(directory, folder));
      const paths = folders.map((folder) => `${folder}_temp_path ${directory}/${folder};`).join('\n');
      await Bun.write(
        join(directory, 'nginx.conf'),
        `daemon off; pid ${directory}/pid; error_log stderr emerg; events {}
        http {
          access_log off; client_max_body_size 50m; ${paths}
          server {
            listen 127.0.0.1:${own}; keepalive_timeout 5s 3s; keepalive_requests 40;
            location / { proxy_pass http://127.0.0.1:${port}; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Via nginx;
              proxy_request_buffering off; proxy_buffering off; }
          }
        }`,
      );
      nginx = Bun.spawn(['nginx', '-p', directory, '-c', join(directory, 'nginx.conf')], {
        stdout: 'ignore',
        stderr: 'ignore',
      });
      const answers = () =>
        fetch(`http://127.0.0.1:${own}/0`, { method: 'POST', body: '{}' }).then(
          () => true,
          () => false,
        );
      await eventually('nginx answers', answers, (isUp) => isUp);
    });
    afterAll(async () => {
      nginx.kill();
      await nginx.exited;
      rmSync(directory, { recursive: true, force: true });
    });

    test('arrive whole', () => check(`http://127.0.0.1:${own}`, false), 60_000);
  });
});
