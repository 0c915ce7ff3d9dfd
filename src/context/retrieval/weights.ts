/**
 * The weights of the search. They were chosen on conversations of two people and on chats with an assistant
 * (`bench/recall.ts`), one set for both; small changes of any of them change the recall by less than a point.
 */
export const WEIGHTS = {
  /** BM25: how soon further occurrences of a term stop counting, and how much the length of a passage counts. */
  saturation: 1.2,
  length: 0.2,
  /** Two people talk: how much of a passage's terms count for the passages 1, 2… before and after it. */
  window: [0.5, 0.3, 0.2, 0.1],
  /** A person and an assistant: the same for a message and its answer… */
  pair: 0.2,
  /** …and for a message of the person and the next one. */
  follow: 0.2,
  /** A message of the person counts this much more than one of the assistant, which mostly repeats and explains. */
  user: 4,
  /** A passage whose speaker the question names. */
  named: 2,
  /** The name of a speaker as a term: it says more about who speaks than about what is said. */
  name: 0.3,
  /** How much of the score of its episode a passage gets. */
  episode: 0.3,
  /** A passage from the asked days, or that names them; and one from the days after them, when people tell. */
  date: 2,
  afterDate: 1,
  /** A passage that names a time, where the question asks for one. */
  time: 1.3,
  /** A passage with `I`, `my` or `we`: speakers tell about their own lives. */
  firstPerson: 1.15,
  /** A question of one of two people: the answer is more often what is looked for. */
  question: 0.85,
  /** A related term (`gloss.ts`) counts this share of its similarity as an occurrence of the asked one. */
  related: 0.1,
  /** The similarity of meaning (`gloss.ts`), as a share of the highest score that the question's terms can give. */
  meaning: 0.2,
  /** The closeness of what an embedding model made (`passage-vectors.ts`), as the same share. */
  embedding: 0.15,
  /** A text of the query, relative to the one after it, where the newest one is short (`query.ts`). */
  earlier: 0.8,
} as const;

/** The passages from the days after the asked ones that count as told soon after them. */
export const DAYS_AFTER = 3;

/** A pause after which a new episode begins, in milliseconds. */
export const EPISODE_PAUSE = 6 * 3600 * 1000;
