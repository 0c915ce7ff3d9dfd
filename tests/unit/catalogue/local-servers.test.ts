import { afterEach, expect, test } from 'bun:test';
import { PROVIDERS } from '../../../src/claws/catalogue/providers.ts';
import type { Fetch } from '../../../src/claws/http/fetched.ts';
import {
  detectLocalServers,
  type LocalCandidate,
  localCandidates,
} from '../../../src/claws/local-servers.ts';

const servers: Bun.Server<undefined>[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true);
});

const request: Fetch = (url, init) => fetch(url, init);

function candidate(id: string, answer: () => Response | Promise<Response>, ownedBy?: string): LocalCandidate {
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: ({ url }) =>
      new URL(url).pathname === '/v1/models' ? answer() : new Response('', { status: 404 }),
  });
  servers.push(server);
  return { id, baseUrl: `http://127.0.0.1:${server.port}/v1`, ownedBy };
}

const list = (ownedBy: string, ...ids: string[]) =>
  Response.json({ object: 'list', data: ids.map((id) => ({ id, object: 'model', owned_by: ownedBy })) });

test('finds the servers that answer, in order, with their chat models', async () => {
  const found = await detectLocalServers(request, [
    candidate('ollama', () => list('library', 'llama3.2:latest', 'nomic-embed-text:latest')),
    candidate('vllm', () => list('vllm', 'Qwen/Qwen3-8B'), 'vllm'),
    candidate('llamacpp', () => list('llamacpp', 'model.gguf'), 'llamacpp'),
  ]);
  expect(found.map(({ id, models }) => [id, models])).toEqual([
    ['ollama', ['llama3.2:latest']],
    ['vllm', ['Qwen/Qwen3-8B']],
    ['llamacpp', ['model.gguf']],
  ]);
  expect(found[0]?.baseUrl).toStartWith('http://127.0.0.1:');
});

test('a server without models is a server', async () => {
  const empty = candidate('ollama', () => Response.json({ object: 'list', data: null }));
  expect(await detectLocalServers(request, [empty])).toMatchObject([{ id: 'ollama', models: [] }]);
});

test('ignores other servers', async () => {
  const others = [
    candidate('vllm', () => list('somebody', 'x'), 'vllm'),
    candidate('vllm', () => list('vllm'), 'vllm'),
    candidate('llamacpp', () => new Response('<html>It works!</html>'), 'llamacpp'),
    candidate('ollama', () => new Response('no', { status: 401 })),
    candidate('ollama', () => Response.json([{ id: 'x' }])),
    candidate('ollama', () => Response.json({ object: 'list', data: 'x' })),
    candidate('ollama', () => Response.json(null)),
    candidate('lmstudio', () => Response.redirect('http://127.0.0.1:1/v1/models')),
    { id: 'lmstudio', baseUrl: 'http://127.0.0.1:1/v1' },
  ];
  expect(await detectLocalServers(request, others)).toEqual([]);
});

test('waits for a silent server only until the timeout, in parallel with the others', async () => {
  const never = Promise.withResolvers<Response>();
  const silent = candidate('lmstudio', () => never.promise);
  const quick = candidate('ollama', () => list('library', 'm'));
  const found = await detectLocalServers(request, [silent, quick], 100);
  expect(found.map(({ id }) => id)).toEqual(['ollama']);
  never.resolve(new Response());
});

test('knows the usual addresses', () => {
  expect(localCandidates(PROVIDERS)).toEqual([
    { id: 'ollama', baseUrl: 'http://127.0.0.1:11434/v1', ownedBy: undefined },
    { id: 'lmstudio', baseUrl: 'http://127.0.0.1:1234/v1', ownedBy: undefined },
    { id: 'vllm', baseUrl: 'http://127.0.0.1:8000/v1', ownedBy: 'vllm' },
    { id: 'llamacpp', baseUrl: 'http://127.0.0.1:8080/v1', ownedBy: 'llamacpp' },
  ]);
});
