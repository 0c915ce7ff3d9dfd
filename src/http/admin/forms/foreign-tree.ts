import type { ForeignTurn } from '../../../api/admin/copies.ts';
import { Fault } from '../../../core/errors.ts';
import type { Item } from '../../../core/items.ts';

/** A message of a conversation of another program, as items, with its place among the others. */
export interface ForeignMessage {
  key: string;
  /** The message before it; absent at the root. */
  parent?: string;
  /** None where the message holds nothing that has a place here. */
  items: Item[];
  /** Whether the model made it. */
  isAnswer: boolean;
  createdAt: number;
  model?: string;
}

/**
 * The turns of a tree of messages. An answer ends a turn; what comes before it since the answer before is its input.
 * Answers that follow each other are one turn, as long as no other message follows the same one. Messages without an
 * answer after them are a turn of their own. `turnOf` says in which turn a message is. `invalid_request` where messages
 * follow each other in a circle.
 */
export function turnsOf(messages: readonly ForeignMessage[]): {
  turns: ForeignTurn[];
  turnOf: ReadonlyMap<string, string>;
} {
  const byKey = new Map(messages.map((message) => [message.key, message]));
  const children = Map.groupBy(messages, ({ parent }) =>
    parent !== undefined && byKey.has(parent) ? parent : undefined,
  );
  const turns: ForeignTurn[] = [];
  const turnOf = new Map<string, string>();
  const open = (children.get(undefined) ?? [])
    .toReversed()
    .map((message): Place => ({ message, questions: [] }));
  let reached = 0;
  for (let next = open.pop(); next; next = open.pop()) {
    const { message, questions, before } = next;
    reached++;
    const following = children.get(message.key) ?? [];
    const place = message.isAnswer
      ? { questions: [], before: answered(next, turns, turnOf) }
      : { questions: [...questions, message], ...(before && { before }) };
    // A question without an answer is kept, too.
    if (!message.isAnswer && following.length === 0) unanswered(place, turns, turnOf);
    for (const child of following.toReversed())
      open.push({ message: child, ...place, isOnly: following.length === 1 });
  }
  if (reached < messages.length) {
    const message = `${messages.length - reached} messages of the conversation follow each other in a circle.`;
    throw new Fault('invalid_request', message);
  }
  return { turns, turnOf };
}

interface Place {
  message: ForeignMessage;
  /** Messages before it that no turn holds yet. */
  questions: ForeignMessage[];
  before?: ForeignTurn;
  /** No other message follows the same one. */
  isOnly?: boolean;
}

function answered(
  { message, questions, before, isOnly }: Place,
  turns: ForeignTurn[],
  turnOf: Map<string, string>,
) {
  if (questions.length === 0 && before && isOnly) {
    before.output.push(...message.items);
    if (message.model !== undefined) before.model = message.model;
    turnOf.set(message.key, before.key);
    return before;
  }
  return addTurn({ message, questions, output: message.items, ...(before && { before }) }, turns, turnOf);
}

function unanswered(
  { questions, before }: Omit<Place, 'message'>,
  turns: ForeignTurn[],
  turnOf: Map<string, string>,
) {
  const message = questions.at(-1)!;
  if (questions.some(({ items }) => items.length > 0))
    addTurn({ message, questions, output: [], ...(before && { before }) }, turns, turnOf);
}

function addTurn(
  { message, questions, output, before }: Omit<Place, 'isOnly'> & { output: Item[] },
  turns: ForeignTurn[],
  turnOf: Map<string, string>,
): ForeignTurn {
  const turn: ForeignTurn = {
    key: message.key,
    ...(before && { parent: before.key }),
    input: questions.flatMap(({ items }) => items),
    output: [...output],
    createdAt: questions[0]?.createdAt ?? message.createdAt,
    ...(message.model !== undefined && { model: message.model }),
  };
  turns.push(turn);
  for (const { key } of [...questions, message]) turnOf.set(key, turn.key);
  return turn;
}
