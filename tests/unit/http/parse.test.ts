import { describe, expect, test } from 'bun:test';
import { newSessionId, newTurnId, responseId } from '../../../src/core/ids.ts';
import type { Caller, Tenant } from '../../../src/core/request.ts';
import type { Ask } from '../../../src/core/turn.ts';
import type { Dialect } from '../../../src/http/dialect.ts';
import { chat } from '../../../src/http/v1/chat/dialect.ts';
import { readBody } from '../../../src/http/v1/request.ts';
import { responses, TARGET } from '../../../src/http/v1/responses/dialect.ts';
import { askOf } from '../../../src/http/v1/turn-routes.ts';

const CALLER: Caller = {
  tenant: 'default' as Tenant,
  key: 'web',
  mayKeep: true,
  isRoot: true,
  policy: { onDisconnect: 'run_on', whenBusy: 'fork', whenDown: 'fail' },
};

describe('a body', () => {
  const LIMITS = { bodyBytes: 100, bodyMs: 1000 };
  const post = (body: string | ReadableStream) => new Request('http://localhost/', { method: 'POST', body });

  test('is read with the text that it came as', async () => {
    const text = '{ "model" : "m",\n"input":"grüße" }';
    expect(await readBody(post(text), LIMITS)).toEqual({ body: { model: 'm', input: 'grüße' }, text });
  });

  test('that came in chunks, too', async () => {
    const text = '{"a":"é"}';
    const bytes = new TextEncoder().encode(text);
    const chunks = new ReadableStream({
      start(controller) {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
        controller.close();
      },
    });
    expect(await readBody(post(chunks), LIMITS)).toEqual({ body: { a: 'é' }, text });
  });
});

const parse = (dialect: Dialect, body: object, headers: Record<string, string> = {}): Ask =>
  askOf(
    dialect,
    {
      model: 'm',
      ...(dialect === chat ? { messages: [{ role: 'user', content: 'hi' }] } : { input: 'hi' }),
      ...body,
    },
    { headers: new Headers(headers), target: TARGET, caller: CALLER, ruleHeaders: [], mayHaveMarks: true },
  );

describe.each([chat, responses])('$name', (dialect) => {
  const parsed = (body: object, headers: Record<string, string> = {}) => parse(dialect, body, headers);

  test('a model alone has no fallbacks', () => {
    expect(parsed({ model: 'm' })).toMatchObject({ model: 'm', fallbacks: [] });
    expect(parsed({ model: 'm', fallbacks: null })).toMatchObject({ model: 'm', fallbacks: [] });
  });

  test('of a list the first model is asked first, then the others, then `fallbacks`', () => {
    expect(parsed({ model: ['a', 'b/c'] })).toMatchObject({ model: 'a', fallbacks: ['b/c'] });
    expect(parsed({ model: 'a', fallbacks: ['d', 'e'] })).toMatchObject({
      model: 'a',
      fallbacks: ['d', 'e'],
    });
    expect(parsed({ model: ['a', 'b', 'c'], fallbacks: ['d'] })).toMatchObject({
      model: 'a',
      fallbacks: ['b', 'c', 'd'],
    });
  });

  test('neither is sent on to a provider, what we do not know is', () => {
    expect(parsed({ model: ['a', 'b'], fallbacks: ['c'], mirostat: 2 }).extra).toEqual({ mirostat: 2 });
  });

  const ANY = 'the name of a model, or a list of 1 to 16 of them';
  test.each<[unknown, string, string]>([
    [undefined, 'model', `${ANY}, got nothing`],
    [null, 'model', `${ANY}, got null`],
    [7, 'model', `${ANY}, got 7`],
    ['', 'model', 'the name of a model, got an empty string'],
    [[], 'model', `${ANY}, got an empty array`],
    [['a', ''], 'model[1]', 'the name of a model, got an empty string'],
    [['a', 7], 'model', `${ANY}, got an array`],
    [Array(17).fill('a'), 'model', `${ANY}, got an array`],
  ])('`model`: %j is refused', (model, param, expected) => {
    expect(() => parsed({ model })).toThrow(
      expect.objectContaining({
        code: 'invalid_request',
        param,
        message: `\`${param}\`: expected ${expected}.`,
      }),
    );
  });

  test.each([
    ['a', 'fallbacks'],
    [['a', 7], 'fallbacks[1]'],
    [['a', ''], 'fallbacks[1]'],
    [[{ model: 'a' }], 'fallbacks[0]'],
    [Array(17).fill('a'), 'fallbacks'],
  ])('`fallbacks`: %j is refused', (fallbacks, param) => {
    expect(() => parsed({ model: 'm', fallbacks })).toThrow(
      expect.objectContaining({ code: 'invalid_request', param }),
    );
  });

  test('16 models and 16 fallbacks are allowed', () => {
    const names = Array.from({ length: 16 }, (_, i) => `m${i}`);
    expect(parsed({ model: names, fallbacks: names }).fallbacks).toEqual([...names.slice(1), ...names]);
  });

  test('the policy is that of the headers, the key and the dialect', () => {
    expect(parsed({}, { 'x-clawhold-on-disconnect': 'cancel' }).policy).toEqual({
      onDisconnect: 'cancel',
      whenBusy: 'fork',
      whenDown: 'fail',
      whenBroken: dialect === chat ? 'fail' : 'restart',
    });
  });
});

