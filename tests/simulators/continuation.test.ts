import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { DIALECTS, drain, eventsOf, KEYS } from './dialects.ts';
import { startProvider } from './provider/provider.ts';
import { asJson, asList, asText, type Json } from './provider/shape.ts';

const provider = startProvider();

beforeEach(() => provider.reset());
afterAll(() => provider.stop());

function post(path: string, body: Json): Promise<Response> {
  return fetch(provider.url + path, { method: 'POST', headers: KEYS, body: JSON.stringify(body) });
}

async function read(response: Promise<Response>): Promise<Json> {
  return asJson(await (await response).json());
}

async function problem(path: string, body: Json): Promise<unknown[]> {
  const response = await post(path, body);
  return [response.status, asText(asJson(asJson(await response.json()).error).message)];
}

const GO_ON = 'Please go on exactly where you were cut off.';

/** The rest of an answer. Streamed and whole answers must be equal. */
async function goOn(name: string, model: string, { text, followUp }: { text: string; followUp?: string }) {
  const dialect = DIALECTS[name]!;
  const send = (stream: boolean) => {
    const body = dialect.body(model, stream, 'hi there', false);
    return post(dialect.path(model, stream), dialect.continued(body, text, followUp));
  };
  const whole = await read(send(false));
  expect(dialect.streamed(eventsOf(await (await send(true)).text()))).toBe(dialect.text(whole));
  return dialect.text(whole);
}

const ANSWERS = [
  ['say-4', 'word1 word2 word3 word4'],
  ['say-4+pace-1', 'word1 word2 word3 word4'],
  ['echo', 'You said: hi there'],
  ['recall', 'I have heard: "hi there"'],
] as const;

describe.each(Object.keys(DIALECTS))('%s: asked to go on', (name) => {
  const dialect = DIALECTS[name]!;
  const askFor = (model: string, text: string, followUp = GO_ON) => goOn(name, model, { text, followUp });

  test.each(ANSWERS)('%s goes on from any character', async (model, whole) => {
    for (let length = 1; length <= whole.length; length++) {
      expect(await askFor(model, whole.slice(0, length))).toBe(whole.slice(length));
    }
  });

  test('goes on after the common prefix of its own answer', async () => {
    expect(await askFor('say-4', 'word1 word2 and others')).toBe('word3 word4');
    expect(await askFor('say-4', 'Nothing of it')).toBe('word1 word2 word3 word4');
  });

  test('a model with overlap or again repeats earlier text', async () => {
    expect(await askFor('say-4+overlap-1', 'word1 word2 wo')).toBe('word3 word4');
    expect(await askFor('say-4+overlap-2', 'word1 word2 word3')).toBe('word2 word3 word4');
    expect(await askFor('say-4+overlap-9', 'word1 word2 ')).toBe('word1 word2 word3 word4');
    expect(await askFor('say-4+again', 'word1 word2 ')).toBe('word1 word2 word3 word4');
  });

  test('counts only the tokens of the continuation', async () => {
    const body = dialect.continued(dialect.body('say-4', false, 'hi', false), 'word1 wo', GO_ON);
    const answer = await read(post(dialect.path('say-4', false), body));
    expect(JSON.stringify(answer)).toMatch(/"(completion_tokens|output_tokens|candidatesTokenCount)":3\b/);
  });

  test('answers another user message as a new question', async () => {
    expect(await askFor('echo', 'You sa', 'Where are you?')).toBe('You said: Where are you?');
  });

  test.each([
    ['say-6+once-cut-2', { broken: false, text: 'd2 word3 word4 word5 word6' }],
    ['say-6+cut-2', { broken: true, text: 'd2 word3' }],
  ])('%s breaks off, then goes on as its name says', async (model, continued) => {
    const body = dialect.body(model, true, 'hi', false);
    const streamed = async (asked: Json) => {
      const { broken, text } = await drain(await post(dialect.path(model, true), asked));
      return { broken, text: dialect.streamed(eventsOf(text)) };
    };
    expect(await streamed(body)).toEqual({ broken: true, text: 'word1 word2' });
    expect(await streamed(dialect.continued(body, 'word1 wor', GO_ON))).toEqual(continued);
  });
});

