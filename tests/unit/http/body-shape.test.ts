import { describe, expect, test } from 'bun:test';
import { checkShape } from '../../../src/http/v1/body-shape.ts';

const refused = (text: string) =>
  Promise.resolve()
    .then(() => checkShape(text))
    .then(
      () => undefined,
      ({ code, message }) => ({ code, message }),
    );

const TOO_DEEP = { code: 'invalid_request', message: 'The body is nested more than 256 levels deep.' };
const TOO_MANY = { code: 'invalid_request', message: 'The body has more than 200000 keys.' };
const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
const mixed = (levels: number) => '{"a":['.repeat(levels / 2) + ']}'.repeat(levels / 2);
const keys = (count: number) => `{${'"k":0,'.repeat(count - 1)}"k":0}`;
/** More than one slice. */
const LONG = 'x'.repeat(300_000);

describe('the shape of a body', () => {
  test('has 256 levels at most', async () => {
    for (const make of [nested, mixed]) {
      expect(await refused(make(256))).toBeUndefined();
      expect(await refused(make(258))).toEqual(TOO_DEEP);
      expect(await refused(`{"a":"${LONG}","b":${make(254)}}`)).toBeUndefined();
      expect(await refused(`{"a":"${LONG}","b":${make(258)}}`)).toEqual(TOO_DEEP);
    }
    expect(await refused(`[${nested(200)},${nested(200)}]`)).toBeUndefined();
  });

  test('has 200,000 keys at most', async () => {
    expect(await refused(keys(200_000))).toBeUndefined();
    expect(await refused(keys(200_001))).toEqual(TOO_MANY);
  });

  test('does not count what is in a string', async () => {
    for (const text of ['['.repeat(400), '\\"['.repeat(400), '\\\\\\"['.repeat(400), LONG])
      expect(await refused(`{"a":"${text}"}`)).toBeUndefined();
    expect(await refused(`["\\\\",${nested(256)}]`)).toEqual(TOO_DEEP);
    expect(await refused(`["\\\\\\"",${nested(256)}]`)).toEqual(TOO_DEEP);
    expect(await refused(`["${':'.repeat(400_000)}"]`)).toBeUndefined();
  });

  test('is the same wherever a slice ends', async () => {
    const slice = 256 * 1024;
    for (const text of ['"\\""', '"\\\\"', '"\\\\\\""', '"a"', '"\\u0022["'])
      for (let before = slice - 12; before <= slice; before++) {
        const padding = ' '.repeat(before);
        expect(await refused(`[${padding}${text},${nested(255)}]`)).toBeUndefined();
        expect(await refused(`[${padding}${text},${nested(256)}]`)).toEqual(TOO_DEEP);
      }
  });

  test('is checked while other work goes on', async () => {
    for (const text of [`[${'0,'.repeat(1_000_000)}0]`, `["${'\\"'.repeat(1_000_000)}"]`]) {
      let turns = 0;
      let isOver = false;
      const turn = () => {
        turns++;
        if (!isOver) setImmediate(turn);
      };
      setImmediate(turn);
      await checkShape(text);
      isOver = true;
      // The loop of events goes on after every quarter of a megabyte.
      expect(turns).toBeGreaterThanOrEqual(Math.floor(text.length / 2 ** 18));
    }
  });

  test('that is broken is left to the parser', async () => {
    for (const text of ['', '}'.repeat(1000), `"${'x'.repeat(1000)}`, '"\\'.padStart(1000)])
      expect(await refused(text)).toBeUndefined();
  });
});
