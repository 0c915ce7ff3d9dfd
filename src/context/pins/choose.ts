import type { Pin } from './fold.ts';
import type { StatementKind } from './statement.ts';
import { topicWords } from './words.ts';

/** The most tokens of a pin besides its text: its speaker, and the line with its day. */
const PER_PIN = 12;

const RANK: Record<StatementKind, number> = { instruction: 0, fact: 1, preference: 2 };

/**
 * The pins for one prompt, oldest first. They take at most `most` tokens.
 * `query` is the text that the answer is about: the new input, or the last turns. When not all fit, these come first:
 *
 * 1. pins that concern the query more; instructions and facts that fill a slot and have no condition always do;
 * 2. instructions before facts, facts before preferences;
 * 3. newer pins before older ones.
 */
export function choosePins(pins: readonly Pin[], most: number, query: string): Pin[] {
  const concern = concernOf(pins, query);
  const ranked = pins
    .map((pin, index) => ({ pin, index, concern: concern(pin), kind: RANK[pin.statement.kind] }))
    .sort((a, b) => b.concern - a.concern || a.kind - b.kind || b.index - a.index);
  let left = most;
  const chosen: { pin: Pin; index: number }[] = [];
  for (const { pin, index } of ranked) {
    if (pin.tokens + PER_PIN > left) continue;
    left -= pin.tokens + PER_PIN;
    chosen.push({ pin, index });
  }
  return chosen.sort((a, b) => a.index - b.index).map(({ pin }) => pin);
}

/** Steps in which concern is compared: within a step, the kind and the age decide. */
const STEPS = 5;

/** The least step of an instruction without a condition: it concerns every query. */
const ALWAYS = 3;
/** So many rare words in common are enough for the highest step, however long the query is. */
const ENOUGH_WORDS = 6;
const MOST_QUERY_WORDS = 300;
/** Of a longer query, the end is read. */
const MOST_QUERY_CHARS = 8_000;

/**
 * How much a pin concerns the query, 0–5: the share of the query's words that it has. Words that many pins have count
 * less. Instructions and facts that fill a slot, as a language or an allergy, and have no condition have the most.
 */
function concernOf(pins: readonly Pin[], query: string): (pin: Pin) => number {
  const asked = topicWords(query.slice(-MOST_QUERY_CHARS), { most: MOST_QUERY_WORDS });
  const pinsWith = new Map(asked.map((word) => [word, 0]));
  for (const { statement } of pins)
    for (const word of statement.topic.words)
      if (pinsWith.has(word)) pinsWith.set(word, pinsWith.get(word)! + 1);
  const weights = new Map(
    [...pinsWith].map(([word, count]) => [word, Math.log(1 + pins.length / (1 + count))]),
  );
  const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
  const enough = Math.min(total, ENOUGH_WORDS * Math.log(1 + pins.length));
  return ({ statement: { kind, topic } }) => {
    if (kind !== 'preference' && topic.slot !== 'other' && topic.when.length === 0) return STEPS;
    const common = topic.words.reduce((sum, word) => sum + (weights.get(word) ?? 0), 0);
    const least = kind === 'instruction' && topic.when.length === 0 ? ALWAYS : 0;
    return common === 0 ? least : Math.max(least, Math.min(STEPS, Math.ceil((common / enough) * STEPS)));
  };
}
