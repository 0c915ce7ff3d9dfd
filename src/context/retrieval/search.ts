import { best } from './best.ts';
import { Cue } from './cues.ts';
import type { IndexParts } from './index-parts.ts';
import type { Hit, Query } from './passage.ts';
import { Kind } from './passage-table.ts';
import { type Asked, readQuery } from './query.ts';
import { spread } from './spread.ts';
import { Tally } from './tally.ts';
import {
  affordable,
  entriesRead,
  namesOf,
  type Occurrences,
  rarity,
  type Wanted,
  wantedTerms,
} from './wanted-terms.ts';
import { WEIGHTS } from './weights.ts';

/** The least number of hits whose meaning is compared with that of the query. */
const LEAST_COMPARED = 300;

/** A score that says only that the passage was found. */
const BARELY = 1e-30;
/** Passages that are found by their vectors alone. */
const NEAREST = 100;

/** Memory that searches use one after the other: a search resets it when it begins. */
const scores = new Tally();
const counts = new Tally();
const episodeScores = new Tally();
const episodeCounts = new Tally();

export function search(index: IndexParts, query: Query, limit: number): Hit[] {
  const { table } = index;
  const asked = readQuery(query);
  const speakers = namesOf(index, asked);
  const wanted = wantedTerms(index, asked, speakers.names);
  for (const tally of [scores, counts, episodeScores, episodeCounts]) tally.reset(table.size);
  const averages = averagesOf(index);
  for (const [{ weight }, occurrences] of affordable(index, wanted, asked)) {
    addTerm(index, weight, occurrences, averages);
  }
  for (const days of asked.days) addDays(index, days);
  const factor = factorOf(index, asked, speakers.named);
  weigh(index, factor);
  const most = best(scores.touched, scores.sums, Math.max(limit, LEAST_COMPARED));
  const ranked = byMeaning(index, wanted, factor, byVector(index, query, wanted, factor, most));
  return withoutRepeats(index, ranked, limit);
}

/** Average lengths in terms: of passages, by kind, and of episodes. */
interface Averages {
  passages: readonly number[];
  episodes: number;
}

function averagesOf({ table }: IndexParts): Averages {
  const passages = [Kind.user, Kind.assistant, Kind.person].map((kind) => table.averageLength(kind));
  const terms = table.episodeLengths.reduce((sum, length) => sum + length, 0);
  return { passages, episodes: Math.max(1, terms / table.episodeLengths.length) };
}

/** BM25, with the occurrences in a passage's neighbours counted in part; and the same for its episode. */
function addTerm(
  { table }: IndexParts,
  weight: number,
  occurrences: readonly Occurrences[],
  averages: Averages,
): void {
  for (const { postings, share } of occurrences) {
    for (let entry = 0; entry < postings.length; entry++) {
      const number = postings.passage(entry);
      const count = share * postings.count(entry);
      spread(table, number, count, counts);
      if (share === 1) episodeCounts.add(table.episodes[number]!, count);
    }
  }
  const { touched } = counts;
  for (let index = 0; index < touched.length; index++) {
    const number = touched[index]!;
    const relative = table.lengths[number]! / averages.passages[table.kinds[number]!]!;
    scores.add(
      number,
      weight * saturated(counts.sums[number]!, 1 - WEIGHTS.length + WEIGHTS.length * relative),
    );
  }
  counts.clear();
  const episodeWeight = rarity(episodeCounts.touched.length, table.episodeLengths.length);
  for (const episode of episodeCounts.touched) {
    const relative = table.episodeLengths[episode]! / averages.episodes;
    episodeScores.add(
      episode,
      episodeWeight * saturated(episodeCounts.sums[episode]!, 0.25 + 0.75 * relative),
    );
  }
  episodeCounts.clear();
}

const saturated = (count: number, length: number): number =>
  (count * (WEIGHTS.saturation + 1)) / (count + WEIGHTS.saturation * length);

function addDays(index: IndexParts, { terms, after }: Asked['days'][number]): void {
  let left = entriesRead(index.table.size);
  const raise = (dates: readonly string[], amount: number): void => {
    for (const postings of dates.flatMap((date) => [index.said(date), index.answered(date)])) {
      if (!postings || postings.length > left) continue;
      left -= postings.length;
      for (let entry = 0; entry < postings.length; entry++) counts.raise(postings.passage(entry), amount);
    }
  };
  raise(terms, WEIGHTS.date);
  raise(after, WEIGHTS.afterDate);
  const weight = rarity(counts.touched.length, index.table.size);
  const { touched } = counts;
  for (let index = 0; index < touched.length; index++)
    scores.add(touched[index]!, weight * counts.sums[touched[index]!]!);
  counts.clear();
}

