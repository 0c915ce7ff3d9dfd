import type { Database } from 'bun:sqlite';
import type { Statements } from '../statements.ts';
import { searchable } from './searchable.ts';
import addCandidateSql from './sql/add-candidate.sql' with { type: 'text' };
import candidatesSchema from './sql/candidates-schema.sql' with { type: 'text' };
import findCandidatesSql from './sql/find-candidates.sql' with { type: 'text' };
import forgetCandidatesSql from './sql/forget-candidates.sql' with { type: 'text' };
import wordsOfCandidatesSql from './sql/words-of-candidates.sql' with { type: 'text' };

/** A phrase as it is looked for. */
interface Phrase {
  /** For FTS5. */
  query: string;
  /** The same for an index that does not know the order of words: all of the words. */
  words: string[];
}

/** A text of the log, by the place of its turn. */
interface Candidate {
  place: number;
  text: string;
}

/**
 * Looks for phrases with FTS5 itself, so that words are everywhere what the index takes for words: a small index in
 * memory holds the texts that may have the phrases.
 */
export class Phrases {
  constructor(
    db: Database,
    private readonly statements: Statements,
  ) {
    db.run(candidatesSchema);
  }

  /** The phrases that have words. */
  read(phrases: readonly string[]): Phrase[] {
    return phrases.map((phrase) => this.phraseOf(phrase)).filter(({ words }) => words.length > 0);
  }

  /** The places of the texts that have all the phrases. */
  among(texts: readonly Candidate[], phrases: readonly Phrase[]): Set<number> {
    const match = phrases.map(({ query }) => query).join(' AND ');
    return this.withCandidates(texts, () => {
      const found = this.statements.all<{ place: number }>(findCandidatesSql, { match });
      return new Set(found.map(({ place }) => place));
    });
  }

  private phraseOf(phrase: string): Phrase {
    const isBeginning = phrase.endsWith('*');
    const text = isBeginning ? phrase.slice(0, -1) : phrase;
    const rest = isBeginning ? ' *' : '';
    const found = this.withCandidates([{ place: 1, text }], () =>
      this.statements.all<{ term: string }>(wordsOfCandidatesSql, {}),
    );
    const words = found.map(({ term }, n) => quoted(term) + (n === found.length - 1 ? rest : ''));
    return { query: quoted(searchable(text).trim()) + rest, words };
  }

  private withCandidates<Result>(texts: readonly Candidate[], ask: () => Result): Result {
    try {
      for (const { place, text } of texts)
        this.statements.run(addCandidateSql, { place, text: searchable(text) });
      return ask();
    } finally {
      this.statements.run(forgetCandidatesSql, {});
    }
  }
}

export const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
