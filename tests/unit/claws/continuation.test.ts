import { describe, expect, test } from 'bun:test';
import { anthropic } from '../../../src/claws/anthropic/protocol.ts';
import { PROVIDERS } from '../../../src/claws/catalogue/providers.ts';
import type { Claw, Quirks, WireProtocol } from '../../../src/claws/claw.ts';
import { CONTINUATION } from '../../../src/claws/continuation.ts';
import { gemini } from '../../../src/claws/gemini/protocol.ts';
import { fetched } from '../../../src/claws/http/fetched.ts';
import { httpClaw } from '../../../src/claws/http-claw.ts';
import { openaiChat } from '../../../src/claws/openai-chat/protocol.ts';
import { openaiResponses } from '../../../src/claws/openai-responses/protocol.ts';
import { type Item, type Message, userMessage } from '../../../src/core/items.ts';
import type { Prompt, PromptItem } from '../../../src/core/prompt.ts';
import { answerLimits } from '../../harness/answer-limits.ts';

type Body = Record<string, unknown>;

function cut(text: string): Message {
  const content = [{ type: 'output_text' as const, text, annotations: [] }];
  return { type: 'message', role: 'assistant', status: 'incomplete', content };
}

const thought: PromptItem = {
  item: { type: 'reasoning', summary: [], content: [{ type: 'reasoning_text', text: 'Hm.' }] },
  origin: 'p',
};

function promptOf(model: string, beginning: string, more: Partial<Prompt> = {}): Prompt {
  const items: Item[] = [userMessage('Count'), cut(beginning)];
  return {
    model,
    items: items.map((item) => ({ item })),
    settings: {},
    stream: false,
    continues: true,
    dialect: 'local',
    extra: {},
    ...more,
  };
}

/** A claw whose provider records each request and refuses it. */
function clawOf(protocol: WireProtocol, quirks: Quirks = {}) {
  let sent: Body = {};
  const claw = httpClaw({
    provider: { id: 'p', baseUrl: 'http://p.test', apiKey: 'key', quirks },
    protocol,
    reach: async () => {},
    limits: answerLimits,
    redact: (text) => text,
    post: fetched(async (_url, { body }) => {
      sent = JSON.parse(String(body));
      return new Response('{}', { status: 400 });
    }),
  });
  const bodyOf = async (prompt: Prompt): Promise<Body> => {
    await called(claw, prompt);
    return sent;
  };
  return { claw, bodyOf };
}

async function called(claw: Claw, prompt: Prompt): Promise<void> {
  try {
    for await (const _ of claw.call(prompt, new AbortController().signal));
  } catch {
    // The refusal.
  }
}

describe('anthropic', () => {
  const { claw, bodyOf } = clawOf(anthropic);
  const text = (value: string, more: Body = {}) => ({ type: 'text', text: value, ...more });
  const marked = (value: string) => text(value, { cache_control: { type: 'ephemeral' } });

  test('the beginning is the last message, without the white space at its end', async () => {
    const { messages } = await bodyOf(promptOf('claude-sonnet-4-5', 'One, t \n'));
    expect(messages).toEqual([
      { role: 'user', content: [marked('Count')] },
      { role: 'assistant', content: [text('One, t')] },
    ]);
  });

  test('a model without prefill gets an instruction after the unchanged beginning', async () => {
    const { messages } = await bodyOf(promptOf('claude-opus-4-6', 'One, t '));
    expect(messages).toEqual([
      { role: 'user', content: [marked('Count')] },
      { role: 'assistant', content: [text('One, t ')] },
      { role: 'user', content: [marked(CONTINUATION)] },
    ]);
  });

  test('a model that thinks gets an instruction', async () => {
    const thinking = { settings: { reasoning: { effort: 'high' }, max_output_tokens: 9000 } };
    const prompt = promptOf('claude-sonnet-4-5', 'One, t', thinking);
    expect(claw.prefills(prompt)).toBe(false);
    const { messages, thinking: asked } = await bodyOf(prompt);
    expect(asked).toMatchObject({ type: 'enabled' });
    expect(messages).toMatchObject([{ role: 'user' }, { role: 'assistant' }, { role: 'user' }]);
    const own = {
      dialect: 'anthropic' as const,
      extra: { thinking: { type: 'enabled', budget_tokens: 1024 } },
    };
    expect(claw.prefills(promptOf('claude-sonnet-4-5', 'One, t', own))).toBe(false);
    expect(claw.prefills(promptOf('claude-sonnet-4-5', 'One, t', { ...own, dialect: 'local' }))).toBe(true);
  });

  test('a forced tool turns thinking off for an older model, so it can continue', () => {
    const tools = [{ type: 'function' as const, name: 'f' }];
    const settings = { tools, tool_choice: 'required' as const, reasoning: { effort: 'high' } };
    expect(claw.prefills(promptOf('claude-sonnet-4-5', 'One, t', { settings }))).toBe(true);
  });
});

