import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { createServer, type Server, type Socket } from 'node:net';
import { type TestGateway, testGateway } from '../harness/gateway.ts';
import { type Provider, startProvider } from '../simulators/provider/provider.ts';

/** Longer, because these tests wait for time limits. */
setDefaultTimeout(20_000);

const PROBE_MS = 100;
/** Much longer than a test may take: only a probe ends the silence. */
const PATIENCE_MS = 600_000;

/** A provider whose machine is gone after it got a request: its connections stay open and silent. */
interface VanishingProvider {
  url: string;
  /** Resolves when a request has come and the port is closed. */
  gone: Promise<void>;
  stop(): void;
}

function vanishingProvider(begin: string): Promise<VanishingProvider> {
  const gone = Promise.withResolvers<void>();
  const open = new Set<Socket>();
  const server: Server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.write(begin);
      server.close();
      gone.resolve();
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      const stop = () => {
        server.close();
        for (const socket of open) socket.destroy();
      };
      resolve({ url: `http://127.0.0.1:${port}/v1`, gone: gone.promise, stop });
    });
  });
}

const STREAM_BEGIN =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n' +
  'data: {"id":"x","choices":[{"index":0,"delta":{"content":"word1"},"finish_reason":null}]}\n\n';

let simulator: Provider;
beforeAll(() => {
  simulator = startProvider();
});
afterAll(() => simulator.stop());

describe.each([
  ['before its answer', '', false],
  ['before its answer, streamed', '', true],
  ['in the middle of its answer', STREAM_BEGIN, true],
])('a provider that vanishes %s', (_, begin, stream) => {
  async function ask(gateway: TestGateway, fallbacks: string[]) {
    const messages = [{ role: 'user', content: 'hi' }];
    const reply = await gateway.post('/v1/chat/completions', {
      model: 'groq/any',
      fallbacks,
      messages,
      stream,
    });
    return { status: reply.status, text: await reply.text() };
  }

  async function withGateway(use: (gateway: TestGateway) => Promise<void>): Promise<void> {
    const vanishing = await vanishingProvider(begin);
    const gateway = await testGateway({
      provider: simulator.url,
      env: {
        GROQ_API_KEY: 'sk-gone',
        GROQ_BASE_URL: vanishing.url,
        CLAWHOLD_TIMEOUTS_PROBE_MS: String(PROBE_MS),
        CLAWHOLD_TIMEOUTS_SIGN_OF_LIFE_MS: String(PATIENCE_MS),
        CLAWHOLD_TIMEOUTS_IDLE_MS: String(PATIENCE_MS),
        CLAWHOLD_TIMEOUTS_FIRST_TOKEN_MS: String(PATIENCE_MS),
        CLAWHOLD_TIMEOUTS_TOTAL_MS: String(PATIENCE_MS),
      },
    });
    try {
      await use(gateway);
    } finally {
      vanishing.stop();
      await gateway.stop();
    }
  }

  test('is noticed, and the next model answers', () =>
    withGateway(async (gateway) => {
      const { status, text } = await ask(gateway, ['openai/say-3']);
      expect(status).toBe(200);
      if (stream) expect(text).toContain('[DONE]');
      expect(text).toContain('word3');
    }));

  test('is noticed where no other model is left', () =>
    withGateway(async (gateway) => {
      const { status, text } = await ask(gateway, []);
      expect(status).toBe(begin === '' ? 502 : 200);
      expect(text).toContain('provider_unreachable');
    }));
});
