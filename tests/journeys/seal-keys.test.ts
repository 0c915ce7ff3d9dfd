import { afterAll, expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { commandLine } from '../harness/command.ts';
import { temporaryDirectory, testGateway } from '../harness/gateway.ts';
import { json } from '../harness/journey.ts';
import { startProvider } from '../simulators/provider/provider.ts';
import { asList, asText, type Json } from '../simulators/provider/shape.ts';

const folder = temporaryDirectory();
const dataDir = join(folder, 'data');
const provider = startProvider();
afterAll(() => {
  provider.stop();
  rmSync(folder, { recursive: true, force: true });
});

const rotate = (...args: string[]) => commandLine(folder).clawhold(['key', 'rotate-seals', ...args]);

const question = { role: 'user', content: 'Think.' };
const request = {
  ...{ model: 'anthropic/think', store: false, reasoning: { effort: 'low' } },
  include: ['reasoning.encrypted_content'],
};

test('seals open in every process, after a restart and after a rotation', async () => {
  const first = await testGateway({ provider: provider.url, dataDir });
  const second = await testGateway({ provider: provider.url, dataDir });
  const ask = async (gateway: typeof first, input: Json[]) => {
    const reply = await gateway.post('/v1/responses', { ...request, input });
    expect(reply.headers.get('x-clawhold-dropped-reasoning')).toBeNull();
    return asList((await json(reply)).output);
  };
  const keyOf = (output: Json[]) => asText(output[0]!.encrypted_content).split('.')[1]!;
  const old = await ask(first, [question]);
  expect(keyOf(await ask(second, [question, ...old, question]))).toBe(keyOf(old));

  const { code, out } = await rotate();
  expect(code).toBe(0);
  await first.stop();
  const third = await testGateway({ provider: provider.url, dataDir });
  const fresh = await ask(third, [question, ...old, question]);
  expect(out).toBe(`The new key for seals has the id ${keyOf(fresh)}.\n`);
  expect(keyOf(fresh)).not.toBe(keyOf(old));
  // A process that still seals with the old key reads the new key when it gets an unknown seal.
  await ask(second, [question, ...fresh, question]);
  await Promise.all([second.stop(), third.stop()]);
}, 30_000);

test('the command explains itself and refuses what it does not know', async () => {
  expect((await rotate('--help')).out).toContain('clawhold key rotate-seals    make a new key');
  const { code, err } = await rotate('now');
  expect(code).toBe(1);
  expect(err).toStartWith('clawhold: There is no command "key rotate-seals now". Try: node ');
  expect(err).toEndWith('clawhold.mjs key --help\n');
}, 20_000);
