import { describe, expect, test } from 'bun:test';
import type { Caller, Tenant } from '../../../src/core/turn.ts';
import { readBody } from '../../../src/http/body.ts';
import { parseChat } from '../../../src/http/v1/chat/parse.ts';
import { parseResponseRequest } from '../../../src/http/v1/responses/parse.ts';

const CALLER: Caller = {
  tenant: 'default' as Tenant,
  key: 'web',
  policy: { onDisconnect: 'run_on', whenBusy: 'fork', whenDown: 'fail' },
};

describe('a body', () => {
  const post = (body: string | ReadableStream) => new Request('http://localhost/', { method: 'POST', body });

  test('is read with the text that it came as', async () => {
    const text = '{ "model" : "m",\n"input":"grüße" }';
    expect(await readBody(post(text), 100)).toEqual({ body: { model: 'm', input: 'grüße' }, text });
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
    expect(await readBody(post(chunks), 100)).toEqual({ body: { a: 'é' }, text });
  });
});

describe.each([
  [
    'chat',
    (body: object, headers = new Headers()) =>
      parseChat({ messages: [{ role: 'user', content: 'hi' }], ...body }, headers, CALLER, 'error'),
  ],
  [
    'responses',
    (body: object, headers = new Headers()) =>
      parseResponseRequest({ input: 'hi', ...body }, headers, CALLER),
  ],
])('%s', (dialect, parse) => {
  test('a model alone has no fallbacks', () => {
    expect(parse({ model: 'm' })).toMatchObject({ model: 'm', fallbacks: [] });
    expect(parse({ model: 'm', fallbacks: null })).toMatchObject({ model: 'm', fallbacks: [] });
  });

  test('of a list the first model is asked first, then the others, then `fallbacks`', () => {
    expect(parse({ model: ['a', 'b/c'] })).toMatchObject({ model: 'a', fallbacks: ['b/c'] });
    expect(parse({ model: 'a', fallbacks: ['d', 'e'] })).toMatchObject({ model: 'a', fallbacks: ['d', 'e'] });
    expect(parse({ model: ['a', 'b', 'c'], fallbacks: ['d'] })).toMatchObject({
      model: 'a',
      fallbacks: ['b', 'c', 'd'],
    });
  });

  test('neither is sent on to a provider, what we do not know is', () => {
    expect(parse({ model: ['a', 'b'], fallbacks: ['c'], mirostat: 2 }).extra).toEqual({ mirostat: 2 });
  });

  const ANY = 'the name of a model, or a list of 1 to 16 of them';
  test.each<[unknown, string, string]>([
    [undefined, 'model', ANY],
    [null, 'model', ANY],
    [7, 'model', ANY],
    ['', 'model', 'the name of a model'],
    [[], 'model', ANY],
    [['a', ''], 'model[1]', 'the name of a model'],
    [['a', 7], 'model', ANY],
    [Array(17).fill('a'), 'model', ANY],
  ])('`model`: %j is refused', (model, param, expected) => {
    expect(() => parse({ model })).toThrow(
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
    expect(() => parse({ model: 'm', fallbacks })).toThrow(
      expect.objectContaining({ code: 'invalid_request', param }),
    );
  });

  test('16 models and 16 fallbacks are allowed', () => {
    const names = Array.from({ length: 16 }, (_, i) => `m${i}`);
    expect(parse({ model: names, fallbacks: names }).fallbacks).toEqual([...names.slice(1), ...names]);
  });

  test('the policy is that of the headers, the key and the dialect', () => {
    const headers = new Headers({ 'x-clawhold-on-disconnect': 'cancel' });
    expect(parse({ model: 'm' }, headers).policy).toEqual({
      onDisconnect: 'cancel',
      whenBusy: 'fork',
      whenDown: 'fail',
      whenBroken: dialect === 'chat' ? 'fail' : 'restart',
    });
  });
});
