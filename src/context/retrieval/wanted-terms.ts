import type { Related } from './gloss.ts';
import type { IndexParts } from './index-parts.ts';
import type { Postings } from './postings.ts';
import type { Asked } from './query.ts';
import { WEIGHTS } from './weights.ts';
import { termsOf } from './words.ts';

/** The terms that are looked for: those that say most. */
const MOST_TERMS = 64;
const MOST_ABSENT_TERMS = 16;
const MOST_EARLIER_TERMS = 8;
/**
 * The entries of postings that are read: those of the terms that say most come first. It bounds the time of a
 * search in a long session, where frequent terms are left out. Longer sessions get a little more.
 */
export const entriesRead = (size: number): number => 7_500 + size / 8;
/** A term in more answers of an assistant than this says little about them. */
const mostAnswers = (size: number): number => Math.max(10, size / 5);

/** A term that is looked for. */
export interface Wanted {
  term: string;
  isName: boolean;
  /** How much it says: its inverse document frequency, with the weight of its text. */
  weight: number;
  /** In the session. */
  occurs: boolean;
}

/** Where a term occurs, or one that is related to it: then each occurrence counts a share. */
export interface Occurrences {
  postings: Postings;
  share: number;
}

/** The terms of all speakers' names, and the numbers of the speakers that the query names. */
export function namesOf({ table }: IndexParts, { terms, earlier, isShort }: Asked) {
  const names = new Set<string>();
  const named = new Set<number>();
  for (const [number, name] of table.speakerNames()) {
    for (const term of termsOf(name)) {
      names.add(term);
      const isBefore = isShort && earlier.some((text) => text.terms.has(term));
      if (terms.has(term) || isBefore) named.add(number);
    }
  }
  return { names, named };
}

export const rarity = (frequency: number, size: number): number =>
  Math.log(1 + (size - frequency + 0.5) / (frequency + 0.5));

/** The terms of the query, those that say most first. A term that never occurs can still count by its meaning. */
export function wantedTerms(
  index: IndexParts,
  { terms, earlier }: Asked,
  names: ReadonlySet<string>,
): Wanted[] {
  const weighed = (of: ReadonlySet<string>, textWeight: number): Wanted[] =>
    byWeight(
      [...of].map((term) => {
        const isName = names.has(term);
        const frequency = (index.said(term)?.length ?? 0) + (index.answered(term)?.length ?? 0);
        const weight = textWeight * rarity(frequency, index.table.size);
        return { term, isName, weight: isName ? weight * WEIGHTS.name : weight, occurs: frequency > 0 };
      }),
    );
  const before = earlier.flatMap((text) => weighed(text.terms, text.weight).slice(0, MOST_EARLIER_TERMS));
  const all = byWeight([...weighed(terms, 1), ...before]);
  const absent = all.filter(({ term, occurs }) => !occurs && index.gloss?.knows(term));
  return byWeight([
    ...all.filter(({ occurs }) => occurs).slice(0, MOST_TERMS),
    ...absent.slice(0, MOST_ABSENT_TERMS),
  ]);
}

const byWeight = (wanted: Wanted[]): Wanted[] =>
  wanted.sort((a, b) => b.weight - a.weight || (a.term < b.term ? -1 : 1));

/** What is read of each term: first where people say it, then where assistants do, then where people say related terms. */
export function affordable(
  index: IndexParts,
  wanted: readonly Wanted[],
  asked: Asked,
): Map<Wanted, Occurrences[]> {
  const read = new Map<Wanted, Occurrences[]>();
  const { size } = index.table;
  let left = entriesRead(size);
  const take = (term: Wanted, postings: Postings | undefined, share: number): void => {
    if (!postings || postings.length > left) return;
    left -= postings.length;
    const occurrences = read.get(term);
    if (occurrences) occurrences.push({ postings, share });
    else read.set(term, [{ postings, share }]);
  };
  for (const term of wanted) take(term, index.said(term.term), 1);
  for (const term of wanted) {
    const answered = index.answered(term.term);
    if (answered && answered.length <= mostAnswers(size)) take(term, answered, 1);
  }
  for (const term of wanted) {
    for (const { term: other, similarity } of relatedTo(index, term, asked)) {
      take(term, index.said(other), WEIGHTS.related * similarity);
    }
  }
  return read;
}

/** The related terms that the query does not contain. */
function relatedTo({ gloss }: IndexParts, { term, isName }: Wanted, { terms }: Asked): Related[] {
  return isName || !gloss ? [] : gloss.related(term).filter((other) => !terms.has(other.term));
}
