import { describe, expect, test } from 'bun:test';
import { gloss } from '../../../../src/context/retrieval/gloss.ts';
import { PassageIndex } from '../../../../src/context/retrieval/passage-index.ts';
import { addEach, DAY, found, MONDAY, passage, turnId } from './passages.ts';

const talk = (...lines: [speaker: string, text: string][]): PassageIndex => {
  const index = new PassageIndex();
  addEach(
    index,
    lines.map(([speaker, text], turn) => passage(turn, text, { speaker })),
  );
  return index;
};

describe('what is found first', () => {
  test('inflected and irregular forms of the asked word', () => {
    const index = talk(
      ['Ada', 'Nice to see that'],
      ['Ben', 'Yesterday I bought new shoes'],
      ['Ada', 'The park is big'],
    );
    expect(found(index, 'What did Ben buy?')[0]).toBe('Yesterday I bought new shoes');
  });

  test('the utterance of the speaker whom the question names', () => {
    const index = talk(['Ada', 'I like hiking in the mountains'], ['Ben', 'I like hiking in the woods']);
    expect(found(index, 'Where does Ben like hiking?')[0]).toContain('woods');
    expect(found(index, 'Where does Ada like hiking?')[0]).toContain('mountains');
  });

  test('an answer without the asked words, beside the question that has them', () => {
    const index = talk(
      ['Ada', 'Which instrument do you play?'],
      ['Ben', 'The violin, for ten years now'],
      ['Ada', 'What will the weather be like?'],
      ['Ben', 'Sunny'],
    );
    expect(found(index, 'Which instrument does Ben play?')[0]).toContain('violin');
  });

  test('the message of the person before the longer one of the assistant', () => {
    const index = new PassageIndex();
    index.add(turnId(1), [
      passage(1, 'My budget for the kitchen is 9,000 dollars'),
      passage(
        1,
        'A budget for a kitchen needs care. A kitchen budget has parts: the kitchen sink, the budget…',
        {
          side: 'o',
          role: 'assistant',
        },
      ),
    ]);
    expect(found(index, 'What is my kitchen budget?')[0]).toContain('9,000');
  });

  test('what was said on the asked day, or about it', () => {
    const index = new PassageIndex();
    addEach(index, [
      passage(1, 'We went swimming', { at: MONDAY - 40 * DAY }),
      passage(2, 'We went swimming in the lake', { at: MONDAY - 6 * DAY }),
      passage(3, 'We went swimming in the sea two weeks ago', { at: MONDAY }),
    ]);
    expect(found(index, 'Where did we go swimming last Tuesday?')[0]).toContain('lake');
    expect(found(index, 'Where did we go swimming on 25 April 2023?')[0]).toContain('sea');
    expect(found(index, 'Where did we go swimming in March?')[0]).toBe('We went swimming');
  });

  test('a passage with a time, where the question asks when', () => {
    const index = talk(
      ['Ada', 'I ran a marathon in Rome'],
      ['Ben', 'Hm'],
      ['Ada', 'I ran a marathon last spring'],
    );
    expect(found(index, 'When did Ada run a marathon?')[0]).toContain('last spring');
  });

  test('repeated passages once', () => {
    const index = new PassageIndex();
    addEach(
      index,
      ['I eat no nuts.', 'I eat no nuts!', 'Nuts I eat: no'].map((text, turn) => passage(turn, text)),
    );
    expect(found(index, 'nuts')).toHaveLength(1);
  });

  test('a short new text is understood by the texts before it', () => {
    const index = new PassageIndex();
    addEach(index, [passage(1, 'The violin teacher lives in Bern'), passage(2, 'More coffee, please')]);
    const texts = ['Where does the violin teacher live?', 'Tell me more'];
    expect(index.search({ texts, at: MONDAY }, 1)[0]?.passage.text).toContain('Bern');
  });

  test('related words, with a gloss', () => {
    const passages = [passage(1, 'The physician was very kind'), passage(2, 'The train was very late')];
    const index = new PassageIndex(gloss());
    addEach(index, passages);
    expect(found(index, 'doctor')).toEqual(['The physician was very kind']);
    const lexical = new PassageIndex();
    addEach(lexical, passages);
    expect(found(lexical, 'doctor')).toEqual([]);
  });

  test('words of other scripts', () => {
    const index = new PassageIndex();
    addEach(index, [passage(1, 'Собака спит'), passage(2, '我喜欢喝绿茶'), passage(3, 'Crème brûlée')]);
    expect(found(index, 'собака', 1)).toEqual(['Собака спит']);
    expect(found(index, '绿茶', 1)).toEqual(['我喜欢喝绿茶']);
    expect(found(index, 'creme', 1)).toEqual(['Crème brûlée']);
  });
});
