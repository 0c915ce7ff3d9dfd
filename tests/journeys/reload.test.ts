import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { join } from 'node:path';
import { eventually } from '../harness/eventually.ts';
import { type SpawnedGateway, spawnGateway, temporaryDirectory } from '../harness/gateway.ts';

/** A longer timeout, because processes start slowly on a busy machine. */
setDefaultTimeout(20_000);

const file = join(temporaryDirectory(), 'clawhold.yaml');
let gateway: SpawnedGateway;

beforeAll(async () => {
  await Bun.write(file, 'aliases: { first: local/recall }');
  gateway = await spawnGateway({ env: { CLAWHOLD_CONFIG: file } });
});
afterAll(() => gateway.stop());

const status = async (model: string) =>
  (await gateway.post('/v1/chat/completions', { model, messages: [{ role: 'user', content: 'Hello' }] }))
    .status;

async function reload(yaml: string): Promise<void> {
  await Bun.write(file, yaml);
  process.kill(gateway.pid, 'SIGHUP');
}

test('SIGHUP reads the configuration again; a file with errors changes nothing', async () => {
  expect(await status('first')).toBe(200);
  await reload('aliases: { second: local/recall }');
  await eventually(
    'the new alias is known',
    () => status('second'),
    (code) => code === 200,
  );
  expect(await status('first')).toBe(404);
  await reload('aliases: { third: local/recall }\nnonsense: 1');
  await Bun.sleep(300);
  expect(await status('third')).toBe(404);
  expect(await status('second')).toBe(200);
});
