import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { statementsIn } from '../../../../src/context/pins/find.ts';
import * as paraphrases from './english-paraphrases.ts';
import * as english from './english-sentences.ts';
import * as others from './other-sentences.ts';

const kindsIn = (text: string) => statementsIn(text, 'user').map(({ kind }) => kind);

describe('what a user says for longer than one task', () => {
  for (const [kind, sentences] of Object.entries(english.LASTING)) {
    test.each(sentences)(`is a lasting ${kind}: %s`, (sentence) => {
      expect(kindsIn(sentence)).toContain(kind as 'instruction');
    });
  }
  test.each(paraphrases.LASTING)('is found: %s', (sentence) => {
    expect(kindsIn(sentence)).not.toEqual([]);
  });
  for (const [language, sentences] of Object.entries(others.LASTING)) {
    test.each(sentences)(`is found in ${language}: %s`, (sentence) => {
      expect(kindsIn(sentence)).not.toEqual([]);
    });
  }
});

describe('what says nothing lasting', () => {
  test.each([...english.PASSING, ...paraphrases.PASSING])('%s', (sentence) => {
    expect(statementsIn(sentence, 'user')).toEqual([]);
  });
  for (const [language, sentences] of Object.entries(others.PASSING)) {
    test.each(sentences)(`in ${language}: %s`, (sentence) => {
      expect(statementsIn(sentence, 'user')).toEqual([]);
    });
  }
});

/** What is found, as `kind text`. */
const foundIn = (text: string): string[] =>
  statementsIn(text, 'user').map((statement) => `${statement.kind}: ${statement.text}`);

describe('where it is found', () => {
  test('only in messages of the user', () => {
    for (const role of ['assistant', 'system', 'developer'] as const)
      expect(statementsIn('Always answer in French.', role)).toEqual([]);
  });

  test('several in one sentence', () => {
    expect(foundIn("Hi, my name is Ada and I'm allergic to nuts, so never suggest pralines.")).toEqual([
      'fact: my name is Ada',
      "fact: I'm allergic to nuts",
      'instruction: so never suggest pralines.',
    ]);
  });

  test('before the question of the same sentence, which is left out', () => {
    expect(foundIn('I prefer night trains, so how do I get from Oslo to Rome?')).toEqual([
      'preference: I prefer night trains',
    ]);
    expect(foundIn('Where should I stay, given that I prefer small hotels?')).toEqual([
      'preference: I prefer small hotels',
    ]);
  });

  test('in one sentence of many', () => {
    const text =
      'Thanks, that helped.\n\nI will visit Lisbon in May. Please always give prices in euros. What can I see there?';
    expect(foundIn(text)).toEqual(['instruction: Please always give prices in euros.']);
  });

  test('in the entries of a list that holds from now on', () => {
    const text = 'From now on:\n- mention the source\n- suggest an exercise\n\nThank you!';
    expect(foundIn(text)).toEqual(['instruction: mention the source', 'instruction: suggest an exercise']);
    expect(foundIn('To do:\n- mention the source\n- suggest an exercise')).toEqual([]);
  });

  test('at both ends of a long message, not in its middle', () => {
    const pasted = 'The ship sailed on. '.repeat(1_000);
    const text = `Call me Ada.\n${pasted}\nMy name is Bob.\n${pasted}\nNever use emojis.`;
    expect(foundIn(text)).toEqual(['instruction: Call me Ada.', 'instruction: Never use emojis.']);
  });

  test('not in text that is given for a task', () => {
    expect(
      foundIn('Summarise this letter:\n\nDear Sir,\nI prefer tea over coffee.\nMy name is Bob.'),
    ).toEqual([]);
    expect(foundIn('Write a story about a dog. It must always rain. Never use the letter e.')).toEqual([]);
  });

  test('a condition is part of the topic', () => {
    const [statement] = statementsIn('Always mention the year when I ask about films.', 'user');
    expect(statement?.topic.when).toEqual(['film']);
  });
});

describe('the topic', () => {
  test.each([
    ['always answer in French', 'language', '', 'french', 'for'],
    ['Antworte bitte immer auf Französisch.', 'language', '', 'french', 'for'],
    ['Call me Ada.', 'name', '', 'ada', 'for'],
    ["Please don't use tables.", 'format', 'table', '', 'against'],
    ['Bitte keine Tabellen.', 'format', 'table', '', 'against'],
    ['No usa tablas nunca.', 'format', 'table', '', 'against'],
    ['Keep your answers short.', 'length', '', 'short', 'for'],
    ['Use metric units.', 'units', '', 'metric', 'for'],
    ["I can't eat nuts.", 'food', 'nut', '', 'against'],
    ["I'm allergic to nuts.", 'food', 'nut', '', 'against'],
    ["I'm vegetarian.", 'diet', '', 'vegetarian', 'for'],
    ['You can use tables now.', 'format', 'table', '', 'withdrawn'],
  ])('%s', (text, slot, of, value, polarity) => {
    const [statement] = statementsIn(text, 'user');
    const { topic } = statement!;
    expect([topic.slot, topic.of, topic.value, statement!.polarity] as string[]).toEqual([
      slot,
      of,
      value,
      polarity,
    ]);
  });
});

/** A pattern that backtracks without bound would not come to an end here. */
describe('hostile texts come to an end', () => {
  const MILLION = 1_000_000;
  const UNITS =
    ' |a|.|,|, |"|“|: |always |please |I prefer |my a-|when I ask about |and i |I am really |forget all |you can |« |- |always x\n|this: |don’t |never, |if you |é'.split(
      '|',
    );
  test.each(UNITS)('%j, repeated', (unit) => {
    const text = unit.repeat(MILLION / unit.length);
    expect(statementsIn(text, 'user').length).toBeLessThanOrEqual(32);
    // One sentence of the greatest length that is read, with an end at which no pattern matches.
    expect(statementsIn(`${unit.repeat(680 / unit.length)}#.`, 'user').length).toBeLessThanOrEqual(32);
  });

  test('any text', () => {
    const words = fc.constantFrom(
      ...UNITS,
      'I ',
      'when ',
      'ask ',
      'not ',
      'tables',
      '. ',
      '? ',
      '\n',
      'in French',
    );
    fc.assert(
      fc.property(fc.array(words, { maxLength: 300 }), (parts) => {
        const text = parts.join('');
        const statements = statementsIn(text, 'user');
        expect(statementsIn(text, 'user')).toEqual(statements);
        for (const statement of statements) expect(text).toContain(statement.text);
      }),
    );
  });
});
