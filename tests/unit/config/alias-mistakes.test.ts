import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadConfig } from '../../../src/config/load.ts';
import { ConfigError } from '../../../src/config/problems.ts';
import { temporaryDirectory } from '../../harness/gateway.ts';

let cwd: string;
beforeEach(() => {
  cwd = temporaryDirectory();
});
afterEach(() => rmSync(cwd, { recursive: true }));

async function load(yaml: string) {
  await writeFile(join(cwd, 'clawhold.yaml'), yaml);
  return loadConfig({ cwd, env: {}, providers: ['openai'] });
}

async function problems(yaml: string): Promise<readonly string[]> {
  const failure = await load(yaml).catch((error: unknown) => error);
  if (!(failure instanceof ConfigError)) throw new Error('the configuration is valid');
  return failure.problems;
}

describe('mistakes', () => {
  test.each<[string, string]>([
    [
      'models: [{ model: openai/x, weight: -1 }]',
      'models[0].weight: expected a number from 0 to 1000000, got -1',
    ],
    ['models: []', 'models: expected at least one model, got an empty list'],
    ['models: [openai/x, x]', 'models[1]: expected "provider/model", got "x"'],
    ['models: [openai/*]', 'models[0]: "openai/*" has a "*", so the alias\'s name needs exactly one, too'],
    [
      'models: [openai/x], fallbacks: [openai/y]',
      'unknown key "fallbacks" in aliases.a; allowed: models, strategy, rules, too_long, refused, last_resort, hedge, ' +
        'hedge_after_ms, patience_ms, timeouts, context, history_tokens',
    ],
    ['models: [openai/x], last_resort: {}', 'last_resort: expected either `model` or `answer`, and not both'],
    [
      'models: [openai/x], last_resort: { model: openai/x, answer: Hi }',
      'last_resort: expected either `model` or `answer`, and not both',
    ],
    ['models: [openai/x], last_resort: openai/x', 'last_resort: expected a mapping with model, answer'],
    [
      'models: [openai/x], last_resort: { model: b }',
      'last_resort.model: expected "provider/model", got "b"',
    ],
    [
      'models: [openai/x], too_long: [opnai/x]',
      'too_long[0]: unknown provider "opnai"; did you mean "openai"?',
    ],
    ['models: [openai/x], refused: [other]', 'refused[0]: unknown alias "other"'],
    [
      'models: [openai/x], too_long: [openai/*]',
      'too_long[0]: "openai/*" has a "*", so the alias\'s name needs exactly one, too',
    ],
    ['models: [openai/x], rules: [{ when: {}, use: b }]', 'rules[0].when: expected at least one condition'],
    [
      'models: [openai/x], rules: [{ when: { team: x }, use: b }]',
      'rules[0].when: expected key, user, dialect, model, header.<name> or metadata.<name>, got "team"',
    ],
    [
      'models: [openai/x], rules: [{ when: { key: 5 }, use: b }]',
      'rules[0].when.key: expected a text, or a list of texts, got 5',
    ],
    [
      'models: [openai/x], rules: [{ when: { key: [] }, use: b }]',
      'rules[0].when.key: expected a text, or a list of texts, got an empty list',
    ],
    [
      'models: [openai/x], rules: [{ when: { dialect: chats }, use: b }]',
      'rules[0].when.dialect: expected one of chat, responses, completions, messages, gemini, interactions, got "chats"',
    ],
    [
      'models: [openai/x], rules: [{ when: { key: x }, use: bb }]',
      'rules[0].use: unknown alias "bb"; did you mean "b"?',
    ],
  ])('in an alias: %s', async (settings, message) => {
    const [only, ...more] = await problems(`aliases:\n  b: openai/x\n  a: { ${settings} }`);
    const where = message.startsWith('unknown key') ? '' : 'aliases.a.';
    expect(only).toBe(`clawhold.yaml:3: ${where}${message}`);
    expect(more).toEqual([]);
  });

  test('rules may use names that a pattern matches, and read headers in any case', async () => {
    const rule = '{ when: { header.X-Team: x }, use: claude-x }';
    const yaml = `aliases:\n  claude-*: openai/claude-*\n  a: { models: [openai/x], rules: [${rule}] }`;
    expect((await load(yaml)).aliases.a?.rules).toEqual([
      { when: { 'header.X-Team': ['x'] }, use: 'claude-x' },
    ]);
  });
});
