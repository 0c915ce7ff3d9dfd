import { describe, expect, test } from 'bun:test';
import { gemini } from '../../../src/claws/gemini/protocol.ts';
import { type OtherType, userMessage } from '../../../src/core/items.ts';
import type { Prompt } from '../../../src/core/prompt.ts';
import type { Settings } from '../../../src/core/settings.ts';

function bodyOf(settings: Settings, changes: Partial<Prompt> = {}): Record<string, unknown> {
  const prompt: Prompt = {
    model: 'gemini-3-flash-preview',
    items: [{ item: userMessage('x') }],
    settings,
    stream: false,
    dialect: 'openai-responses',
    extra: {},
    ...changes,
  };
  return gemini.request(prompt, { id: 'gemini', baseUrl: 'https://g.test', quirks: {} }).body;
}

describe('gemini request: settings', () => {
  const configOf = (settings: Settings, model = 'gemini-3-flash-preview') =>
    bodyOf(settings, { model }).generationConfig;

  test('every setting that Gemini has', () => {
    expect(
      configOf({
        max_output_tokens: 1,
        temperature: 2,
        top_p: 0.3,
        stop: ['a'],
        seed: 4,
        presence_penalty: 0.5,
        frequency_penalty: 0.6,
        top_logprobs: 7,
        n: 2,
      }),
    ).toEqual({
      maxOutputTokens: 1,
      temperature: 2,
      topP: 0.3,
      stopSequences: ['a'],
      seed: 4,
      presencePenalty: 0.5,
      frequencyPenalty: 0.6,
      responseLogprobs: true,
      logprobs: 7,
      candidateCount: 2,
    });
    expect(configOf({ top_logprobs: 0 })).toEqual({ responseLogprobs: true });
  });

  test.each([
    ['gemini-3-flash-preview', 'none', { thinkingLevel: 'MINIMAL' }],
    ['gemini-3.7-flash', 'minimal', { thinkingLevel: 'LOW' }],
    ['gemini-3.1-flash-lite', 'minimal', { thinkingLevel: 'MINIMAL' }],
    ['gemini-3.1-pro-preview', 'none', { thinkingLevel: 'LOW' }],
    ['gemini-3.1-pro-preview', 'medium', { thinkingLevel: 'MEDIUM' }],
    ['gemini-3-pro-preview', 'medium', { thinkingLevel: 'HIGH' }],
    ['gemini-flash-latest', 'xhigh', { thinkingLevel: 'HIGH' }],
    ['gemini-2.5-flash', 'none', { thinkingBudget: 0 }],
    ['gemini-2.5-pro', 'none', { thinkingBudget: 128 }],
    ['gemini-2.5-flash', 'low', { thinkingBudget: 1024 }],
    ['gemini-2.5-flash-lite', 'medium', { thinkingBudget: 8192 }],
    ['gemini-2.5-pro', 'high', { thinkingBudget: 24_576 }],
    ['gemini-2.5-pro', 'xhigh', { thinkingBudget: 32_768 }],
    ['gemini-2.0-flash', 'high', undefined],
    ['gemma-4-31b-it', 'high', undefined],
    ['gemini-3-flash-preview', 'unheard-of', undefined],
  ])('%s thinks with effort %s', (model, effort, thinkingConfig) => {
    expect(configOf({ reasoning: { effort } }, model)).toEqual(thinkingConfig && { thinkingConfig });
  });

  test('a summary of the reasoning is requested when the caller requests one', () => {
    expect(configOf({ reasoning: { summary: 'auto' } })).toEqual({
      thinkingConfig: { includeThoughts: true },
    });
  });

  const schema = { type: 'object', properties: { a: { type: 'string' } } };
  test('structured output', () => {
    expect(configOf({ format: { type: 'json_schema', name: 'x', schema } })).toEqual({
      responseMimeType: 'application/json',
      responseJsonSchema: schema,
    });
    expect(configOf({ format: { type: 'json_object' } })).toEqual({ responseMimeType: 'application/json' });
    expect(configOf({ format: { type: 'text' } })).toBeUndefined();
    const tools = [{ type: 'function' as const, name: 'a' }];
    expect(configOf({ format: { type: 'json_object' }, tools, tool_choice: 'required' })).toBeUndefined();
  });

  test.each([
    ['none', { mode: 'NONE' }],
    ['required', { mode: 'ANY' }],
    [
      { type: 'function', name: 'a' },
      { mode: 'ANY', allowedFunctionNames: ['a'] },
    ],
    [
      { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'a' }] },
      { mode: 'VALIDATED', allowedFunctionNames: ['a'] },
    ],
    [
      { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'a' }] },
      { mode: 'ANY', allowedFunctionNames: ['a'] },
    ],
  ])('tool choice %j', (tool_choice, functionCallingConfig) => {
    const settings = { tools: [{ type: 'function', name: 'a' }], tool_choice } as Settings;
    expect(bodyOf(settings).toolConfig).toEqual({ functionCallingConfig });
  });

  test('a hosted tool is a field, and cannot be chosen', () => {
    const settings: Settings = {
      tools: [{ type: 'googleSearch' as OtherType, depth: 1 }],
      tool_choice: 'auto',
    };
    const body = bodyOf(settings);
    expect([body.tools, body.toolConfig]).toEqual([[{ googleSearch: { depth: 1 } }], undefined]);
  });

  test.each([
    ['auto', undefined],
    ['default', 'standard'],
    ['flex', 'flex'],
  ])('service tier %s', (service_tier, serviceTier) => {
    expect(bodyOf({ service_tier }).serviceTier).toBe(serviceTier as never);
  });
});
