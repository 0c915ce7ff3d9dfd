import { CONDITION } from './grammar.ts';
import type { Rule } from './rule.ts';
import { slotOf } from './slots.ts';
import type { Statement, Topic } from './statement.ts';
import { stem, topicWords } from './words.ts';

/** The words between what is preferred and the alternative. */
const OVER = /\b(?:over|instead of|rather than|more than|than|to)\b/iu;

/** What a statement is about. `groups` are those that the rule's pattern matched. */
export function topicOf(
  plain: string,
  rule: Rule,
  { of = '', value = '' }: Record<string, string | undefined>,
): Topic {
  const isInstruction = rule.kind === 'instruction';
  const words = topicWords(plain, { neverEmpty: isInstruction });
  const condition = isInstruction ? CONDITION.exec(plain) : null;
  const when = condition ? topicWords(condition.at(-1) ?? '') : [];
  if (rule.slot) return { slot: rule.slot, of: normal(of), value: normal(value), words, when };
  const found = slotOf(plain, words);
  if (found) return { ...found, words, when };
  const over = rule.kind === 'preference' ? OVER.exec(plain) : null;
  const preferred = over ? topicWords(plain.slice(0, over.index)).join(' ') : '';
  return { slot: 'other', of: '', value: preferred, words, when };
}

const normal = (name: string): string => stem(name.toLowerCase().replace(/[^\p{L}\p{N}/-]/gu, ''));

const NEGATIVE =
  /\b(?:never|(?:don't|do not)(?! forget)|without|avoid|no longer|nie|niemals|jamais|nunca)\b/iu;

/** Some rules for what a user wants also match what the user does not want. */
export const polarityOf = (plain: string, { polarity, kind }: Rule): Statement['polarity'] =>
  polarity === 'for' && kind === 'instruction' && NEGATIVE.test(plain) ? 'against' : polarity;
