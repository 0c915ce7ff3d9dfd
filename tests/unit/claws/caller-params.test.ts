import { describe, expect, test } from 'bun:test';
import { callersParam } from '../../../src/claws/caller-params.ts';
import type { Prompt, ProtocolName } from '../../../src/core/prompt.ts';

const prompt = (dialect: ProtocolName, history = false): Prompt => ({
  model: 'm',
  items: [
    {
      item: { type: 'message', role: 'user', content: [] },
      ...(history && { answeredBy: 'openai' }),
    },
  ],
  settings: {},
  stream: false,
  dialect,
  extra: {},
});

describe('a field of a provider, as its caller names it', () => {
  test.each([
    ['openai-chat', 'openai-chat', 'tools[0].function.name', 'tools[0].function.name'],
    ['openai-chat', 'openai-chat', 'messages[2].content', 'messages[2].content'],
    ['openai-chat', 'openai-chat', 'some_extra_field', 'some_extra_field'],
    ['openai-chat', 'openai-responses', 'messages[2].content', 'input'],
    ['openai-chat', 'openai-responses', 'tools[0].function.name', 'tools'],
    ['openai-chat', 'openai-responses', 'max_tokens', 'max_output_tokens'],
    ['openai-chat', 'openai-responses', 'stop', undefined],
    ['openai-responses', 'openai-chat', 'text.format.schema', 'response_format'],
    ['openai-responses', 'openai-chat', 'input[3]', 'messages'],
    ['openai-responses', 'openai-chat', 'instructions', 'messages'],
    ['openai-responses', 'openai-chat', 'textual', undefined],
    ['anthropic', 'openai-chat', 'messages.0.content.1.text', 'messages'],
    ['anthropic', 'openai-responses', 'system', 'instructions'],
    ['anthropic', 'openai-responses', 'thinking.enabled.budget_tokens', 'reasoning'],
    ['anthropic', 'openai-chat', 'output_config.format.schema', 'response_format'],
    ['anthropic', 'openai-chat', 'max_tokens', 'max_completion_tokens'],
    ['gemini', 'openai-chat', 'generation_config.max_output_tokens', 'max_completion_tokens'],
    ['gemini', 'openai-responses', 'generationConfig.topP', 'top_p'],
    ['gemini', 'openai-chat', 'tools[0].function_declarations[0].parameters', 'tools'],
    ['gemini', 'openai-chat', 'cached_content', undefined],
  ] as const)('%s to %s: %s', (protocol, dialect, param, expected) => {
    expect(callersParam(param, protocol, prompt(dialect))).toBe(expected);
  });

  test('has no index of a history that the caller did not send', () => {
    const chat = (param: string) => callersParam(param, 'openai-chat', prompt('openai-chat', true));
    expect(chat('messages[12].content')).toBe('messages');
    expect(chat('tools[1].function.name')).toBe('tools[1].function.name');
    expect(callersParam('input[7].id', 'openai-responses', prompt('openai-responses', true))).toBe('input');
  });
});
