import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { choosePins } from '../../../../src/context/pins/choose.ts';
import { statementsIn } from '../../../../src/context/pins/find.ts';
import { type Pin, pinsOf } from '../../../../src/context/pins/fold.ts';

const pinsAfter = (texts: readonly string[]): readonly Pin[] =>
  pinsOf(
    texts.flatMap((text, turn) =>
      statementsIn(text, 'user').map((statement, index) => ({
        statement,
        source: { turn: `turn${turn}`, item: 0 },
        index,
      })),
    ),
  );

const chosen = (texts: readonly string[], most: number, query: string): string[] =>
  choosePins(pinsAfter(texts), most, query).map(({ statement }) => statement.text);

describe('the pins for a prompt', () => {
  const SAID = [
    'I prefer night trains.',
    'Always mention prices when I ask about hotels.',
    'I prefer pottery to painting.',
    'Answer in French.',
    "I'm allergic to nuts.",
    'Always mention distances when I ask about hiking.',
  ];

  test('are all of them if they fit, oldest first', () => {
    expect(chosen(SAID, 400, 'Hello')).toEqual(SAID);
  });

  test('are at first those that always hold', () => {
    expect(chosen(SAID, 36, 'Hello')).toEqual(['Answer in French.', "I'm allergic to nuts."]);
  });

  test('then those that concern the question, also preferences', () => {
    const question = 'Which hotels are near the station?';
    expect(chosen(SAID, 59, question)).toContain('Always mention prices when I ask about hotels.');
    expect(chosen(SAID, 54, 'Is there a night train to Rome?')).toContain('I prefer night trains.');
    expect(chosen(SAID, 54, 'Which pottery class is good?')).toContain('I prefer pottery to painting.');
  });

  test('also when the query is long', () => {
    const story =
      'We walked along the river and talked about the weather, the harvest and the old mill. '.repeat(20);
    expect(chosen(SAID, 54, `${story} Which pottery class is good for painting?`)).toContain(
      'I prefer pottery to painting.',
    );
  });

  test('then instructions before preferences, and newer ones before older ones', () => {
    const said = [
      'Always mention prices when I ask about hotels.',
      'Always mention distances when I ask about hiking.',
      'I prefer pottery.',
    ];
    expect(chosen(said, 24, 'Hello')).toEqual(['Always mention distances when I ask about hiking.']);
  });

  test('are none without a budget', () => {
    expect(chosen(SAID, 0, 'Hello')).toEqual([]);
  });

  test('never take more than that', () => {
    const pins = pinsAfter(SAID);
    fc.assert(
      fc.property(fc.nat(200), fc.constantFrom('', 'hotels', 'a night train to Rome'), (most, query) => {
        const some = choosePins(pins, most, query);
        expect(some.reduce((sum, { tokens }) => sum + tokens, 0)).toBeLessThanOrEqual(most);
        expect(choosePins(pins, most, query)).toEqual(some);
      }),
    );
  });
});
