import { describe, expect, test } from 'bun:test';
import { candidateName } from '../../../src/routing/candidate.ts';
import { choose, type Directory, type Service } from '../../../src/routing/choose.ts';

const SERVICES: Record<string, Service> = {
  anthropic: {
    provider: 'anthropic',
    protocols: ['anthropic'],
    ready: false,
    turnOnWith: 'ANTHROPIC_API_KEY',
  },
  groq: { provider: 'groq', protocols: ['openai-chat'], ready: false, turnOnWith: 'claws.groq.enabled' },
  openai: { provider: 'openai', protocols: ['openai-chat', 'openai-responses'], ready: true },
};

const ALIASES: Record<string, string[]> = {
  careful: ['anthropic/claude', 'openai/gpt'],
  off: ['anthropic/claude', 'groq/gpt-oss'],
};

const directory: Directory = {
  service: (provider) => SERVICES[provider],
  limits: () => ({}),
  providersOf: () => [],
  alias: (name) => ALIASES[name],
  names: () => [],
};

const chosen = (model: string) =>
  choose({ model, dialect: 'chat', settings: {} }, directory, () => ({ choices: true, logprobs: true })).map(
    candidateName,
  );

describe('an alias', () => {
  test('passes over what is not turned on', () => {
    expect(chosen('careful')).toEqual(['openai/gpt']);
  });

  test('says what to set where nothing behind it is turned on', () => {
    expect(() => chosen('off')).toThrow('set ANTHROPIC_API_KEY');
  });
});

test('a provider that is turned off is not said to lack a key', () => {
  expect(() => chosen('groq/gpt-oss')).toThrow('not turned on here: set claws.groq.enabled');
});
