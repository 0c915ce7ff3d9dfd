import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import fc from 'fast-check';
import { type SpawnedGateway, spawnGateway, temporaryDirectory, testGateway } from '../harness/gateway.ts';
import { startProvider } from '../simulators/provider/provider.ts';
import { flaws } from './integrity/log.ts';
import { crashes, type Move, moves, PROVIDERS, type Provider } from './integrity/moves.ts';
import { oneIdProxy } from './integrity/one-id.ts';
import { type Place, Walk } from './integrity/walk.ts';
import { readLog } from './recorded.ts';

/** `RUNS=5000 SEED=1 bun test tests/faults/integrity.test.ts` looks further, and there again. */
const RUNS = Number(process.env.RUNS ?? 100);
const SEED = process.env.SEED ? { seed: Number(process.env.SEED) } : {};
const LONG = 5_000 + 100 * RUNS;
const EVERYWHERE = Object.keys(PROVIDERS) as Provider[];

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

/** Each walk goes through a session of its own, and ends with a look into its log. */
function expectEveryWalk(ways: fc.Arbitrary<Move[]>, numRuns: number, place: Place): Promise<void> {
  return readLog(place.gateway.dataDir, (log) => {
    const property = fc.asyncProperty(ways, async (made) => {
      const walk = new Walk(place);
      for (const move of made) await walk.make(move);
      await walk.finish(EVERYWHERE);
      expect(flaws((await log.named(walk.name)).turns)).toEqual([]);
    });
    return fc.assert(property, { numRuns, ...SEED });
  });
}

describe('a session goes on at every provider, and each hears all that was said', () => {
  let place: Place;
  beforeAll(async () => {
    // What providers fail at is no news here.
    const env = { CLAWHOLD_LOG_LEVEL: 'error' };
    place = { simulator, gateway: await testGateway({ provider: simulator.url, yaml, env }) };
  });
  afterAll(() => place.gateway.stop());

  test('whatever is done to it', () => expectEveryWalk(moves, RUNS, place), LONG);
});

describe('a session of a gateway that is killed goes on all the same', () => {
  const dataDir = temporaryDirectory();
  const start = () => spawnGateway({ provider: simulator.url, yaml, dataDir });
  let gateway: SpawnedGateway;
  const place: Place = {
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

  test('whatever is done to it', () => expectEveryWalk(crashes, Math.ceil(RUNS / 25), place), LONG);
});
