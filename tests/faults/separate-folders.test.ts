import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type DictatedProvider, dictatedProvider } from '../harness/dictated.ts';
import { type SpawnedGateway, spawnGateway, temporaryDirectory } from '../harness/gateway.ts';

/** A longer timeout, because processes start slowly on a busy machine. */
setDefaultTimeout(20_000);

/** Two gateways that share a database, and nothing else: each has a data folder of its own. */
let provider: DictatedProvider;
let gateways: SpawnedGateway[];
const folders = [temporaryDirectory(), temporaryDirectory()];

beforeAll(async () => {
  provider = dictatedProvider();
  gateways = [await spawnGateway({ env: provider.env, dataDir: folders[0] })];
  mkdirSync(folders[1]!, { recursive: true });
  symlinkSync(join(folders[0]!, 'clawhold.db'), join(folders[1]!, 'clawhold.db'));
});
afterAll(async () => {
  await Promise.all(gateways.map((gateway) => gateway.stop()));
  await provider.stop();
  for (const folder of folders) rmSync(folder, { recursive: true });
});

const ask = (gateway: SpawnedGateway, headers: Record<string, string>) =>
  gateway.post(
    '/v1/chat/completions',
    { model: 'groq/dictated', stream: true, messages: [{ role: 'user', content: 'Hello' }] },
    headers,
  );

test('a gateway that starts does not take the live leases and claims of the other one', async () => {
  const key = { 'x-session-id': 'trip', 'idempotency-key': 'first' };
  const first = ask(gateways[0]!, key);
  const call = await provider.next();
  call.say('one');
  await first;
  // The second gateway looks for what dead processes left when it starts.
  gateways.push(await spawnGateway({ env: provider.env, dataDir: folders[1] }));

  const forked = ask(gateways[1]!, { 'x-session-id': 'trip', 'x-clawhold-when-busy': 'fork' });
  const other = await provider.next();
  other.say('aside');
  other.end();
  expect((await forked).headers.get('x-clawhold-history')).toBe('forked');

  const repeated = await ask(gateways[1]!, key);
  expect(repeated.status).toBe(409);
  expect(await repeated.json()).toMatchObject({ error: { code: 'idempotency_key_in_use' } });
  expect(provider.calls()).toBe(2);

  call.say(' two');
  call.end();
  expect(await (await first).text()).toContain('[DONE]');
  const replayed = await ask(gateways[1]!, key);
  expect(replayed.headers.get('x-clawhold-replayed')).toBe('true');
  expect(await replayed.text()).toContain('two');
  expect(provider.calls()).toBe(2);
});
