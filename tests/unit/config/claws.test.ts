import { expect, test } from 'bun:test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Quirks } from '../../../src/claws/claw.ts';
import type { Config } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load.ts';
import type { ProtocolName } from '../../../src/core/prompt.ts';

/** `config` may not import `claws`, so the compiler compares their types here. */
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type Claw = Config['claws'][string];
type InOneObject<T> = { readonly [Key in keyof T]: T[Key] };

const SAME_QUIRKS: Equal<InOneObject<Claw['quirks']>, InOneObject<Quirks>> = true;
const SAME_PROTOCOLS: Equal<NonNullable<Claw['protocol']>, Exclude<ProtocolName, 'local'>> = true;

test('the configuration has every quirk and every wire protocol', async () => {
  expect([SAME_QUIRKS, SAME_PROTOCOLS]).toEqual([true, true]);
  const quirks: Required<Quirks> = {
    maxTokensField: 'max_completion_tokens',
    noStreamOptions: true,
    developerRole: true,
    noParallelToolCalls: true,
    noJsonSchema: true,
    prefill: 'continue_final_message',
  };
  const inFile = Object.fromEntries(
    Object.entries(quirks).map(([name, value]) => [name.replace(/[A-Z]/g, '_$&').toLowerCase(), value]),
  );
  const cwd = await mkdtemp(join(tmpdir(), 'config-'));
  await Bun.write(join(cwd, 'clawhold.yaml'), JSON.stringify({ claws: { in_house: { quirks: inFile } } }));
  const config = await loadConfig({ cwd, env: {} });
  await rm(cwd, { recursive: true });
  expect(config.claws.in_house?.quirks).toEqual(quirks);
});
