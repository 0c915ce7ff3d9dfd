import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import fc from 'fast-check';
import { type SpawnedGateway, spawnGateway, temporaryDirectory, testGateway } from '../harness/gateway.ts';
import { startProvider } from '../simulators/provider/provider.ts';
import { logProblems } from './integrity/log.ts';
import { crashes, type Move, moves, PROVIDERS, type Provider } from './integrity/moves.ts';
import { oneIdProxy } from './integrity/one-id.ts';
import { type Setup, Walk } from './integrity/walk.ts';
import { readLog } from './recorded.ts';

/** `RUNS=5000 SEED=1 bun test tests/faults/integrity.test.ts` runs more walks, reproducibly. */
const RUNS = Number(process.env.RUNS ?? 100);
const SEED = process.env.SEED ? { seed: Number(process.env.SEED) } : {};
const TIMEOUT_MS = 20_000 + 300 * RUNS;
const ALL_PROVIDERS = Object.keys(PROVIDERS) as Provider[];

const simulator = startProvider();
const proxy = oneIdProxy(simulator.url);
afterAll(() => {
  proxy.stop();
  simulator.stop();
});

const yaml = `claws:
  one-id-chat: { protocol: openai-chat, base_url: ${proxy.url}/v1, api_key: sk-simulated }
  one-id-responses: { protocol: openai-responses, base_url: ${proxy.url}/v1, api_key: sk-simulated }
  one-id-anthropic: { protocol: anthropic, base_url: ${proxy.url}, api_key: sk-simulated }
`;

/** Runs walks. Each has its own session, and its log is checked at the end. */
function expectEveryWalk(walks: fc.Arbitrary<Move[]>, numRuns: number, setup: Setup): Promise<void> {
  return readLog(setup.gateway.dataDir, (log) => {
    const property = fc.asyncProperty(walks, async (walkMoves) => {
      const walk = new Walk(setup);
      for (const move of walkMoves) await walk.make(move);
      await walk.finish(ALL_PROVIDERS);
      expect(logProblems((await log.named(walk.name)).turns)).toEqual([]);
    });
    return fc.assert(property, { numRuns, ...SEED });
  });
}

describe('a session continues at every provider, and each receives the whole conversation', () => {
  let setup: Setup;
  beforeAll(async () => {
    // Failures of providers are expected here, so they are not logged.
    const env = { CLAWHOLD_LOG_LEVEL: 'error' };
    setup = { simulator, gateway: await testGateway({ provider: simulator.url, yaml, env }) };
  });
  afterAll(() => setup.gateway.stop());

  test('after random moves', () => expectEveryWalk(moves, RUNS, setup), TIMEOUT_MS);
});

describe('a session continues although the gateway is killed', () => {
  const dataDir = temporaryDirectory();
  const start = () => spawnGateway({ provider: simulator.url, yaml, dataDir });
  let gateway: SpawnedGateway;
  const setup: Setup = {
    simulator,
    get gateway() {
      return gateway;
    },
    async crash() {
      await gateway.kill();
      gateway = await start();
    },
  };
  beforeAll(async () => {
    gateway = await start();
  });
  afterAll(async () => {
    await gateway.stop();
    rmSync(dataDir, { recursive: true });
  });

  test(
    'after random moves with crashes',
    () => expectEveryWalk(crashes, Math.ceil(RUNS / 25), setup),
    TIMEOUT_MS,
  );
});