describe('gemini', () => {
  const { claw, bodyOf } = clawOf(gemini);
  const asked = { role: 'user', parts: [{ text: 'Count' }] };
  const begun = { role: 'model', parts: [{ text: 'One, t' }] };

  test('the beginning is the last message, without the white space at its end', async () => {
    expect((await bodyOf(promptOf('gemini-2.5-pro', 'One, t\n'))).contents).toEqual([asked, begun]);
  });

  test('newer models get an instruction', async () => {
    const told = { role: 'user', parts: [{ text: CONTINUATION }] };
    expect((await bodyOf(promptOf('gemini-3.6-flash', 'One, t'))).contents).toEqual([asked, begun, told]);
  });

  test.each([
    ['gemini-2.0-flash-001', true],
    ['models/gemini-2.5-flash-lite', true],
    ['gemini-3-pro-preview', true],
    ['gemini-3.1-flash-lite', true],
    ['gemini-3.5-flash-lite', false],
    ['gemini-3.8-flash', false],
    ['gemini-pro-latest', false],
    ['gemma-4-31b-it', false],
    ['tunedModels/mine', false],
  ])('%s continues directly: %p', (model, prefills) => {
    expect(claw.prefills(promptOf(model, 'One, t'))).toBe(prefills);
  });
});

describe('openai-responses', () => {
  test('the beginning is an item, and an instruction follows', async () => {
    const { input } = await clawOf(openaiResponses).bodyOf(promptOf('gpt-5', 'One, t '));
    expect(input).toEqual([
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Count' }] },
      {
        type: 'message',
        role: 'assistant',
        content: [{ type: 'output_text', text: 'One, t ', annotations: [] }],
      },
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: CONTINUATION }] },
    ]);
  });
});

describe('openai-chat', () => {
  const asked = { role: 'user', content: 'Count' };
  const begun = { role: 'assistant', content: 'One, t' };
  const prompt = promptOf('m', 'One, t ');

  test('a model gets an instruction, unless its provider can continue directly', async () => {
    const { claw, bodyOf } = clawOf(openaiChat);
    expect(claw.prefills(prompt)).toBe(false);
    const told = { role: 'user', content: CONTINUATION };
    expect(await bodyOf(prompt)).toEqual({
      model: 'm',
      messages: [asked, { ...begun, content: 'One, t ' }, told],
    });
  });

  test.each<[NonNullable<Quirks['prefill']>, mark: Body, fields: Body]>([
    ['plain', {}, {}],
    ['partial', { partial: true }, {}],
    ['prefix', { prefix: true }, {}],
    ['continue_final_message', {}, { continue_final_message: true, add_generation_prompt: false }],
  ])('by %s', async (prefill, mark, fields) => {
    const { claw, bodyOf } = clawOf(openaiChat, { prefill });
    expect(claw.prefills(prompt)).toBe(true);
    expect(await bodyOf(prompt)).toEqual({ model: 'm', messages: [asked, { ...begun, ...mark }], ...fields });
    const { continues: _, ...whole } = promptOf('m', 'One, t');
    expect(await bodyOf(whole)).toEqual({ model: 'm', messages: [asked, begun] });
  });

  test('a model that thinks gets an instruction even then', async () => {
    const { claw, bodyOf } = clawOf(openaiChat, { prefill: 'partial' });
    const [first, last] = prompt.items as [PromptItem, PromptItem];
    const reasoned = { ...prompt, items: [first, thought, last] };
    const eager = { ...prompt, settings: { reasoning: { effort: 'low' } } };
    const quiet = { ...prompt, settings: { reasoning: { effort: 'none' } } };
    expect([reasoned, eager, quiet].map(claw.prefills)).toEqual([false, false, true]);
    expect(JSON.stringify(await bodyOf(reasoned))).not.toContain('partial');
  });

  test('a provider that documents a way to continue has it', () => {
    const known = PROVIDERS.flatMap(({ id, quirks }) => (quirks.prefill ? [[id, quirks.prefill]] : []));
    expect(known).toEqual([['moonshot', 'partial']]);
  });
});
