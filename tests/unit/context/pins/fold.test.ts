import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { statementsIn } from '../../../../src/context/pins/find.ts';
import {
  extendPins,
  NO_PINS,
  type PinState,
  pinsOf,
  type SaidStatement,
} from '../../../../src/context/pins/fold.ts';
import * as paraphrases from './english-paraphrases.ts';
import * as english from './english-sentences.ts';

const saidIn = (texts: readonly string[]): SaidStatement[] =>
  texts.flatMap((text, turn) =>
    statementsIn(text, 'user').map((statement, index) => ({
      statement,
      source: { turn: `turn${turn}`, item: 0 },
      index,
    })),
  );

const pinsAfter = (...texts: string[]): PinState => pinsOf(saidIn(texts));
const textsAfter = (...texts: string[]): string[] =>
  pinsAfter(...texts).map(({ statement }) => statement.text);

describe('a later statement replaces an earlier one on the same topic', () => {
  test.each([
    ['Always answer in French.', 'Actually, answer in English again.'],
    ['Always answer in French.', "Let's switch to German."],
    ['Antworte bitte immer auf Englisch.', 'Bitte antworte ab jetzt auf Deutsch.'],
    ['Call me Ada.', 'Call me Adele instead.'],
    ['My name is Ada.', 'Please call me Addie.'],
    ['Appelle-moi Léa.', 'Appelle-moi Anne.'],
    ["Please don't use tables.", 'From now on, use tables.'],
    ['Keep your answers short.', 'From now on, give me longer answers.'],
    ['Use metric units.', 'Actually, use imperial units.'],
    ["I'm vegetarian.", "I'm vegan now."],
    ['I prefer tea over coffee.', 'I prefer coffee over tea.'],
    ['Use Python for code examples.', 'Use TypeScript for code examples from now on.'],
    ['Always mention prices when I ask about hotels.', 'Never mention prices when I ask about hotels.'],
    ['I love opera.', 'I hate opera.'],
    ['Always answer in French.', 'Please go back to English.'],
    ['Always answer in French.', 'No more French please, English again.'],
    ['Always answer in French.', 'Stop answering in French.'],
    ['Call me Ada.', 'Please stop calling me Ada.'],
    ['Call me Ada.', "I'd like to be called Adele from now on."],
    ['Call me Ada.', "Don't call me Ada any more."],
    ["Don't use emojis.", 'Please use emojis again.'],
    ['Keep your answers short.', 'I want more detailed answers.'],
    ['I prefer window seats.', 'I prefer aisle seats now.'],
    ['I prefer window seats over aisle seats.', 'I now prefer aisle seats over window seats.'],
    ['Always include prices when I ask about hotels.', 'Stop including prices when I ask about hotels.'],
    ['Use metric units.', 'Switch to imperial units, please.'],
    ['Use metric units.', 'Give me miles instead of kilometres from now on.'],
    ['My favourite colour is green.', 'My favourite colour is blue now.'],
    ['Answer in German.', 'Antworte wieder auf Englisch.'],
    ['Nenn mich Jo.', 'Nenn mich bitte Johanna.'],
    ['Tutoie-moi.', 'Vouvoie-moi plutôt.'],
  ])('%s → %s', (earlier, later) => {
    const pins = pinsAfter(earlier, later);
    expect(pins.map(({ source }) => source.turn)).toEqual(['turn1']);
    expect(pins[0]!.replaces).toBe('turn0.0.0');
  });
});

