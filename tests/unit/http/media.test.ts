import { describe, expect, test } from 'bun:test';
import { base64Text, checkedUrl, fileSource } from '../../../src/http/v1/media.ts';

const HELLO = 'aGVsbG8=';
const refusal = (param: string) => expect.objectContaining({ code: 'invalid_request', param });

describe('base64', () => {
  test.each([HELLO, 'aGVsbA==', 'aGVs', '+/+/'])('%j is unchanged', (text) => {
    expect(base64Text(text, 'data')).toBe(text);
  });

  test.each([
    ['aGVs\nbG8=', HELLO],
    [' aGVsbG8= ', HELLO],
    ['aGVsbG8', HELLO],
    ['-_-_', '+/+/'],
    // The last bits of a byte that is not whole.
    ['aGVsbG9=', HELLO],
  ])('%j is written as %j', (text, written) => {
    expect(base64Text(text, 'data')).toBe(written);
  });

  test.each([
    '',
    '=',
    '   ',
    'a',
    'aGVsbG8==',
    'aGVs=bG8',
    'a#Vs',
    'grüße',
    '-_+/',
    'aGVsbG8=aGVsbG8=',
    '[object Object]',
  ])('%j is refused', (text) => {
    expect(() => base64Text(text, 'data')).toThrow(refusal('data'));
  });

  /** Longer than the pieces in which it is checked. */
  const long = Buffer.alloc(200_000, 'abcde').toString('base64');

  test('a long text is checked to its end, and at the ends of its pieces', () => {
    expect(base64Text(long, 'data')).toBe(long);
    for (const at of [0, 65_535, 65_536, 65_537, 131_072, long.length - 3]) {
      expect(() => base64Text(`${long.slice(0, at)}!${long.slice(at + 1)}`, 'data')).toThrow(refusal('data'));
    }
    const padded = `${long.slice(0, 65_534)}==${long.slice(65_536)}`;
    expect(() => base64Text(padded, 'data')).toThrow(refusal('data'));
  });

  test('a long text with line breaks is written without them', () => {
    expect(base64Text(long.replace(/.{76}/g, '$&\r\n'), 'data')).toBe(long);
  });
});

describe('a URL', () => {
  test.each(['https://a.test/x.png', 'gs://bucket/x', 'clawhold-blob:1', `data:image/png;base64,${HELLO}`])(
    '%j is unchanged',
    (url) => {
      expect(checkedUrl(url, 'url')).toBe(url);
    },
  );

  test.each([
    [`DATA:image/png;BASE64,${HELLO}`, `data:image/png;base64,${HELLO}`],
    ['data:image/png;base64,aGVsbG8', `data:image/png;base64,${HELLO}`],
    ['data:text/plain,hell%6F', `data:text/plain;base64,${HELLO}`],
    ['data:audio/L16;rate=24000,hello', `data:audio/L16;rate=24000;base64,${HELLO}`],
  ])('%j is written as %j', (url, written) => {
    expect(checkedUrl(url, 'url')).toBe(written);
  });

  test.each([
    'data:',
    'data:image/png;base64',
    'data:image/png;base64,',
    'data:image/png;base64,###',
    `data:;base64,${HELLO}`,
    `data:image;base64,${HELLO}`,
    `data:image/;base64,${HELLO}`,
    `data:im age/png;base64,${HELLO}`,
    'data:text/plain,%E0%A4',
  ])('%j is refused', (url) => {
    expect(() => checkedUrl(url, 'url')).toThrow(refusal('url'));
  });

  test('of a file is its data where it holds data', () => {
    expect(fileSource('https://a.test/x.pdf', 'url')).toEqual({ file_url: 'https://a.test/x.pdf' });
    expect(fileSource('data:text/plain,hello', 'url')).toEqual({
      file_data: `data:text/plain;base64,${HELLO}`,
    });
  });
});
