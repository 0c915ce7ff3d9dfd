import { describe, expect, test } from 'bun:test';
import {
  itemId,
  newSessionId,
  newTurnId,
  parseItemId,
  parseValueId,
  valueId,
} from '../../../src/core/ids.ts';
import { isValueKey, mergePatch } from '../../../src/core/values.ts';

describe('a merge patch', () => {
  /** RFC 7396, appendix A: the value, the patch, the result. */
  const CASES: [string, string, string][] = [
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
    ['{"a":"b"}', '{"a":null}', '{}'],
    ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
    ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
    ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
    ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
    ['["a","b"]', '["c","d"]', '["c","d"]'],
    ['{"a":"b"}', '["c"]', '["c"]'],
    ['{"a":"foo"}', 'null', 'null'],
    ['{"a":"foo"}', '"bar"', '"bar"'],
    ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
    ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
    ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
  ];

  test.each(CASES)('of %s with %s', (json, patch, result) => {
    expect(mergePatch(json, patch)).toBe(result);
  });

  test('treats the fields of prototypes as any other field', () => {
    expect(mergePatch('{}', '{"__proto__":{"a":1},"constructor":2}')).toBe(
      '{"__proto__":{"a":1},"constructor":2}',
    );
    expect(mergePatch('{"__proto__":{"a":1}}', '{"__proto__":null}')).toBe('{}');
    expect(({} as Record<string, unknown>).a).toBeUndefined();
  });
});

describe('the id of a value', () => {
  const session = newSessionId(0);

  test('names the session and the key, and is never the id of an item', () => {
    const keys = ['a', 'a.b', `${'0'.repeat(13)}o0`, '-'.repeat(128), '...'];
    for (const key of keys) {
      expect(parseValueId(valueId(session, key))).toEqual({ session, key });
      expect(parseItemId(valueId(session, key))).toBeUndefined();
    }
    expect(
      parseValueId(itemId('message', { turn: newTurnId(session, 0), side: 'o', index: 0 })),
    ).toBeUndefined();
    for (const text of ['', 'val_', `val_${session}`, `val_${'!'.repeat(20)}.a`, `conv_${session}.a`])
      expect(parseValueId(text)).toBeUndefined();
  });

  test('has a key of a certain form', () => {
    for (const key of ['a', 'A-b_c.9', '...', '.a', 'x'.repeat(128)]) expect(isValueKey(key)).toBe(true);
    for (const key of ['', '.', '..', 'a b', 'ä', 'a/b', 'x'.repeat(129), 'a\n'])
      expect(isValueKey(key)).toBe(false);
  });
});
