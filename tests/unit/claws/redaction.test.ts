import { describe, expect, test } from 'bun:test';
import { redactionOf } from '../../../src/claws/redaction.ts';
import { newKey } from '../../../src/security/keys.ts';

const KEY = 'sk-test-0123456789abcdef';
const redact = redactionOf([KEY, 'pass"word/ü', 'none', `${KEY}-longer`]);

describe('redaction', () => {
  test.each([
    [`Bearer ${KEY}, again ${KEY}!`, 'Bearer [redacted], again [redacted]!'],
    [`${KEY}-longer`, '[redacted]'],
    ['none of it', 'none of it'],
    ['{"a":"pass\\"word/ü"}', '{"a":"[redacted]"}'],
    ['?key=pass%22word%2F%C3%BC&b', '?key=[redacted]&b'],
    ['cut: sk-test-012345', 'cut: [redacted]'],
    ['another key: sk-test-9999', 'another key: sk-test-9999'],
    [`the caller's ${newKey()}.`, "the caller's [redacted]."],
  ])('%s', (text, expected) => expect(redact(text)).toBe(expected));
});
