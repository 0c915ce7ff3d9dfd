import { type Item, isFullHistory, leadingInstructions } from '../core/items.ts';
import { beginsWith } from './history.ts';

/** What a request in the queue of a session asks, for the request after it. */
export interface QueuedAsk {
  /** What the client sent. */
  input: readonly Item[];
  /** The client is an agent, which sends its whole conversation with each request. */
  isAgent: boolean;
  /** Called when the next request goes on without the answer. */
  drop?(): void;
}

/**
 * Whether an agent goes on without the answer to the request before, because it interrupted the answer: it sends its
 * whole conversation, or the same question again. Other requests need the answer in their history.
 */
export function dropsAnswer(next: QueuedAsk, before: QueuedAsk): boolean {
  return next.isAgent && (isFullHistory(next.input) || repeats(next, before));
}

/** Whether a request begins with all that the request before it sent. */
const repeats = (next: QueuedAsk, before: QueuedAsk): boolean =>
  beginsWith(withoutOpening(next.input), withoutOpening(before.input));

const withoutOpening = (items: readonly Item[]): readonly Item[] =>
  items.slice(leadingInstructions(items).length);

/**
 * Whether an agent's whole conversation does not have the question before it, so that the two are on different
 * branches, and neither needs to wait. Agents ask about their conversation beside it: for memories, for suggestions.
 */
export const isOnOtherBranch = (next: QueuedAsk, before: QueuedAsk): boolean =>
  next.isAgent && isFullHistory(next.input) && !repeats(next, before);
