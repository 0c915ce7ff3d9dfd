import { beforeAll, describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { countTokens as countWithCl100k } from 'gpt-tokenizer/encoding/cl100k_base';
import { countTokens as countWithO200k } from 'gpt-tokenizer/encoding/o200k_base';
import { encodingOf } from '../../../src/context/tokenizer/encodings.ts';
import { TokenCounter } from '../../../src/context/tokenizer/token-counter.ts';
import { Tokenizer } from '../../../src/context/tokenizer/tokenizer.ts';
import { userMessage } from '../../../src/core/items.ts';

/** Words for special tokens are text. */
const AS_TEXT = { disallowedSpecial: new Set<string>() };
const ENCODINGS = {
  o200k: (text: string) => countWithO200k(text, AS_TEXT),
  cl100k: (text: string) => countWithCl100k(text, AS_TEXT),
};

/** Words, code, JSON, other scripts, signs outside the first plane, and every kind of white space. */
const PARTS = [
  ...[
    'the',
    ' harbour',
    "don't",
    'HTTPServer',
    'camelCase',
    'Ünïcödé',
    ' x_y',
    '  ',
    '\n',
    '\r\n\r\n',
    '\t\t',
  ],
  ...[
    '12345',
    '3.14',
    '=>',
    '"key":',
    '{}',
    '...',
    '    return ',
    '<|endoftext|>',
    '昨天晚上',
    'книгах',
    'مشينا',
  ],
  ...['👩‍👩‍👧', '𝒜', 'é', '\u00a0', '\u3000', 'ﬁ', "'LL", '/', '!\n', '१२३', 'ภาษาไทย'],
];
const texts = fc.array(fc.oneof(fc.constantFrom(...PARTS), fc.string({ unit: 'grapheme', maxLength: 8 })), {
  maxLength: 60,
});

describe.each(['o200k', 'cl100k'] as const)('the tokenizer %s', (encoding) => {
  const expected = ENCODINGS[encoding];
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await Tokenizer.load(encoding);
  });

  test('counts every text as the published one does', () => {
    fc.assert(
      fc.property(texts, (parts) => {
        // The published one reads these two as parts of words.
        const text = parts.join('').replace(/[\ufeff\u0085]/g, '');
        expect(tokenizer.countNow(text)).toBe(expected(text));
      }),
      { numRuns: 2_000, seed: 7 },
    );
  });

  test('counts a long text in slices, as a whole', async () => {
    const text = `${PARTS.join(' ')} `.repeat(400);
    expect(text.length).toBeGreaterThan(60_000);
    expect(await tokenizer.count(text)).toBe(expected(text));
  });

  test('counts runs without a break almost as the published one, in linear time', async () => {
    const run = Array.from({ length: 3_000 }, (_, i) => 'etaoinshrdlu'[(i * i * 7 + i) % 12]).join('');
    expect(Math.abs((await tokenizer.count(run)) / expected(run) - 1)).toBeLessThan(0.01);
    const cpu = async (text: string) => {
      const before = process.cpuUsage();
      await tokenizer.count(text);
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1_000;
    };
    await cpu(run);
    // A hundredth of what a tokenizer needs whose time grows with the square of a run.
    for (const one of [run.repeat(34), 'a'.repeat(100_000), ' '.repeat(100_000), '好'.repeat(100_000)])
      expect(await cpu(one)).toBeLessThan(600);
  });

  test('lets other work go on', async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    await tokenizer.count(
      'One sentence that is not long at all, with 3 numbers: 1, 22 and 333. '.repeat(20_000),
    );
    clearInterval(timer);
    expect(turns).toBeGreaterThan(10);
  });
});

describe('a counter', () => {
  test('counts a prompt as OpenAI does: its example of two messages has 19 tokens', async () => {
    const system = { ...userMessage('You are a helpful assistant.'), role: 'system' as const };
    const items = [system, userMessage('Hello!')];
    expect(await new TokenCounter().count({ items }, 'o200k')).toBe(19);
    expect(await new TokenCounter().count({ items: [] }, 'o200k')).toBe(0);
  });

  test('loads a tokenizer once, when it is needed, and counts an item once', async () => {
    const loaded: string[] = [];
    let counted = 0;
    const counter = new TokenCounter(async (encoding) => {
      loaded.push(encoding);
      const tokenizer = await Tokenizer.load(encoding);
      const { count } = tokenizer;
      tokenizer.count = (text) => {
        counted += text.length;
        return count.call(tokenizer, text);
      };
      return tokenizer;
    });
    expect(loaded).toEqual([]);
    const items = [userMessage('one two three'), userMessage('four')];
    const first = await counter.count({ items }, 'o200k');
    const once = counted;
    expect(await counter.count({ items: [...items] }, 'o200k')).toBe(first);
    expect(counted).toBe(once);
    expect(loaded).toEqual(['o200k']);
  });
});

test.each([
  ['gpt-4o-mini', 'o200k'],
  ['openai/gpt-5.1', 'o200k'],
  ['o3', 'o200k'],
  ['gpt-oss-120b', 'o200k'],
  ['ft:gpt-4.1-nano:acme', 'o200k'],
  ['gpt-4-turbo', 'cl100k'],
  ['gpt-3.5-turbo', 'cl100k'],
  ['claude-sonnet-4-5', undefined],
  ['olmo-3', undefined],
])('%s is counted with %p', (model, encoding) => expect(encodingOf({ model })).toBe(encoding as never));
