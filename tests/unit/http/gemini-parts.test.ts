import { expect, test } from 'bun:test';
import { namedPart } from '../../../src/http/v1beta/gemini/media.ts';

test.each([[0], [1], [true], ['text'], [[]]])(
  'a part whose content is %p is refused where the field is unknown',
  (value) => {
    expect(() => namedPart({ inlineData: null, type: value }, 'contents[0].parts[1]')).toThrow(
      '`contents[0].parts[1].type`: expected an object',
    );
  },
);

test('a part of an unknown kind is kept', () => {
  const value = { code: 'print(1)' };
  expect(namedPart({ executableCode: value }, 'parts[0]')).toEqual({
    kind: 'executableCode',
    value,
    fields: {},
  });
});

test.each(['type', 'id', 'status', 'role'])(
  'a part whose content is `%s`, a field of every item, is refused',
  (kind) => {
    expect(() => namedPart({ [kind]: {} }, 'contents[0].parts[1]')).toThrow(
      '`contents[0].parts[1]`: expected a part',
    );
  },
);
