import { describe, expect, test } from 'bun:test';
import { estimateTokens } from '../../../src/context/tokens.ts';

/** Kind of text, its tokens as o200k_base counts them, the text. */
const COUNTED: [string, number, string][] = [
  [
    'prose',
    52,
    'The harbour lay quiet in the early morning, and the fishermen mended their nets while gulls circled above the grey water. Nobody spoke much; there was work to do before the tide turned, and each of them knew his part of it well enough.',
  ],
  [
    'markdown',
    65,
    '## Budgets\n\n- **stateless request**: at most `3×` the CPU of a pass-through\n- **durable turn**: p50 ≤ 2 ms, p99 ≤ 8 ms\n\n| what | aim |\n|---|---|\n| turns per second | 4,000 |\n',
  ],
  [
    'code',
    45,
    'export function digestItems(from: string, items: readonly Item[]): string {\n  return items.reduce(digestItem, from);\n}\n\nconst isNotText = (part: Part): boolean => part.type !== "input_text";\n',
  ],
  [
    'json',
    32,
    '{"id":"call_1","type":"function","function":{"name":"get_weather","arguments":"{\\"city\\":\\"Paris\\",\\"unit\\":\\"celsius\\"}"}}',
  ],
  [
    'indented json',
    80,
    JSON.stringify(
      {
        paths: {
          '/v1/responses': {
            post: {
              summary: 'Creates a response',
              parameters: [{ name: 'stream', in: 'query', schema: { type: 'boolean', default: false } }],
            },
          },
        },
      },
      null,
      4,
    ),
  ],
  [
    'german',
    26,
    'Die Bürgermeisterin begrüßte die Gäste am späten Nachmittag im alten Rathaus, dessen Fenster auf den Marktplatz hinausgingen.',
  ],
  [
    'french',
    30,
    "L'été dernier, nous avons traversé la Bretagne à vélo; les journées étaient longues, et le soir nous dînions près de la mer.",
  ],
  [
    'russian',
    36,
    'Вчера вечером мы долго гуляли по набережной, разговаривали о книгах и смотрели, как зажигаются огни на другом берегу реки.',
  ],
  [
    'chinese',
    47,
    '昨天晚上我们沿着河边散步，谈论最近读过的书，看着对岸的灯光一盏一盏亮起来。明天早上他要坐火车去北京参加会议。',
  ],
  [
    'japanese',
    47,
    '昨日の夕方、私たちは川沿いを散歩しながら最近読んだ本について話し、対岸の明かりが一つずつ灯るのを眺めていました。',
  ],
  [
    'arabic',
    31,
    'مشينا أمس على ضفة النهر وتحدثنا عن الكتب التي قرأناها مؤخرا ونظرنا إلى الأضواء على الضفة الأخرى.',
  ],
];

describe('estimates of tokens', () => {
  test.each(COUNTED)(
    '%s: at most a fifth less and a quarter more than the tokenizer counts',
    (_kind, tokens, text) => {
      const ratio = estimateTokens(text) / tokens;
      expect(ratio).toBeGreaterThan(0.8);
      expect(ratio).toBeLessThan(1.25);
    },
  );

  test('an empty text has no tokens', () => expect(estimateTokens('')).toBe(0));

  test('a long run of letters is counted in proportion to its length', () => {
    const long = 'a'.repeat(1_000_000);
    expect(estimateTokens(long)).toBeCloseTo(10 * estimateTokens(long.slice(0, 100_000)), -2);
  });
});
