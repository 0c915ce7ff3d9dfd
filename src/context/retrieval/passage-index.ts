import type { TurnId } from '../../core/ids.ts';
import { cuesOf } from './cues.ts';
import { dateTerms } from './date-terms.ts';
import type { Gloss } from './gloss.ts';
import type { IndexParts } from './index-parts.ts';
import { Meanings } from './meanings.ts';
import type { Hit, Passage, Query } from './passage.ts';
import { Kind, PassageTable } from './passage-table.ts';
import { PassageVectors } from './passage-vectors.ts';
import { Postings } from './postings.ts';
import { search } from './search.ts';
import { termsOf } from './words.ts';

/**
 * The passages of one branch, found by what they say. It holds no other branch: before turns of another branch
 * are added, `rewind` to the last turn that both have in common. The cost of all operations depends on the
 * passages that they concern, not on the length of the branch.
 *
 * The same calls give the same hits, with the same scores. Everything in it can be made again from the log.
 */
export class PassageIndex implements IndexParts {
  readonly table = new PassageTable();
  readonly gloss?: Gloss;
  readonly meanings?: Meanings;
  vectors?: PassageVectors;
  readonly #said = new Map<string, Postings>();
  readonly #answered = new Map<string, Postings>();

  /** With a gloss, passages are also found by related words. */
  constructor(gloss?: Gloss) {
    this.gloss = gloss;
    this.meanings = gloss && new Meanings(gloss);
  }

  /** The last turn of the branch that the index holds; `null` while it is empty. */
  get last(): TurnId | null {
    return this.table.lastTurn?.id ?? null;
  }

  /**
   * Adds the turn that follows `last` on the branch, with its passages, oldest first. A turn without passages is
   * added too.
   */
  add(turn: TurnId, passages: readonly Passage[]): void {
    this.begin(turn);
    for (const passage of passages) this.addPassage(passage);
  }

  /** The same in steps: begins the turn that follows `last`. */
  begin(turn: TurnId): void {
    this.table.beginTurn(turn);
  }

  /**
   * Takes out all turns after this one; with `null`, all turns. Returns false, and takes out nothing, where the
   * index does not hold the turn.
   */
  rewind(turn: TurnId | null): boolean {
    if (turn !== null && !this.table.holds(turn)) return false;
    while (this.last !== turn) {
      for (let number = this.table.size - 1; number >= this.table.lastTurn!.first; number--)
        this.#forget(number);
      this.table.popTurn();
    }
    return true;
  }

  /** The passages of the turn, with their numbers; none where the index does not hold it. */
  *passagesOf(turn: TurnId): Generator<[number: number, passage: Passage]> {
    for (let number = this.table.firstOf(turn) ?? this.table.size; number < this.table.size; number++) {
      const passage = this.table.passages[number]!;
      if (passage.turn !== turn) return;
      yield [number, passage];
    }
  }

  /** Gives a passage its vector. Vectors of another length are those of another model: the earlier ones are forgotten. */
  setVector(number: number, vector: Int8Array): void {
    if (this.vectors?.dimensions !== vector.length) this.vectors = new PassageVectors(vector.length);
    this.vectors.set(number, vector);
  }

  /** The passages that fit a query best, at most `limit`, best first. */
  search(query: Query, limit: number): Hit[] {
    return search(this, query, limit);
  }

  said(term: string): Postings | undefined {
    return this.#said.get(term);
  }

  answered(term: string): Postings | undefined {
    return this.#answered.get(term);
  }

  /** Adds the next passage of the turn that was begun. */
  addPassage(passage: Passage): void {
    const terms = termsOf(passage.text);
    const counts = new Map<string, number>();
    for (const term of terms) counts.set(term, (counts.get(term) ?? 0) + 1);
    const traits = { length: terms.length, cues: cuesOf(passage.text), print: printOf(counts.keys()) };
    const number = this.table.add(passage, traits);
    this.meanings?.set(number, terms.slice(0, MOST_TERMS_OF_MEANING));
    const postings = this.#termsOf(number);
    for (const [term, count] of counts) entry(postings, term).add(number, count);
    for (const term of dateTerms(passage.text, passage.at)) entry(postings, term).add(number, 1);
  }

  /** The postings that a passage belongs to. */
  #termsOf(number: number): Map<string, Postings> {
    return this.table.kinds[number] === Kind.assistant ? this.#answered : this.#said;
  }

  /** Takes a passage out of the postings. */
  #forget(number: number): void {
    const passage = this.table.passages[number]!;
    this.vectors?.remove(number);
    const postings = this.#termsOf(number);
    for (const term of new Set([...termsOf(passage.text), ...dateTerms(passage.text, passage.at)])) {
      const own = postings.get(term)!;
      own.remove(number);
      if (own.length === 0) postings.delete(term);
    }
  }
}

function entry(terms: Map<string, Postings>, term: string): Postings {
  let postings = terms.get(term);
  if (!postings) {
    postings = new Postings();
    terms.set(term, postings);
  }
  return postings;
}

/** Terms of a passage that its meaning is made of. */
const MOST_TERMS_OF_MEANING = 400;
/** A number of 52 bits, equal for equal sets of terms; 0 for none. */
function printOf(terms: Iterable<string>): number {
  let low = 0;
  let high = 0;
  for (const term of terms) {
    const hash = Bun.hash.xxHash64(term);
    low = (low + Number(hash & 0x3ffffffn)) % 2 ** 26;
    high = (high + Number((hash >> 26n) & 0x3ffffffn)) % 2 ** 26;
  }
  return high * 2 ** 26 + low;
}
