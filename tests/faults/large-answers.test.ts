import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { type SpawnedGateway, spawnGateway } from '../harness/gateway.ts';
import { peakMebibytes } from '../harness/process-memory.ts';
import { type LargeAnswer, largeProvider } from './large-answers/provider.ts';

/** An answer that does not end may not take the gateway's memory or its time. */

const provider = largeProvider();
afterAll(() => provider.stop());

/** A line has 32 MiB at most, a JSON answer 128 MiB. */
const MOST_MIBS_OF_A_CLAW = 320;
/** For all answers together; each is asked for twice. */
const MOST_MIBS_OF_A_GATEWAY = 768;
const MOST_MS = 10_000;

const KINDS: [LargeAnswer, string][] = [
  ['line', 'provider_protocol_error'],
  ['pieces', 'provider_protocol_error'],
  ['gzip', 'provider_protocol_error'],
  ['br', 'provider_protocol_error'],
  ['zstd', 'provider_protocol_error'],
  ['events', 'answer_too_large'],
  ['json', 'answer_too_large'],
  ['error', 'provider_rejected_request'],
];

describe('a claw', () => {
  for (const [kind, code] of KINDS) {
    test(`reads no more than its limits of: ${kind}`, async () => {
      const program = join(import.meta.dir, 'large-answers/read-answer.ts');
      const mode = kind === 'json' ? 'whole' : 'stream';
      const child = Bun.spawn([process.execPath, program, `${provider.url}/${kind}`, mode]);
      const result = JSON.parse(await new Response(child.stdout).text());
      expect(result.code).toBe(code);
      expect(result.mebibytes).toBeLessThan(MOST_MIBS_OF_A_CLAW);
      expect(result.ms).toBeLessThan(MOST_MS);
    });
  }

  test('reads only the beginning of an error', async () => {
    const program = join(import.meta.dir, 'large-answers/read-answer.ts');
    const before = provider.sent.bytes;
    await Bun.spawn([process.execPath, program, `${provider.url}/error`, 'stream']).exited;
    // Some of it is in the buffers of the connection.
    expect(provider.sent.bytes - before).toBeLessThan(32 * 1024 * 1024);
  });
});

describe('the gateway', () => {
  let gateway: SpawnedGateway;
  const claw = (kind: LargeAnswer) => `  ${kind}:
    protocol: openai-chat
    base_url: ${provider.url}/${kind}
    models: [{ id: m }]
`;
  beforeAll(async () => {
    gateway = await spawnGateway({ yaml: `claws:\n${KINDS.map(([kind]) => claw(kind)).join('')}` });
  });
  afterAll(() => gateway.stop());

  for (const [kind, code] of KINDS) {
    test(`stays small, quick and alive with: ${kind}`, async () => {
      const from = performance.now();
      const asked = gateway.post('/v1/chat/completions', {
        model: `${kind}/m`,
        stream: kind !== 'json',
        messages: [{ role: 'user', content: 'Hello' }],
      });
      const health = await gateway.fetch('/health');
      expect(health.status).toBe(200);
      const { error } = (await (await asked).json()) as { error: { code: string } };
      expect(error.code).toBe(code);
      expect(performance.now() - from).toBeLessThan(MOST_MS);
      expect(peakMebibytes(gateway.pid)).toBeLessThan(MOST_MIBS_OF_A_GATEWAY);
    });
  }
});
