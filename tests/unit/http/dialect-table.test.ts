import { expect, test } from 'bun:test';
import { allShown, PAGE, tableText } from './dialect-table.ts';

test('docs/dialects.md says what the dialects show', async () => {
  expect(await Bun.file(PAGE).text()).toBe(await tableText());
});

test.each(['text', 'text of a thought', 'call of a function', 'answer that broke off'])(
  'every dialect shows: %s',
  async (thing) => {
    const missing = (await allShown()).filter((one) => one.thing === thing && one.path === undefined);
    // The older completions API has text alone.
    expect(missing.map(({ dialect }) => dialect).filter((dialect) => dialect !== 'completions')).toEqual([]);
  },
);

test('a stream shows what a whole reply shows', async () => {
  const different = (await allShown()).filter(({ path, isStreamed }) => (path !== undefined) !== isStreamed);
  expect(different).toEqual([]);
});
