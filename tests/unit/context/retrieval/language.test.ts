import { describe, expect, test } from 'bun:test';
import { best } from '../../../../src/context/retrieval/best.ts';
import { daysNamed } from '../../../../src/context/retrieval/dates.ts';
import { gloss } from '../../../../src/context/retrieval/gloss.ts';
import { stem } from '../../../../src/context/retrieval/stem.ts';
import { termsOf } from '../../../../src/context/retrieval/words.ts';
import { DAY, MONDAY } from './passages.ts';

describe('stems', () => {
  // From the sample vocabulary of https://snowballstem.org/algorithms/english/stemmer.html.
  const SAMPLES =
    'consign:consign consigned:consign consistency:consist consolation:consol consolatory:consolatori ' +
    'consolidation:consolid consolingly:consol conspicuously:conspicu conspirator:conspir constancy:constanc ' +
    'constitutional:constitut knack:knack knaves:knave kneeling:kneel knightly:knight knots:knot skies:sky ' +
    'dying:die exceed:exceed generously:generous hopping:hop hoping:hope ties:tie cries:cri happy:happi';
  for (const sample of SAMPLES.split(' ')) {
    const [word, expected] = sample.split(':') as [string, string];
    test(word, () => expect(stem(word)).toBe(expected));
  }
});

describe('terms', () => {
  test('have no stop words, cases or accents', () => {
    expect(termsOf('The Cafés were GREAT, weren’t they?')).toEqual(['cafe', 'great']);
  });

  test('are the base forms of irregular words', () => {
    expect(termsOf('went gone go, children')).toEqual(['go', 'go', 'go', 'child']);
  });
});

describe('days that a text names, on Monday, 8 May 2023', () => {
  const day = (number: number): string => new Date(number * DAY).toISOString().slice(0, 10);
  for (const [text, expected] of [
    ['yesterday', '2023-05-07 2023-05-07'],
    ['two weeks ago', '2023-04-24 2023-04-30'],
    ['10 days ago', '2023-04-28 2023-04-28'],
    ['last Tuesday', '2023-05-02 2023-05-02'],
    ['last Monday', '2023-05-01 2023-05-01'],
    ['next Fri', '2023-05-12 2023-05-12'],
    ['last weekend', '2023-05-06 2023-05-07'],
    ['next month', '2023-06-01 2023-06-30'],
    ['7 May', '2023-05-07 2023-05-07'],
    ['on December 30th', '2022-12-30 2022-12-30'],
    ['October 12, 2018', '2018-10-12 2018-10-12'],
    ['2021-02-03', '2021-02-03 2021-02-03'],
    ['in June', '2023-06-01 2023-06-30'],
    ['June 2021', '2021-06-01 2021-06-30'],
    ['in 2020', '2020-01-01 2020-12-31'],
  ] as const) {
    test(text, () => {
      const named = daysNamed(`We met ${text}.`, MONDAY);
      expect(named.map(({ from, to }) => `${day(from)} ${day(to)}`)).toEqual([expected]);
    });
  }

  for (const text of ['You may go on', 'the last one', '45 May', 'March on', 'room 2023']) {
    test(`none: ${text}`, () => expect(daysNamed(text, MONDAY)).toEqual([]));
  }
});

describe('the gloss', () => {
  test('knows related words, closest first', () => {
    const related = gloss().related('doctor');
    expect(related.map(({ term }) => term)).toContain('physician');
    expect(related.map(({ similarity }) => similarity)).toEqual(
      related.map(({ similarity }) => similarity).toSorted((a, b) => b - a),
    );
    expect(gloss().related('qwertz')).toEqual([]);
  });

  test('meanings have length 1, or 0 where no term is known', () => {
    const length = (terms: string[]) => Math.hypot(...gloss().meaning(terms));
    expect(length(['dog', 'cat'])).toBeCloseTo(1, 5);
    expect(length(['qwertz'])).toBe(0);
  });
});

test('the best numbers, later ones first where scores are equal', () => {
  const scores = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3];
  expect(best([...scores.keys()], scores, 4)).toEqual([5, 7, 8, 4]);
  expect(best([...scores.keys()], scores, 0)).toEqual([]);
  expect(best([...scores.keys()], scores, 20)).toEqual([5, 7, 8, 4, 2, 9, 0, 6, 3, 1]);
});
