import type { TurnId } from '../core/ids.ts';
import { contentOf, type Item, leadingInstructions, type Message } from '../core/items.ts';
import { callIdOf, isClientCall, isClientOutput, isHalfCall, isServerRun } from '../core/tool-calls.ts';
import { type BranchTurn, isBroken, openingMessages, ownInstructions, type Turn } from '../core/turn.ts';
import { isClosingOutput } from './tool-pairs.ts';
import type { TreeNode } from './turn-log.ts';

/**
 * Digests of a branch's content. They chain: the digest after an item depends on everything before it, so one
 * comparison tells whether two histories are the same up to this item. A client of chat completions must find its
 * answers again: reasoning and items of hosted tools are left out, because it does not have them, and the messages
 * of an answer are one, because it has one. Opening instructions are left out (the caller does not pass them),
 * because clients change them. Calls that were cut are left out, because most clients drop them. Outputs that the
 * gateway wrote to close calls are left out too, because clients do not know them. Digests are not secret, and collisions can be made; but a caller can make them only in its
 * own sessions.
 */
export const EMPTY_DIGEST = '';

/** The digest after `items`, which follow what has the digest `from`. */
export function digestItems(from: string, items: readonly Item[]): string {
  let last = from;
  for (const digest of digestsAfter(from, items)) last = digest;
  return last;
}

/**
 * The digest after each of the items. A message of the assistant counts together with the one before it, except where
 * they are known to be apart: a turn may have continued a message of its input.
 */
function* digestsAfter(
  from: string,
  items: readonly Item[],
  known: ReadonlySet<string> = new Set(),
): Generator<string> {
  let digest = from;
  let answer: { before: string; message: Message } | undefined;
  for (const item of items) {
    if (!isLeftOut(item)) {
      const alone = digestItem(digest, item);
      const joins = answer !== undefined && isAnswer(item) && !known.has(alone);
      if (joins) answer!.message = joined(answer!.message, item as Message);
      else answer = isAnswer(item) ? { before: digest, message: item } : undefined;
      digest = joins ? digestItem(answer!.before, answer!.message) : alone;
    }
    yield digest;
  }
}

const isAnswer = (item: Item): item is Message => item.type === 'message' && item.role === 'assistant';

const joined = (message: Message, next: Message): Message => ({
  ...message,
  content: [...message.content, ...next.content],
});

/** Kinds that a provider adds to its answers, that no client answers, and that have no form in chat completions. */
const HOSTED =
  /^(reasoning|\w+_call|program(_output)?|mcp_list_tools|\w+_tool_(use|result)|fallback|gemini:\w+)$/;

function isLeftOut(item: Item): boolean {
  if (item.type === 'message') return item.content.length === 0;
  if (isServerRun(item) || isHalfCall(item) || isClosingOutput(item)) return true;
  return HOSTED.test(item.type) && !isClientCall(item);
}

function digestItem(before: string, item: Item): string {
  return Bun.hash.xxHash64(contentOf(item), BigInt(before === '' ? 0 : `0x${before}`)).toString(16);
}

/** How much of a client's history a session holds. */
export interface HistoryMatch {
  /** The turn to continue; `null` where no turn's branch is a prefix of the items. */
  parent: TurnId | null;
  /** The line of `parent`. */
  line: number;
  /** How many of the items, from the first on, are already on the branch of `parent`. */
  shared: number;
}

/** What of a turn's position matters for a match. */
export type MatchedNode = Pick<TreeNode, 'id' | 'digest' | 'line'>;

/**
 * Finds the turn whose branch is the longest prefix of `items`. `tree` may be the head alone where only a match
 * with the head matters. The items' opening instructions are not compared, but with branches of earlier
 * versions, whose digests include them.
 */
export function matchHistory(items: readonly Item[], tree: readonly MatchedNode[]): HistoryMatch {
  const opening = leadingInstructions(items).length;
  const match = matchFrom(items, opening, tree);
  return match.parent === null && opening > 0 ? matchFrom(items, 0, tree) : match;
}

function matchFrom(items: readonly Item[], start: number, tree: readonly MatchedNode[]): HistoryMatch {
  const shared = new Map<string, number>();
  const known = new Set(tree.map(({ digest }) => digest));
  let count = start;
  for (const digest of digestsAfter(EMPTY_DIGEST, items.slice(start), known)) {
    count++;
    if (digest !== EMPTY_DIGEST) shared.set(digest, count);
  }
  let best: HistoryMatch = { parent: null, line: 0, shared: 0 };
  for (const node of tree) {
    const count = node.line === null ? 0 : (shared.get(node.digest) ?? 0);
    // Of turns with the same content, the last one wins: the client saw it last.
    if (count > 0 && count >= best.shared) best = { parent: node.id, line: node.line!, shared: count };
  }
  return best;
}

