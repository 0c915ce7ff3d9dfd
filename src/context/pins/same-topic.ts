import type { Statement, Topic } from './statement.ts';
import { commonWords, similarity, stem } from './words.ts';

/** Shares of common words from which two statements are about the same. */
const SAME_WORDS = 0.6;
const SAME_CONDITION = 0.5;
/** For an instruction against a preference: they are said in other words, and rarely mean the same. */
const SAME_ACROSS_KINDS = 0.75;
/** For a statement that says that it changes something. */
const SAME_CHANGED = 0.33;

/** Whether a later statement takes the place of an earlier one. */
export function isSameTopic(earlier: Statement, later: Statement): boolean {
  const [a, b] = [earlier.topic, later.topic];
  if (!hasSameCondition(a, b) || excludesAnother(earlier, later)) return false;
  if (a.slot !== 'other' && a.slot === b.slot && (a.of === b.of || isNamed(a, b))) return true;
  if (a.slot !== 'other' && b.slot !== 'other') return false;
  if (earlier.kind === later.kind && isPartOf(a, b)) return true;
  return similarity(a.words, b.words) >= leastSimilarity(earlier, later);
}

function leastSimilarity(earlier: Statement, later: Statement): number {
  if (earlier.kind !== later.kind) return SAME_ACROSS_KINDS;
  return later.isChange ? SAME_CHANGED : SAME_WORDS;
}

/** `answer in German` and `not in French` hold together. */
const excludesAnother = (earlier: Statement, later: Statement): boolean =>
  earlier.topic.slot === 'language' &&
  later.topic.slot === 'language' &&
  (earlier.polarity === 'against') !== (later.polarity === 'against') &&
  earlier.topic.value !== later.topic.value &&
  !later.topic.words.includes(stem(earlier.topic.value));

/** Whether two statements on one topic also agree. */
export function saysTheSame(earlier: Statement, later: Statement): boolean {
  const [a, b] = [earlier.topic, later.topic];
  if (earlier.polarity !== later.polarity) return false;
  if (later.isChange && similarity(a.words, b.words) < SAME_WORDS) return false;
  return a.slot === 'other' && b.slot === 'other' ? !isReversed(a, b) : a.value === b.value;
}

/** `tea over coffee` and `coffee over tea` have the same words. What is preferred is in `value`, in more or fewer words. */
function isReversed(a: Topic, b: Topic): boolean {
  if (a.value === '' || b.value === '') return false;
  const [first, second] = [a.value.split(' '), b.value.split(' ')];
  return commonWords(first, second) < Math.min(first.length, second.length);
}

/** `don't call me Ada` is about the name `Ada`. */
const isNamed = (a: Topic, b: Topic): boolean => a.slot === 'name' && (b.of === a.value || a.of === b.value);

const hasSameCondition = (a: Topic, b: Topic): boolean =>
  a.when.length === 0 || b.when.length === 0
    ? a.when.length === b.when.length
    : similarity(a.when, b.when) >= SAME_CONDITION;

/** All words of the shorter statement are in the longer one: `I prefer jazz`, `I prefer jazz in the evening`. */
function isPartOf(a: Topic, b: Topic): boolean {
  const fewer = Math.min(a.words.length, b.words.length);
  return fewer >= 2 && a.when.length === 0 && commonWords(a.words, b.words) === fewer;
}

/** Words of a withdrawal that do not tell what it withdraws. */
const OF_WITHDRAWALS = new Set(
  `instruct rule prefer request wish comment forget ignore disregard drop scrap cancel undo delete remove long anymore
  longer stop again fine okay ok allow welcom free told tell said mind changed change need add includ use start eat drink avoid skip back
  default become stopped quit gave given normal vergiss wieder kannst darfst oublie peux nouveau olvida puedes volver dije gesagt dit`
    .split(/\s+/)
    .map(stem),
);

/** Words that mean a slot: `forget what I said about my diet`. */
const SLOT_WORDS: Partial<Record<Topic['slot'], string[]>> = {
  language: ['language', 'languages', 'sprache', 'langue', 'idioma'],
  name: ['name', 'nickname'],
  length: ['length', 'brevity'],
  tone: ['tone', 'style'],
  units: ['units', 'unit', 'measurements'],
  food: ['allergy', 'allergies', 'allergic', 'food'],
  diet: ['diet', 'meat', 'fleisch', 'viande', 'carne'],
};

/** Whether a withdrawal means this statement: by its slot, or by half of its words. */
export function isWithdrawnBy(earlier: Statement, withdrawal: Statement): boolean {
  const [a, b] = [earlier.topic, withdrawal.topic];
  if (b.slot !== 'other' && a.slot === b.slot && a.of === b.of && hasSameCondition(a, b)) return true;
  const words = b.words.filter((word) => !OF_WITHDRAWALS.has(word));
  const meant = [...a.words, a.of, ...(SLOT_WORDS[a.slot] ?? []).map(stem)];
  const common = commonWords(words, meant);
  return common > 0 && common / words.length > 0.5;
}
