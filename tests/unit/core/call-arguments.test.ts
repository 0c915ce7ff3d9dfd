import { expect, test } from 'bun:test';
import { argumentsOf } from '../../../src/core/call-arguments.ts';
import type { FunctionCall } from '../../../src/core/items.ts';

const call = (text: string, status?: FunctionCall['status']): FunctionCall => ({
  type: 'function_call',
  call_id: 'c1',
  name: 'look',
  arguments: text,
  status,
});

test('an object is sent as the model wrote it', () => {
  for (const text of ['{}', ' { "a": 1.0 }\n', '{"__proto__":{}}']) {
    expect(argumentsOf(call(text))).toBe(text);
    expect(argumentsOf(call(text, 'incomplete'))).toBe(text);
  }
});

test('other text becomes an object', () => {
  for (const text of ['{"a": "unfinis', '[1]', '"a"', 'null', '{"a":1}{"b":2}', 'city: Rome']) {
    expect(JSON.parse(argumentsOf(call(text)))).toEqual({ invalid_arguments: text });
    expect(argumentsOf(call(text, 'incomplete'))).toBe('{}');
  }
  for (const text of ['', ' \n']) expect(argumentsOf(call(text))).toBe('{}');
});

test('lone surrogates of an object become U+FFFD', () => {
  expect(argumentsOf(call('{"a":"\\ud83d"}'))).toBe('{"a":"\ufffd"}');
  expect(argumentsOf(call('{"a": "\\ud83d\\ude00"}'))).toBe('{"a": "\\ud83d\\ude00"}');
});
