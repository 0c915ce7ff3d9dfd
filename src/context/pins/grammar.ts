import { ENGLISH } from './english.ts';
import { FRENCH } from './french.ts';
import { GERMAN } from './german.ts';
import type { Language } from './rule.ts';
import { SPANISH } from './spanish.ts';

/** The languages put together: a user may change the language in the middle of a message. */

const SPOKEN: Language[] = [ENGLISH, GERMAN, FRENCH, SPANISH];
const anyOf = (part: 'filler' | 'lasting' | 'condition' | 'making'): string =>
  SPOKEN.map((language) => language[part]).join('|');

/**
 * The whole words of a pattern. It is searched in each sentence, so it has no lookbehind and no `u` flag: with them,
 * the search takes more than ten times as long.
 */
const word = (source: string): string => `(?:^|[^a-z0-9ß-ÿœ])(?:${source})(?![a-z0-9ß-ÿœ])`;

export const RULES = SPOKEN.flatMap(({ rules }) => rules);

/** A word before a statement: a filler, or a mark that a statement lasts. Sticky. */
export const FILLER = new RegExp(
  `(?:${anyOf('lasting')}|${anyOf('filler')})(?![\\p{L}\\p{N}])[,:!.…\\s-]*|[¿¡(]\\s*`,
  'iuy',
);

/** The sentence says for how long, or for which questions, it holds. */
export const LASTING = new RegExp(word(`${anyOf('lasting')}|${anyOf('condition')}`), 'i');

/** A condition. The last group is what it is about. */
export const CONDITION = new RegExp(`${word(anyOf('condition'))}([^,;:.]*)`, 'i');

/** The start of a sentence that asks for a text or a thing. */
export const MAKING = new RegExp(`^(?:${anyOf('making')})(?![\\p{L}\\p{N}])`, 'iu');
