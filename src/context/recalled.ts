import { itemId, type TurnId } from '../core/ids.ts';
import { type Message, userMessage } from '../core/items.ts';
import { choosePins } from './pins/choose.ts';
import type { PinState, Source } from './pins/fold.ts';

/** A part of a turn that is no longer in the prompt as a whole. */
export interface Excerpt {
  turn: TurnId;
  /** The id of the item that it is a part of. */
  item: string;
  /** Who said it: a name, `user` or `assistant`. */
  speaker: string;
  text: string;
  /** Estimated tokens of the text. */
  tokens: number;
  /** Milliseconds since the epoch. */
  at: number;
}

/** What a session's past has for a turn, beside its latest turns. */
export interface Recalled {
  /** The standing instructions and preferences in force, oldest first. */
  pins: PinState;
  /** When they were said, by turn: milliseconds since the epoch. */
  saidAt: ReadonlyMap<string, number>;
  /** What the turn is about. */
  query: string;
  /** What is about it, best first. */
  hits: readonly RetrievedExcerpt[];
}

/** An excerpt that was searched for. */
export interface RetrievedExcerpt extends Excerpt {
  score: number;
}

/** What of it is in a prompt. */
export interface Chosen<Entry extends Excerpt> {
  entries: readonly Entry[];
  tokens: number;
}

/** The share of the room for history that pins may take. */
export const PIN_SHARE = 0.05;

/** Tokens of an excerpt's speaker, of the line with a day, and of the message around excerpts. */
const PER_EXCERPT = 4;
const PER_DAY = 8;
const PER_MESSAGE = 30;

/** The first entries that fit, without those of turns that are in the prompt anyway. */
export function chosenWithin<Entry extends Excerpt>(
  entries: readonly Entry[],
  room: number,
  isInPrompt: (turn: TurnId) => boolean,
): Chosen<Entry> {
  const chosen: Entry[] = [];
  const days = new Set<string>();
  let tokens = PER_MESSAGE;
  for (const entry of entries) {
    if (room - tokens <= PER_EXCERPT) break;
    if (isInPrompt(entry.turn)) continue;
    const day = dayOf(entry.at);
    const size = PER_EXCERPT + entry.tokens + (days.has(day) ? 0 : PER_DAY);
    if (tokens + size > room) continue;
    chosen.push(entry);
    days.add(day);
    tokens += size;
  }
  return chosen.length === 0 ? { entries: [], tokens: 0 } : { entries: chosen, tokens };
}

/** The pins that concern the query the most, within 5 % of the room; without those that are in the prompt anyway. */
export function chosenPins(
  { pins, saidAt, query }: Recalled,
  room: number,
  isInPrompt: (turn: TurnId) => boolean,
): Chosen<Excerpt> {
  const others = pins.filter(({ source }) => !isInPrompt(source.turn as TurnId));
  const most = room * PIN_SHARE;
  const entries = choosePins(others, most - PER_MESSAGE, query).map(
    ({ source, statement, tokens }): Excerpt => ({
      ...{ turn: source.turn as TurnId, item: itemOf(source), speaker: 'user' },
      ...{ text: statement.text, tokens, at: saidAt.get(source.turn) ?? 0 },
    }),
  );
  return chosenWithin(entries, most, isInPrompt);
}

/** The id of the item that a pin comes from. */
export const itemOf = ({ turn, item }: Source): string =>
  itemId('message', { turn: turn as TurnId, side: 'i', index: item });

const PINS =
  'Standing instructions and preferences that the user stated earlier. They hold unless the user says otherwise:';
const HITS =
  'Excerpts from earlier in this conversation, which is too long to be repeated. They may help with the next message:';

/** Pins as a message that stands before the conversation. */
export const pinMessage = (pins: readonly Excerpt[]): Message => messageOf(PINS, pins);

/** Excerpts as a message that stands before the new input, in the order in which they were said. */
export function hitMessage(hits: readonly Excerpt[]): Message {
  const inOrder = hits.toSorted((a, b) => a.at - b.at || (a.turn < b.turn ? -1 : a.turn > b.turn ? 1 : 0));
  return messageOf(HITS, inOrder);
}

/** A message of the user: what users say must not get the authority of instructions by being repeated. */
function messageOf(title: string, excerpts: readonly Excerpt[]): Message {
  const lines = [title];
  let day = '';
  for (const { at, speaker, text } of excerpts) {
    if (dayOf(at) !== day) {
      day = dayOf(at);
      lines.push(`${day}:`);
    }
    lines.push(`${speaker}: ${text}`);
  }
  return userMessage(lines.join('\n'));
}

/** `2026-05-08`, in UTC. */
const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10);
