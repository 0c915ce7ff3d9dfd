import type { TurnId } from '../../core/ids.ts';

/** The author of a passage. `tool` is the output of a call. */
export type Author = 'user' | 'assistant' | 'tool';

/** One utterance of a session's past, as the index sees it. */
export interface Passage {
  turn: TurnId;
  /** With `index`, the position of the item in its turn: in the input (`i`) or in the output (`o`). */
  side: 'i' | 'o';
  index: number;
  /** The number of the piece, where a long text has several passages. */
  piece?: number;
  role: Author;
  /** The name that the client gave the author. */
  speaker?: string;
  text: string;
  /** When it was said: milliseconds since the epoch. */
  at: number;
}

/** What is looked for. */
export interface Query {
  /** The texts of the latest turns, newest last. The newest one counts most. */
  texts: readonly string[];
  /** When it is asked, in milliseconds since the epoch: relative dates ("last Tuesday") are resolved against it. */
  at: number;
  /** What an embedding model made of it; only vectors of the same model are compared. */
  vector?: Float32Array;
}

/** A passage that a search has found. */
export interface Hit {
  passage: Passage;
  /** Comparable only with the scores of the same search. Greater than 0. */
  score: number;
}
