/** What a statement is about. Two statements with the same topic contradict or repeat each other. */
export interface Topic {
  slot: Slot;
  /** The thing in the slot, where it can hold several: `table` of `format`, `nut` of `food`. Empty otherwise. */
  of: string;
  /** What is asked for, in a normal form: `french`, `short`. Empty where only the words tell it. */
  value: string;
  /** Stems of all words that carry meaning, including those of the condition. */
  words: readonly string[];
  /** Stems of the condition: `when I ask about <these>`. Empty for a statement that always applies. */
  when: readonly string[];
}

/** A setting that one statement fills and a later one replaces. `other` compares by words. */
export type Slot =
  | 'language'
  | 'name'
  | 'pronouns'
  | 'persona'
  | 'length'
  | 'tone'
  | 'units'
  | 'clock'
  | 'format'
  | 'food'
  | 'diet'
  | 'tool'
  | 'favourite'
  | 'other';

/** What a statement is. */
export type StatementKind = 'instruction' | 'preference' | 'fact';

/**
 * Something that a user says for longer than the present task.
 *
 * - `for`: the user wants it, or it is so. `against`: the user does not want it.
 * - `withdrawn`: an earlier statement on the topic no longer holds, and nothing takes its place.
 */
export interface Statement {
  kind: StatementKind;
  /** The sentence or clause, as said. At most 400 characters. */
  text: string;
  topic: Topic;
  polarity: 'for' | 'against' | 'withdrawn';
  /** The sentence says that something is different from before: `now`, `instead`. */
  isChange: boolean;
  /** What a withdrawal reaches: statements on its topic, the latest one, or all. */
  reach: 'topic' | 'latest' | 'all';
}
