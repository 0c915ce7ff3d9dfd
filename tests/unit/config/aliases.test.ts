import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../../src/config/load.ts';
import { ConfigError } from '../../../src/config/problems.ts';

let cwd = '';
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'aliases-'));
});
afterEach(() => rm(cwd, { recursive: true }));

/** The mistakes in these aliases; none where they are accepted. */
async function problems(aliases: string): Promise<readonly string[]> {
  await writeFile(join(cwd, 'clawhold.yaml'), `aliases:\n${aliases}`);
  try {
    await loadConfig({ cwd, env: {}, providers: ['openai', 'groq'] });
    return [];
  } catch (failure) {
    if (failure instanceof ConfigError) return failure.problems;
    throw failure;
  }
}

describe('the names in an alias', () => {
  test.each([
    [
      'another alias',
      '  a: openai/x\n  b: { models: [openai/y], too_long: [a], refused: [a], rules: [{ when: { key: k }, use: a }] }',
    ],
    ['a name that a pattern matches', '  a-*: openai/*\n  b: { models: [openai/y], too_long: [a-1] }'],
    ['a pattern, for the same text', '  a-*: openai/*\n  b-*: { models: [openai/*], too_long: [a-*] }'],
    ['a provider that a pattern gives', '  "*/fast": "*/small"'],
    ['itself', '  a: { models: [openai/x], rules: [{ when: { key: k }, use: a }] }'],
  ])('may be %s', async (_, aliases) => {
    expect(await problems(aliases)).toEqual([]);
  });

  test.each([
    ['  a: { models: [openai/x], too_long: [b] }', 'aliases.a.too_long[0]: unknown alias "b"'],
    ['  a: { models: [openai/x], refused: [open/y] }', 'aliases.a.refused[0]: unknown provider "open"'],
    [
      '  a: { models: [openai/x], rules: [{ when: { key: k }, use: b }] }',
      'aliases.a.rules[0].use: unknown alias "b"',
    ],
    [
      '  a: { models: [openai/x], last_resort: { model: x/y } }',
      'aliases.a.last_resort.model: unknown provider "x"',
    ],
    ['  a: openai/*', 'aliases.a: "openai/*" has a "*", so the alias\'s name needs exactly one, too'],
    ['  a: { models: [openai/x], too_long: [b-*] }', 'aliases.a.too_long[0]: "b-*" has a "*"'],
    ['  a: { models: [] }', 'aliases.a.models: expected at least one model'],
    ['  a: { models: [x] }', 'aliases.a.models[0]'],
    [
      '  a: { models: [openai/x], last_resort: {} }',
      'aliases.a.last_resort: expected either `model` or `answer`',
    ],
    ['  a: { models: [openai/x], rules: [{ when: { hedaer.x: 1 }, use: a }] }', 'aliases.a.rules[0].when'],
    [
      '  a: { models: [{ model: openai/x, weight: -1 }] }',
      'aliases.a.models[0].weight: expected a number from 0',
    ],
    ['  a: { models: [openai/x], strategy: fastest }', 'aliases.a.strategy'],
  ])('are checked: %s', async (aliases, expected) => {
    const found = await problems(aliases);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain('clawhold.yaml:2: ');
    expect(found[0]).toContain(expected);
  });
});
