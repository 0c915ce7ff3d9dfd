import { expect, setDefaultTimeout, test } from 'bun:test';
import { createServer } from 'node:net';
import { spawnGateway } from '../harness/gateway.ts';
import { completionText, json } from '../harness/journey.ts';
import { whole } from '../harness/raw-provider.ts';

/** Longer, because a process is started. */
setDefaultTimeout(20_000);

test('with an HTTP proxy in the environment, calls of a provider that only the proxy knows are answered', async () => {
  const lines: string[] = [];
  const body = JSON.stringify(whole({ content: 'through the proxy' }));
  const proxy = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (bytes) => {
      lines.push(bytes.toString().split('\r\n')[0]!);
      socket.end(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n${body}`);
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const { port } = proxy.address() as { port: number };
  const gateway = await spawnGateway({
    env: {
      HTTP_PROXY: `http://127.0.0.1:${port}`,
      GROQ_API_KEY: 'sk-groq',
      GROQ_BASE_URL: 'http://provider.invalid/v1',
    },
  });
  try {
    const reply = await gateway.post('/v1/chat/completions', {
      model: 'groq/any',
      messages: [{ role: 'user', content: 'hi' }],
    });
    expect(reply.status).toBe(200);
    expect(completionText(await json(reply))).toBe('through the proxy');
    expect(lines).toEqual(['POST http://provider.invalid/v1/chat/completions HTTP/1.1']);
  } finally {
    await gateway.stop();
    proxy.close();
  }
});
