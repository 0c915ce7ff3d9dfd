import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConversations } from '../../../bench/recall/conversation.ts';

const TALK = {
  speaker_a: 'Ada',
  session_1_date_time: '1:56 pm on 8 May, 2023',
  session_1: [
    { speaker: 'Ada', dia_id: 'D1:1', text: 'Look!', blip_caption: 'a photo of a dog' },
    { speaker: 'Ben', dia_id: 'D1:2', text: 'Lovely.' },
  ],
  session_2_date_time: '9:00 am on 1 June, 2023',
  qa: [
    { question: 'What did Ada show?', answer: 'A dog', evidence: ['D1:1; D1:2', 'D9:9'], category: 1 },
    { question: 'What did Ben hide?', evidence: ['D1:2'], category: 5 },
    { question: 'Who?', evidence: [], category: 2 },
  ],
};

const CHAT = {
  messages: [
    { id: 7, session: 1, role: 'user', time: 'March-15-2024', content: 'Hello' },
    { id: 8, session: 1, role: 'assistant', time: 'March-15-2024', content: 'Good day' },
    { id: 9, session: 2, role: 'user', time: 'April-10-2024', content: 'Again' },
  ],
  questions: [{ category: 'temporal_reasoning', question: 'When?', evidence: [9, 8] }],
};

describe('conversations of a folder', () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'recall-'));
    for (const [set, content] of Object.entries({ talks: TALK, chats: CHAT, others: { a: 1 } })) {
      mkdirSync(join(folder, set));
      writeFileSync(join(folder, set, 'one.json'), JSON.stringify(content));
    }
    mkdirSync(join(folder, 'empty'));
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  test('two people', () => {
    const [talk] = readConversations(join(folder, 'talks'));
    expect(talk).toMatchObject({ name: 'one', data: 'talks' });
    expect(talk!.passages).toMatchObject([
      {
        role: 'user',
        speaker: 'Ada',
        text: 'Look! [image: a photo of a dog]',
        at: Date.UTC(2023, 4, 8, 13, 56),
      },
      { role: 'user', speaker: 'Ben', text: 'Lovely.' },
    ]);
    expect(new Set(talk!.passages.map(({ turn }) => turn)).size).toBe(2);
    expect(talk!.questions).toEqual([{ text: 'What did Ada show?', category: '1', evidence: [0, 1] }]);
  });

  test('a person and an assistant', () => {
    const [chat] = readConversations(join(folder, 'chats'));
    const [first, answer, second] = chat!.passages;
    expect(first).toMatchObject({ side: 'i', role: 'user', text: 'Hello' });
    expect(answer).toMatchObject({ turn: first!.turn, side: 'o', role: 'assistant' });
    expect(second!.turn).not.toBe(first!.turn);
    expect(new Date(second!.at).toISOString()).toStartWith('2024-04-10');
    expect(chat!.questions).toEqual([{ text: 'When?', category: 'temporal_reasoning', evidence: [2, 1] }]);
  });

  test('folders that are missing, empty or hold another form are refused', () => {
    expect(() => readConversations(join(folder, 'missing'))).toThrow('is no folder');
    expect(() => readConversations(join(folder, 'empty'))).toThrow('holds no .json file');
    expect(() => readConversations(join(folder, 'others'))).toThrow('is neither');
  });
});
