import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileSchema } from '../../src/config/schema.ts';
import { settingsOf } from '../../src/config/shape.ts';

/** The table of limits in docs/operations.md. */

const text = readFileSync(join(import.meta.dir, '../../docs/operations.md'), 'utf8');
const rows = [...text.matchAll(/^\| .+ \| (.+) \| `([a-z_.]+)` \|$/gm)].map(([, limit, name]) => ({
  limit: limit!,
  name: name!,
}));
const settings = new Map(settingsOf(fileSchema).map((setting) => [setting.name, setting]));

const UNITS: Record<string, number> = {
  KiB: 1024,
  MiB: 1024 ** 2,
  'Mi characters': 1024 ** 2,
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  day: 86_400_000,
};

test('has every setting that limits something', () => {
  // Those of single aliases, claws and keys have no defaults.
  const limiting = [...settings.keys()].filter(
    (name) =>
      !/[<[]/.test(name) && /^(limits|timeouts|answers|retention)\.|_ms$|^turns\.background$/.test(name),
  );
  expect(limiting.length).toBeGreaterThan(15);
  expect(rows.map(({ name }) => name).sort()).toEqual(limiting.sort());
});

test('has their defaults', () => {
  for (const { limit, name } of rows) {
    const [, amount, unit = ''] = /^([\d,]+) ?(.*)$/.exec(limit)!;
    const value = Number(amount!.replaceAll(',', '')) * (unit === '' ? 1 : UNITS[unit]!);
    expect([name, value]).toEqual([name, settings.get(name)?.fallback as number]);
  }
});
