import { estimateTokens } from '../tokens.ts';
import { isSameTopic, isWithdrawnBy, saysTheSame } from './same-topic.ts';
import type { Statement } from './statement.ts';

/** Where something was said: a turn, and the index of the item in the turn's input. */
export interface Source {
  turn: string;
  item: number;
}

/** A statement with its source. `index` counts the statements of one item. */
export interface SaidStatement {
  statement: Statement;
  source: Source;
  index: number;
}

/** A statement in force. */
export interface Pin {
  /** The same for the same statement in every fold: made of the source. */
  id: string;
  statement: Statement;
  source: Source;
  /** Further places where the user said the same, oldest first. At most 8. */
  repeats: readonly Source[];
  /** The id of the pin whose place this one took: the user changed their mind. */
  replaces?: string;
  /** Estimated tokens of the text, counted once. */
  tokens: number;
}

/**
 * The pins in force after some turns of a branch, in the order in which they were last said. Immutable: the states of
 * two branches share what they have in common.
 */
export type PinState = readonly Pin[];

export const NO_PINS: PinState = [];

/** A session with more pins loses the oldest preference, then the oldest pin. It bounds the cost of a turn. */
const MOST_PINS = 256;
const MOST_REPEATS = 8;

/** The pins in force after all statements, in the order in which they were said. */
export const pinsOf = (said: readonly SaidStatement[]): PinState => extendPins(NO_PINS, said);

/**
 * The pins after further statements. Equal to `pinsOf` of all statements together. The time depends on the number of
 * the new statements, not on the length of the session. To leave out a hidden item, fold the branch again without it.
 */
export function extendPins(pins: PinState, said: readonly SaidStatement[]): PinState {
  return said.reduce(extended, pins);
}

function extended(pins: PinState, said: SaidStatement): PinState {
  const { statement } = said;
  if (statement.polarity === 'withdrawn') return withdrawn(pins, statement);
  const before = pins.findLast((pin) => isSameTopic(pin.statement, statement));
  const others = before
    ? pins.filter((pin) => pin !== before && !isSameTopic(pin.statement, statement))
    : pins;
  return bounded([...others, pinOf(said, before)]);
}

function withdrawn(pins: PinState, statement: Statement): PinState {
  switch (statement.reach) {
    case 'all':
      return NO_PINS;
    case 'latest':
      return pins.slice(0, -1);
    case 'topic': {
      const rest = pins.filter((pin) => !isWithdrawnBy(pin.statement, statement));
      return rest.length === pins.length ? pins : rest;
    }
  }
}

function pinOf({ statement, source, index }: SaidStatement, before: Pin | undefined): Pin {
  const id = `${source.turn}.${source.item}.${index}`;
  const pin = { id, statement, source, repeats: [], tokens: estimateTokens(statement.text) };
  if (!before) return pin;
  if (!saysTheSame(before.statement, statement)) return { ...pin, replaces: before.id };
  const isShorter = statement.topic.words.length < before.statement.topic.words.length;
  const kept = isShorter ? before : pin;
  const other = isShorter ? source : before.source;
  const repeats = [...before.repeats, other].slice(-MOST_REPEATS);
  return { ...kept, id, repeats, ...(before.replaces !== undefined && { replaces: before.replaces }) };
}

function bounded(pins: PinState): PinState {
  if (pins.length <= MOST_PINS) return pins;
  const preference = pins.findIndex(({ statement }) => statement.kind === 'preference');
  return pins.filter((_, index) => index !== Math.max(0, preference));
}
