import { describe, expect, test } from 'bun:test';
import { editDistance, nearest, nearestModels } from '../../../src/core/nearest.ts';

describe('editDistance', () => {
  test.each([
    ['port', 'port', 0],
    ['prot', 'port', 1],
    ['Port', 'port', 0],
    ['', 'abc', 3],
    ['abc', '', 3],
    ['kitten', 'sitting', 3],
    ['gpt-4o', 'gpt-40', 1],
    ['abcd', 'badc', 2],
  ])('%s → %s is %d', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
    expect(editDistance(b, a)).toBe(distance);
  });
});

describe('nearest', () => {
  test('returns the nearest first, and no more than the limit', () => {
    expect(nearest('gpt-5-mni', ['gpt-5', 'gpt-5-mini', 'gpt-5-nano', 'claude'], 2)).toEqual([
      'gpt-5-mini',
      'gpt-5-nano',
    ]);
  });

  test('returns nothing that is too different', () => {
    expect(nearest('xyzzy', ['port', 'host'])).toEqual([]);
    expect(nearest('x', [])).toEqual([]);
  });

  test('finds a name by a part of it', () => {
    expect(nearest('opus-4-8', ['claude-opus-4-8', 'gpt-5'])).toEqual(['claude-opus-4-8']);
  });
});

describe('nearestModels', () => {
  const models = ['openai/gpt-4o-mini', 'azure/gpt-4o-mini', 'anthropic/claude-opus-4-8', 'fast'];

  test('finds models by their names without provider, and returns full names', () => {
    expect(nearestModels('gpt-4o-minni', models)).toEqual(['openai/gpt-4o-mini', 'azure/gpt-4o-mini']);
    expect(nearestModels('fasst', models)).toEqual(['fast']);
  });

  test('compares full names with full names', () => {
    expect(nearestModels('opnai/gpt-4o-mni', models)).toEqual(['openai/gpt-4o-mini']);
  });

  test('finds models by a provider', () => {
    expect(nearestModels('anthropic', models)).toEqual(['anthropic/claude-opus-4-8']);
  });

  const VERSIONS = [
    'openrouter/anthropic/claude-sonnet-5',
    'anthropic/claude-3-7-sonnet-20250219',
    'anthropic/claude-sonnet-4-20250514',
    'anthropic/claude-sonnet-4-6',
    'anthropic/claude-sonnet-4-10',
    'anthropic/claude-sonnet-4-6-20260101',
    'openai/gpt-4o',
    'openai/gpt-5',
    'openai/gpt-5.10',
    'openai/gpt-5.5',
    'openai/gpt-5.10-pro',
    'openai/gpt-4o-2024-11-20',
    'groq/openai/gpt-oss-120b',
    'groq/llama-3.1-8b-instant',
    'groq/llama-3.3-70b-versatile',
  ];

  test.each([
    [
      'sonnet',
      ['anthropic/claude-sonnet-4-10', 'anthropic/claude-sonnet-4-6', 'anthropic/claude-sonnet-4-6-20260101'],
    ],
    [
      'Claude-Sonnet',
      ['anthropic/claude-sonnet-4-10', 'anthropic/claude-sonnet-4-6', 'anthropic/claude-sonnet-4-6-20260101'],
    ],
    ['gpt', ['openai/gpt-5.10', 'openai/gpt-5.10-pro', 'openai/gpt-5.5']],
    ['gpt-pro', ['openai/gpt-5.10-pro']],
    ['llama', ['groq/llama-3.3-70b-versatile', 'groq/llama-3.1-8b-instant']],
    ['openrouter', ['openrouter/anthropic/claude-sonnet-5']],
  ])('gives the newest models for the word %s', (word, expected) => {
    expect(nearestModels(word, VERSIONS)).toEqual(expected);
  });

  test('does not compare a name of a million characters', () => {
    expect(nearestModels('x'.repeat(1_000_000), models)).toEqual([]);
  });
});
