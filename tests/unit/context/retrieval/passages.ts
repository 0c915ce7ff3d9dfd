import type { Passage } from '../../../../src/context/retrieval/passage.ts';
import type { PassageIndex } from '../../../../src/context/retrieval/passage-index.ts';
import type { TurnId } from '../../../../src/core/ids.ts';

export const turnId = (name: number | string): TurnId => String(name).padStart(33, '0') as TurnId;

/** 8 May 2023, a Monday, at noon in UTC. */
export const MONDAY = Date.UTC(2023, 4, 8, 12);
export const DAY = 24 * 3600 * 1000;

export const passage = (turn: number | string, text: string, more: Partial<Passage> = {}): Passage => ({
  turn: turnId(turn),
  side: 'i',
  index: 0,
  role: 'user',
  text,
  at: MONDAY,
  ...more,
});

/** Adds each passage as a turn of its own. */
export function addEach(index: PassageIndex, passages: readonly Passage[]): void {
  for (const one of passages) index.add(one.turn, [one]);
}

/** The texts of the hits for one question. */
export const found = (index: PassageIndex, question: string, limit = 10): string[] =>
  index.search({ texts: [question], at: MONDAY }, limit).map(({ passage: { text } }) => text);