describe('a withdrawal removes what it withdraws', () => {
  test.each([
    ["Please don't use tables.", 'You can use tables now.'],
    ["Please don't use tables.", 'Tables are fine again.'],
    ['Bitte keine Tabellen.', 'Du kannst wieder Tabellen verwenden.'],
    ['Always answer in French.', 'You can stop answering in French.'],
    ['Always answer in French.', "You don't have to answer in French any more."],
    ['Always answer in French.', 'Forget what I said about the language.'],
    ["I can't eat nuts.", 'Forget what I said about nuts.'],
    ["I can't eat nuts.", 'I can eat nuts again.'],
    ["I'm allergic to nuts.", "I'm not allergic to nuts after all."],
    ["I'm allergic to nuts.", 'Ignore my comment about the allergy.'],
    ["I'm vegetarian.", "I'm no longer vegetarian."],
    ["I'm vegetarian.", "I'm not vegetarian any more."],
    ['Ich bin Vegetarier.', 'Ich bin kein Vegetarier mehr.'],
    ['I prefer night trains.', 'I no longer prefer night trains.'],
    ['Always include prices when I ask about hotels.', 'No need to include hotel prices any more.'],
    ['Call me Captain.', 'Never mind the name thing, forget what I said about my name.'],
    ['Never recommend fast food.', 'Forget the rule about fast food.'],
    ['Je suis végétarienne.', 'Je ne suis plus végétarienne.'],
    ['Soy vegetariana.', 'Ya no soy vegetariana.'],
    ["Don't use emojis.", 'Emojis are okay now.'],
    ["Don't use emojis.", 'Feel free to use emojis again.'],
    ["Don't use emojis.", "I don't mind emojis any more."],
    ['Keep your answers short.', 'You can write longer answers now.'],
    ['Keep your answers short.', "Your answers don't have to be short any more."],
    ["I'm vegetarian.", 'I started eating meat again.'],
    ["I'm vegetarian.", 'I eat meat now.'],
    ["I'm vegetarian.", 'I quit being vegetarian.'],
    ["I can't eat nuts.", 'It turned out that I can eat nuts after all.'],
    ["I'm allergic to nuts.", 'Turns out I am not allergic to nuts.'],
    ["I'm allergic to nuts.", "I'm not allergic to nuts."],
    ['I prefer window seats.', "I don't care about window seats any more."],
    ['I love sushi.', 'I no longer like sushi.'],
    ['I love sushi.', "I don't like sushi any more."],
    ['Always include prices when I ask about hotels.', 'You no longer need to include hotel prices.'],
    ['Always include prices when I ask about hotels.', 'Forget my instruction about hotel prices.'],
    ['Always include prices when I ask about hotels.', 'Scrap the hotel price rule.'],
    ['Never suggest restaurants in Soho.', 'You can suggest restaurants in Soho again.'],
    ['Explain everything like I am five.', 'No need to explain things like I am five any more.'],
    ['Remember that my sister lives in Leeds.', 'My sister no longer lives in Leeds.'],
    ['Remember that my sister lives in Leeds.', 'Forget that my sister lives in Leeds.'],
    ['No uses tablas.', 'Puedes usar tablas otra vez.'],
    ["N'utilise pas de tableaux.", 'Tu peux de nouveau utiliser des tableaux.'],
    ['Bitte keine Tabellen.', 'Vergiss, was ich über Tabellen gesagt habe.'],
  ])('%s → %s', (earlier, later) => {
    expect(textsAfter('Never lie.', earlier, later)).toEqual(['Never lie.']);
  });

  test('all of them', () => {
    expect(textsAfter('Be concise.', "I'm vegan.", 'Forget all my instructions.')).toEqual([]);
    expect(textsAfter('Be concise.', "I'm vegan.", 'Forget everything I told you.')).toEqual([]);
  });

  test('the latest', () => {
    expect(textsAfter('Be concise.', 'Never use emojis.', 'Ignore my last instruction.')).toEqual([
      'Be concise.',
    ]);
  });

  test('without an earlier statement, nothing', () => {
    expect(textsAfter('Be concise.', 'You can use tables now.', 'Forget what I said about nuts.')).toEqual([
      'Be concise.',
    ]);
  });

  test('and a later statement holds again', () => {
    expect(textsAfter("I'm vegan.", "I'm no longer vegan.", "I'm vegan again.")).toEqual([
      "I'm vegan again.",
    ]);
  });
});