const isSame = (a: readonly Item[], b: readonly Item[]): boolean =>
  digestItems(EMPTY_DIGEST, a) === digestItems(EMPTY_DIGEST, b);

/**
 * Removes the leading instructions from `items` where the branch's latest instructions have the same content.
 * Changed instructions stay and apply from then on, beside the earlier ones.
 */
export function withoutRepeatedInstructions(items: Item[], branch: readonly BranchTurn[]): Item[] {
  const leading = leadingInstructions(items);
  if (leading.length === 0) return items;
  const latest = branch
    .map(({ turn, hidden }) => leadingInstructions(turn.input.filter((_, i) => !hidden.includes(`i${i}`))))
    .findLast((found) => found.length > 0);
  return latest && isSame(latest, leading) ? items.slice(leading.length) : items;
}

/** Whether the items are the opening messages of the turn. */
export const isOpeningOf = (items: readonly Item[], turn: BranchTurn): boolean =>
  isSame(items, openingMessages(turn));

/** New items of a client that begin with the question that a branch's last calls belong to. */
export interface RepeatedQuestion {
  /** The turn that asked it. */
  asked: BranchTurn;
  /** The items without it: outputs first. */
  rest: Item[];
}

/**
 * Some clients send the last question again together with the outputs of the calls that the model made for it, and
 * leave out the calls. `undefined` where `items` are anything else.
 */
export function repeatedQuestion(items: Item[], branch: readonly BranchTurn[]): RepeatedQuestion | undefined {
  const at = branch.findLastIndex(({ turn }) => turn.input.some(({ type }) => type === 'message'));
  const asked = branch[at];
  if (!asked) return undefined;
  const question = asked.turn.input
    .slice(ownInstructions(asked.turn))
    .filter((item) => item.type === 'message' || !isClosingOutput(item));
  const rest = items.slice(question.length);
  const [output] = rest;
  if (question.length === 0 || !output || !isClientOutput(output)) return undefined;
  const calls = branch.slice(at).flatMap(({ turn }) => turn.output);
  const isAnswer = calls.some((call) => callIdOf(call) === callIdOf(output));
  return isAnswer && isSame(items.slice(0, question.length), question) ? { asked, rest } : undefined;
}

/** How many of the items have the content of `start`, from the first on; 0 where they do not begin with it. */
function lengthOf(start: readonly Item[], items: readonly Item[]): number {
  const wanted = digestItems(EMPTY_DIGEST, start);
  let count = 0;
  for (const digest of digestsAfter(EMPTY_DIGEST, items)) {
    count++;
    if (digest === wanted) return count;
  }
  return 0;
}

/** Whether `items` begin with `start`. Only no content begins with no content. */
function beginsWith(items: readonly Item[], start: readonly Item[]): boolean {
  return digestItems(EMPTY_DIGEST, start) === EMPTY_DIGEST
    ? isSame(items, start)
    : lengthOf(start, items) > 0;
}

/**
 * How many of the items the end of a branch holds, where they begin with a question that a client sent alone. Some
 * clients keep the conversation only since then, and send that part whole: the tool loops of SDKs do so.
 */
export function sharedSinceQuestion(items: readonly Item[], branch: readonly BranchTurn[]): number {
  const opening = leadingInstructions(items).length;
  const sent = items.slice(opening);
  for (let at = branch.length - 1; at >= 0; at--) {
    const { turn } = branch[at]!;
    const [question] = turn.input.slice(ownInstructions(turn));
    if (turn.resent || !question || !beginsWith(sent, [question])) continue;
    const held = branch
      .slice(at)
      .flatMap(({ turn }) => [...turn.input.slice(ownInstructions(turn)), ...turn.output]);
    const shared = lengthOf(held, sent);
    if (shared > 0) return opening + shared;
  }
  return 0;
}

/**
 * Whether a request asks again what the branch's last turn asked, and that turn broke off: the new turn takes the
 * position of the broken one. More may follow the question: a client that sends its whole conversation, and drops an
 * answer that the user interrupted, sends the question and the next one together.
 * `news` is `input` without the opening instructions that the branch has.
 */
export function isAskedAgain(input: Item[], news: Item[], branch: readonly BranchTurn[]): boolean {
  const last = branch.at(-1)?.turn;
  if (!last || !isBroken(last)) return false;
  const asked = last.input.slice(ownInstructions(last));
  return beginsWith(news, asked) || beginsWith(input, last.input);
}

/** The same for a full history that has the digest of the branch: only the input of the broken turn counts in it. */
export const isHistoryAskedAgain = (last: Turn): boolean =>
  isBroken(last) && digestItems(EMPTY_DIGEST, last.output) === EMPTY_DIGEST;
