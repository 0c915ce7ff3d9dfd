import { describe, expect, test } from 'bun:test';
import { recall } from '../../../src/claws/local/recall.ts';
import { type Folded, foldAll } from '../../../src/core/fold.ts';
import { type Message, messageText, userMessage } from '../../../src/core/items.ts';
import type { Prompt } from '../../../src/core/prompt.ts';

const WHOLE = 'Your name is Ada.';

function promptOf(beginning?: string): Prompt {
  const content = [{ type: 'output_text' as const, text: beginning ?? '', annotations: [] }];
  const cut: Message = { type: 'message', role: 'assistant', status: 'incomplete', content };
  const said = [userMessage('My name is Ada'), userMessage('What is my name?')];
  return {
    model: 'recall',
    items: (beginning === undefined ? said : [...said, cut]).map((item) => ({ item })),
    settings: {},
    stream: true,
    continues: beginning === undefined ? undefined : true,
    dialect: 'local',
    extra: {},
  };
}

async function answerOf(prompt: Prompt): Promise<Folded> {
  const deltas = [];
  for await (const burst of recall.call(prompt, new AbortController().signal)) deltas.push(...burst);
  return foldAll(deltas);
}

const textOf = ({ items }: Folded): string => messageText(items[0]!.item as Message);

describe('recall', () => {
  test('continues its answer from every character, and counts the rest', async () => {
    expect(textOf(await answerOf(promptOf()))).toBe(WHOLE);
    for (let length = 1; length <= WHOLE.length; length++) {
      const prompt = promptOf(WHOLE.slice(0, length));
      expect(recall.prefills(prompt)).toBe(true);
      const answer = await answerOf(prompt);
      const rest = WHOLE.slice(WHOLE.slice(0, length).trimEnd().length);
      expect(textOf(answer)).toBe(rest);
      expect(answer.usage?.output).toBe(rest.split(' ').filter(Boolean).length);
      expect(answer.finish).toEqual([{ unified: 'stop', raw: 'stop' }]);
    }
  });

  test('an answer that another model began is given from the start, and is no prefill', async () => {
    const prompt = promptOf('As a language model, I ');
    expect(recall.prefills(prompt)).toBe(false);
    expect(textOf(await answerOf(prompt))).toBe(WHOLE);
  });

  test('a prompt that continues no answer is no prefill', () => {
    expect(recall.prefills(promptOf())).toBe(false);
  });
});