const REFUSALS: Record<string, { names: string[]; message: string }> = {
  chat: {
    names: ['no-prefill'],
    message: 'Expected last role User or Tool for serving but got assistant',
  },
  messages: {
    names: ['no-prefill', 'claude-opus-4-6', 'claude-haiku-5-5'],
    message:
      'This model does not support assistant message prefill. The conversation must end with a user message.',
  },
  gemini: {
    names: ['no-prefill', 'gemini-3.5-flash-lite', 'gemini-3.6-flash'],
    message: 'Requests ending with a model turn are not supported.',
  },
};

describe.each(Object.keys(REFUSALS))('%s: assistant message last', (name) => {
  const dialect = DIALECTS[name]!;
  const own = (model: string, text: string) => goOn(name, model, { text });

  test.each(ANSWERS)('%s goes on with it', async (model, whole) => {
    for (let length = 1; length <= whole.length; length++) {
      const beginning = whole.slice(0, length).trimEnd();
      expect(await own(model, beginning)).toBe(whole.slice(beginning.length));
    }
  });

  test.each(REFUSALS[name]!.names)('%s refuses it', async (label) => {
    const model = `${label}+say-4`;
    const body = dialect.continued(dialect.body(model, false, 'hi', false), 'word1');
    expect(await problem(dialect.path(model, false), body)).toEqual([400, REFUSALS[name]!.message]);
    expect(await goOn(name, model, { text: 'word1', followUp: GO_ON })).toBe(' word2 word3 word4');
  });
});

describe('the ways of going on', () => {
  const messages = [
    { role: 'user', content: 'hi' },
    { role: 'assistant', content: 'word1 wo' },
  ];
  const chat = async (last: Json, fields: Json = {}) => {
    const body = { model: 'say-2', messages: [messages[0], { ...messages[1], ...last }], ...fields };
    return DIALECTS.chat!.text(await read(post('/v1/chat/completions', body)));
  };

  test('chat goes on only if the request asks for it', async () => {
    expect(await chat({})).toBe('word1 word2');
    expect(await chat({ prefix: true })).toBe('rd2');
    expect(await chat({ partial: true })).toBe('rd2');
    expect(await chat({}, { continue_final_message: true, add_generation_prompt: false })).toBe('rd2');
    expect(
      await problem('/v1/chat/completions', { model: 'say-2', messages, continue_final_message: true }),
    ).toEqual([400, expect.stringContaining('Cannot set both')]);
  });

  test('the Responses API answers an assistant message at the end like any input', async () => {
    const body = DIALECTS.responses!.continued({ model: 'say-2', input: 'hi' }, 'word1 wo');
    expect(DIALECTS.responses!.text(await read(post('/v1/responses', body)))).toBe('word1 word2');
  });

  test('Claude with thinking needs a thinking block before the text that it continues', async () => {
    const body = DIALECTS.messages!.body('think', false, 'hi', false);
    const thinking = { type: 'enabled', budget_tokens: 20 };
    expect(await problem('/v1/messages', { ...DIALECTS.messages!.continued(body, 'You'), thinking })).toEqual(
      [400, expect.stringContaining('must start with a thinking block')],
    );
  });

  test('a model thinks again only if a user message asks it to go on', async () => {
    const thoughtOf = async (followUp?: string) => {
      const body = DIALECTS.messages!.body('think', false, 'hi', false);
      const answer = await read(post('/v1/messages', DIALECTS.messages!.continued(body, 'You sa', followUp)));
      return asList(answer.content).map(({ type }) => type);
    };
    expect(await thoughtOf()).toEqual(['text']);
    expect(await thoughtOf(GO_ON)).toEqual(['thinking', 'text']);
  });
});