/** What the score of a passage is multiplied by: for its role, its speaker and what its text shows. */
type Factor = (number: number) => number;

function factorOf({ table }: IndexParts, { asksForTime }: Asked, named: ReadonlySet<number>): Factor {
  const { kinds, cues, speakers } = table;
  return (number) => {
    const kind = kinds[number]!;
    const shown = cues[number]!;
    let factor = kind === Kind.user ? WEIGHTS.user : 1;
    if (kind === Kind.person && named.has(speakers[number]!)) factor *= WEIGHTS.named;
    if (kind === Kind.person && shown & Cue.question) factor *= WEIGHTS.question;
    if (shown & Cue.firstPerson) factor *= WEIGHTS.firstPerson;
    if (asksForTime && shown & Cue.time) factor *= WEIGHTS.time;
    return factor;
  };
}

/** Adds the mass of the episodes, and multiplies by the factors. */
function weigh({ table }: IndexParts, factor: Factor): void {
  const { touched } = scores;
  for (let index = 0; index < touched.length; index++) {
    const number = touched[index]!;
    const episode = WEIGHTS.episode * episodeScores.sums[table.episodes[number]!]!;
    scores.sums[number] = factor(number) * (scores.sums[number]! + episode);
  }
}

/**
 * Adds how close the passages are by their vectors, and the closest passages that the terms did not find. A vector
 * counts as much as terms do: the scores of both are shares of the highest score that the question's terms can give.
 */
function byVector(
  { table, vectors }: IndexParts,
  { vector }: Query,
  wanted: readonly Wanted[],
  factor: Factor,
  ranked: readonly number[],
): readonly number[] {
  const compared = vector && vectors?.ask(vector, table.size);
  if (!compared) return ranked;
  const share = wanted.reduce((sum, { weight }) => sum + weight, 0);
  const highest = WEIGHTS.embedding * Math.max(1, share);
  const found = new Set(ranked);
  for (const { number, closeness } of compared.nearest(NEAREST)) {
    if (closeness === 0 || found.has(number)) continue;
    found.add(number);
    if (scores.sums[number] === 0) scores.add(number, BARELY);
  }
  for (const number of found) scores.sums[number]! += factor(number) * highest * compared.closeness(number);
  return best([...found], scores.sums, found.size);
}

/** Adds the similarity of meaning to the scores, and ranks again. */
function byMeaning(
  { table, gloss, meanings }: IndexParts,
  wanted: readonly Wanted[],
  factor: Factor,
  ranked: readonly number[],
): readonly number[] {
  if (!gloss || !meanings) return ranked;
  const words = wanted.filter(({ isName }) => !isName);
  const weights = new Map(words.map(({ term, weight }) => [term, weight]));
  const asked = gloss.meaning(weights.keys(), (term) => weights.get(term)!);
  const highest = WEIGHTS.meaning * words.reduce((sum, { weight }) => sum + weight, 0);
  const { kinds, episodes, size } = table;
  // The columns still have the rows of turns that were taken out.
  const isNear = (number: number, other: number): boolean =>
    other < size &&
    kinds[number] === Kind.person &&
    kinds[other] === Kind.person &&
    episodes[other] === episodes[number];
  for (const number of ranked) {
    scores.sums[number]! += factor(number) * highest * meanings.similarity(asked, number, isNear);
  }
  return best(ranked, scores.sums, ranked.length);
}

/** Of passages with the same terms by the same speaker, only the best one. */
function withoutRepeats({ table }: IndexParts, ranked: readonly number[], limit: number): Hit[] {
  /** The prints of each kind and speaker. Numbers as keys: this loop is a good part of a search. */
  const seen = new Map<number, Set<number>>();
  const hits: Hit[] = [];
  for (const number of ranked) {
    if (hits.length >= limit) break;
    const print = table.prints[number]!;
    if (print !== 0) {
      const author = (table.speakers[number]! << 2) | table.kinds[number]!;
      const prints = seen.get(author);
      if (prints?.has(print)) continue;
      if (prints) prints.add(print);
      else seen.set(author, new Set([print]));
    }
    hits.push({ passage: table.passages[number]!, score: scores.sums[number]! });
  }
  return hits;
}