describe('for how long a turn is kept', () => {
  const SESSION = { 'x-session-id': 'trip' };
  const UNKEPT = { 'x-clawhold-keep': 'false' };
  const PREVIOUS = responseId(newTurnId(newSessionId(0), 0));

  test.each<[Dialect, object, Record<string, string>, Ask['retention']]>([
    [chat, {}, {}, 'none'],
    [chat, {}, SESSION, 'stored'],
    [chat, { store: false }, {}, 'none'],
    [chat, { store: false }, SESSION, 'session'],
    [chat, { store: true }, {}, 'listed'],
    [chat, { store: true }, SESSION, 'listed'],
    [responses, {}, {}, 'stored'],
    [responses, { store: false }, {}, 'none'],
    [responses, { store: false }, SESSION, 'session'],
    [responses, { store: false, conversation: 'trip' }, {}, 'session'],
    [responses, { store: false, previous_response_id: PREVIOUS }, {}, 'none'],
    [responses, { store: false, previous_response_id: PREVIOUS }, SESSION, 'session'],
    [responses, {}, UNKEPT, 'forbidden'],
    [chat, { store: true }, { ...SESSION, ...UNKEPT }, 'forbidden'],
    [responses, {}, { 'x-clawhold-keep': 'true' }, 'stored'],
  ])('$name: %j with the headers %j', (dialect, body, headers, retention) => {
    expect(parse(dialect, body, headers).retention).toBe(retention);
  });
});

describe('how an answer is delivered', () => {
  test.each<[Dialect, object, Ask['delivery']]>([
    [chat, {}, 'whole'],
    [chat, { stream: true }, 'stream'],
    [responses, {}, 'whole'],
    [responses, { stream: true }, 'stream'],
    [responses, { background: true }, 'background'],
    [responses, { background: true, stream: true }, 'background-stream'],
  ])('$name: %j', (dialect, body, delivery) => {
    expect(parse(dialect, body).delivery).toBe(delivery);
  });

  test('a stream with usage says so in what is stored, so that a replay has usage, too', () => {
    const stream = { stream: true, stream_options: { include_usage: true } };
    expect(parse(chat, stream).echo).toEqual({ include_usage: true });
    expect(parse(chat, { stream: true }).echo).toBeUndefined();
  });
});

test('an ask has the vocabulary of its dialect', () => {
  expect(parse(chat, {})).toMatchObject({ dialect: 'chat', vocabulary: 'openai-chat' });
  expect(parse(responses, {})).toMatchObject({ dialect: 'responses', vocabulary: 'openai-responses' });
});
