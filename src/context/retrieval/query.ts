import { asksForTime } from './cues.ts';
import { type AskedDays, askedDays } from './date-terms.ts';
import type { Query } from './passage.ts';
import { DAYS_AFTER, WEIGHTS } from './weights.ts';
import { termsOf } from './words.ts';

/** A query, read. */
export interface Asked {
  /** The terms of the newest text. */
  terms: ReadonlySet<string>;
  /** The newest text needs those before it: it has few terms. */
  isShort: boolean;
  /** The terms of the texts before it that are not in a later one, newest first, and how much they count. */
  earlier: readonly { terms: ReadonlySet<string>; weight: number }[];
  days: readonly AskedDays[];
  /** It asks for a time. */
  asksForTime: boolean;
}

/** Texts that are read, and characters of each: from its start and its end, where questions mostly are. */
const MOST_TEXTS = 4;
const MOST_CHARACTERS = 4_000;
/** A newest text with more terms than this says by itself what it is about: the earlier ones count less. */
const ENOUGH_TERMS = 2;

export function readQuery({ texts, at }: Query): Asked {
  const [newest = '', ...before] = texts.slice(-MOST_TEXTS).map(shortened).reverse();
  const terms = new Set(termsOf(newest));
  const seen = new Set(terms);
  let weight = Math.min(1, ENOUGH_TERMS / terms.size) ** 3;
  const earlier = before.map((text) => {
    weight *= WEIGHTS.earlier;
    const further = new Set(termsOf(text).filter((term) => !seen.has(term)));
    for (const term of further) seen.add(term);
    return { terms: further, weight };
  });
  const isShort = terms.size <= ENOUGH_TERMS;
  return {
    terms,
    isShort,
    earlier,
    days: askedDays(newest, at, DAYS_AFTER),
    asksForTime: asksForTime(newest),
  };
}

function shortened(text: string): string {
  if (text.length <= MOST_CHARACTERS) return text;
  return `${text.slice(0, MOST_CHARACTERS / 2)} ${text.slice(-MOST_CHARACTERS / 2)}`;
}