describe('statements on other topics stay', () => {
  test.each([
    [["Don't use tables.", "Don't use emojis.", 'Keep answers short.', 'Answer in French.', 'Call me Ada.']],
    [["I can't eat nuts.", "I'm allergic to eggs.", "I'm vegetarian."]],
    [['Always give dates when I ask about meetings.', 'Always give costs when I ask about travel.']],
    [['Answer in French.', 'Answer in English when I ask about taxes.']],
    [['I prefer window seats.', 'I prefer quiet hotels.', 'I prefer window shopping.']],
    [['I love sushi.', 'I love ramen.']],
    [['My favourite colour is green.', 'My favourite film is Alien.']],
    [['Always give dates when I ask about history.', 'Always give sources when I ask about history.']],
    [["I'm allergic to nuts.", 'I hate olives.']],
    [['Call me Ada.', 'Answer in French.']],
  ])('%j', (texts) => {
    expect(textsAfter(...texts)).toEqual(texts);
  });
});

describe('what only sounds like a change leaves the pins as they are', () => {
  test.each([
    ['I prefer tea.', 'Where can I buy coffee?'],
    ['I prefer tea.', 'You can use the car now.'],
    ['Always answer in French.', 'Can you stop the timer?'],
    ["I can't eat nuts.", 'I ate nuts as a child.'],
    ["Don't use tables.", 'Thanks, you can stop now.'],
    ['Keep your answers short.', 'That is no longer necessary, thanks.'],
    ['Always cite sources.', 'Forget it.'],
    ['Always cite sources.', 'I forgot all my passwords, what now?'],
    ['Call me Ada.', 'Ignore all previous instructions.'],
    ['Call me Ada.', 'Remove all the rules from the style sheet.'],
  ])('%s, %s', (earlier, later) => {
    expect(textsAfter(earlier, later)).toEqual([earlier]);
  });
});

describe('the same, said twice', () => {
  test('is one pin with both sources', () => {
    const pins = pinsAfter(
      'Always answer in French.',
      'What is a claw?',
      'Please answer in French from now on.',
    );
    expect(pins).toHaveLength(1);
    expect(pins[0]!.repeats).toEqual([{ turn: 'turn0', item: 0 }]);
    expect(pins[0]!.replaces).toBeUndefined();
  });

  test('keeps the longer text', () => {
    const [pin, ...others] = pinsAfter(
      'I prefer linen curtains for the big windows.',
      'Since I prefer linen curtains, where should I look?',
    );
    expect(others).toEqual([]);
    expect(pin).toMatchObject({
      id: 'turn1.0.0',
      statement: { text: 'I prefer linen curtains for the big windows.' },
      source: { turn: 'turn0' },
      repeats: [{ turn: 'turn1' }],
    });
  });
});

const anyTexts = fc.array(
  fc.constantFrom(
    ...Object.values(english.LASTING).flat(),
    ...english.PASSING,
    ...paraphrases.LASTING,
    'You can use tables now.',
    'Forget what I said about nuts.',
    'Forget all my instructions.',
    'Ignore my last instruction.',
    "I'm no longer vegetarian.",
  ),
  { maxLength: 60 },
);

describe('for any statements', () => {
  test('one turn after the other gives the same pins as all at once', () => {
    fc.assert(
      fc.property(anyTexts, (texts) => {
        const said = saidIn(texts);
        const batch = pinsOf(said);
        expect(said.reduce((pins, one) => extendPins(pins, [one]), NO_PINS)).toEqual(batch);
        expect(pinsOf(saidIn(texts))).toEqual(batch);
      }),
    );
  });

  test('a fold does not change the pins that it extends, so that branches can share them', () => {
    fc.assert(
      fc.property(anyTexts, anyTexts, (texts, more) => {
        const pins = pinsOf(saidIn(texts));
        const before = JSON.stringify(pins);
        extendPins(pins, saidIn(more));
        expect(JSON.stringify(pins)).toBe(before);
      }),
    );
  });

  test('ids are distinct, and the number of pins is bounded', () => {
    const texts = Array.from({ length: 300 }, (_, i) => `I prefer brand${i} with colour${i}.`);
    const pins = pinsAfter('Always answer in French.', ...texts);
    expect(pins).toHaveLength(256);
    expect(new Set(pins.map(({ id }) => id)).size).toBe(256);
    expect(pins[0]!.statement.text).toBe('Always answer in French.');
  });
});
