import type { Gloss } from './gloss.ts';
import type { Meanings } from './meanings.ts';
import type { PassageTable } from './passage-table.ts';
import type { PassageVectors } from './passage-vectors.ts';
import type { Postings } from './postings.ts';

/** What a search reads. */
export interface IndexParts {
  readonly table: PassageTable;
  /** Where people say the term. */
  said(term: string): Postings | undefined;
  /** Where an assistant or a tool says it. Their texts are long, and repeat what the person says. */
  answered(term: string): Postings | undefined;
  /** Absent without a gloss. */
  readonly gloss?: Gloss;
  readonly meanings?: Meanings;
  /** Absent where no embedding model is used. */
  readonly vectors?: PassageVectors;
}
