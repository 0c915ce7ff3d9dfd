import { expect, test } from 'bun:test';
import { type ModelTraits, traitsOf } from '../../../src/claws/anthropic/model.ts';

const cases: [string, Partial<ModelTraits>][] = [
  ['claude-2.1', { thinking: 'none', prefill: true, jsonSchema: false }],
  ['claude-3-5-sonnet-20241022', { thinking: 'none', sampling: 'free' }],
  ['claude-3-7-sonnet-20250219', { thinking: 'budget', jsonSchema: false }],
  ['claude-opus-4-20250514', { thinking: 'budget', sampling: 'free', jsonSchema: false }],
  ['claude-opus-4-1-20250805', { thinking: 'budget', sampling: 'one' }],
  ['claude-haiku-4-5-20251001', { thinking: 'budget', efforts: [], jsonSchema: true, prefill: true }],
  ['claude-opus-4-5', { thinking: 'budget', efforts: ['low', 'medium', 'high'] }],
  ['us.anthropic.claude-opus-4-6-v1', { thinking: 'adaptive', off: 'omit', sampling: 'one', prefill: false }],
  ['claude-opus-4-7', { sampling: 'none', forcedToolThinking: false }],
  ['claude-sonnet-5', { off: 'disabled', forcedToolThinking: true, boundThinking: false }],
  ['claude-fable-5', { off: 'never', boundThinking: false }],
  ['claude-mythos-preview', { thinking: 'adaptive', off: 'never' }],
  ['claude-fable-5-1', { off: 'never', boundThinking: true }],
  ['claude-sonnet-5-5', { off: 'between_tools', boundThinking: true }],
  ['claude-haiku-5.5', { off: 'disabled', boundThinking: true }],
  ['claude-opus-7-10', { off: 'never', boundThinking: true }],
  ['claude-saga-1', { off: 'never', boundThinking: true }],
  ['MiniMax-M3', { thinking: 'budget', sampling: 'free', jsonSchema: false }],
];

test.each(cases)('%s', (model, traits) => {
  expect(traitsOf(model)).toMatchObject(traits);
});
