import { compactArguments } from '../core/call-arguments.ts';
import type { TurnId } from '../core/ids.ts';
import {
  contentOf,
  type InputText,
  type Item,
  isFullHistory,
  isOfModel,
  leadingInstructions,
  type Message,
  messageText,
  type OtherItem,
  type Part,
} from '../core/items.ts';
import { openingMessages, ownInstructions } from '../core/opening.ts';
import { isBroken } from '../core/outcome.ts';
import { callIdOf, isClientCall, isClientOutput, isHalfCall, isServerRun } from '../core/tool-calls.ts';
import type { BranchTurn, Turn } from '../core/turn.ts';
import { isClosingOutput } from './tool-pairs.ts';
import type { TreeNode } from './turn-log.ts';

/**
 * Digests of a branch's content. They chain: the digest after an item depends on everything before it, so one
 * comparison tells whether two histories are the same up to this item. They count only what clients of every
 * dialect can send back: messages, calls for the client and their outputs. Clients of chat completions see
 * neither reasoning nor what a provider's own tools did. They also see an answer as one message with its calls
 * after it, so this is how the messages and calls of an answer count. Of the model's messages, the text counts
 * alone: many clients send neither refusals nor images back, and chat has all refusals of an answer as one. Of a
 * call's arguments, the values count, not how they are written: some dialects show them as an object.
 * Opening instructions are left out (the caller does not pass them), because clients change them. Calls that
 * were cut are left out, because most clients drop them. Outputs that the gateway wrote to close calls are left
 * out too, because clients do not know them. Digests are not secret, and collisions can be made; but a caller
 * can make them only in its own sessions.
 */
export const EMPTY_DIGEST = '';

/** The digest after `items`, which follow what has the digest `from`. */
export const digestItems = (from: string, items: readonly Item[]): string =>
  digestsOf(from, items).at(-1) ?? from;

/** The digest after each of the items. */
type Digests = (from: string, items: readonly Item[]) => string[];

/**
 * The most messages of one answer that count as one message. Further ones start a new message. The limit keeps
 * the work linear.
 */
const MOST_MERGED = 32;

const digestsBy =
  (content: (item: Item) => string): Digests =>
  (from, items) => {
    const chained = (before: string, item: Item): string => hashed(before, content(item));
    let digest = from;
    let answer = newAnswer(from);
    return items.map((item) => {
      if (!isCounted(item)) return digest;
      if (item.type === 'message' && item.role === 'assistant') {
        if (answer.messages.length === MOST_MERGED) answer = newAnswer(digest);
        answer.messages.push(item);
        digest = answer.calls.reduce(chained, chained(answer.from, merged(answer.messages)));
      } else {
        digest = chained(digest, item);
        if (item.type !== 'message' && isClientCall(item)) answer.calls.push(item);
        else answer = newAnswer(digest);
      }
      return digest;
    });
  };

/** The messages and calls of the model since the last item of a client. `from` is the digest before them. */
const newAnswer = (from: string) => ({ from, messages: [] as Message[], calls: [] as Item[] });

function merged(messages: Message[]): Message {
  const content = messages.flatMap((message) => message.content);
  return { ...messages[0]!, content: content.filter(({ type }) => TEXTS.has(type)) };
}

const TEXTS = new Set<string>(['input_text', 'output_text']);

const hashed = (before: string, text: string): string =>
  Bun.hash.xxHash64(text, BigInt(before === EMPTY_DIGEST ? 0 : `0x${before}`)).toString(16);

const isCounted = (item: Item): boolean => {
  if (item.type === 'message')
    return item.role === 'assistant' ? messageText(item) !== '' : item.content.length > 0;
  if (isClientCall(item)) return !isServerRun(item) && !isHalfCall(item);
  return isClientOutput(item) && !isServerRun(item) && !isClosingOutput(item);
};

/** Chat completions have one form for the outputs of functions and of custom tools. */
function writtenContent(item: Item): string {
  const { type, call_id, name, input, output } = item as OtherItem;
  switch (type as string) {
    case 'custom_tool_call':
      return JSON.stringify(['custom', call_id, name, input]);
    case 'custom_tool_call_output':
      return JSON.stringify(['output', call_id, output]);
    default:
      return contentOf(item);
  }
}

function countedContent(item: Item): string {
  if (item.type === 'function_call') return contentOf({ ...item, arguments: compactArguments(item) });
  if (item.type === 'function_call_output') return contentOf({ ...item, output: textOf(item.output) });
  return writtenContent(item);
}

/** Parts that are texts, as one text. */
const textOf = (output: string | Part[]): string | Part[] =>
  typeof output === 'string' || !output.every(({ type }) => TEXTS.has(type))
    ? output
    : output.map((part) => (part as InputText).text).join('');

const digestsOf = digestsBy(countedContent);
/** The digests of turns that were stored while arguments counted as they are written. */
const writtenDigestsOf = digestsBy(writtenContent);

/** The digests of earlier versions: every item counts by itself, except reasoning. */
const earlierDigestsOf: Digests = (from, items) => {
  let digest = from;
  return items.map((item) => {
    const isLeftOut =
      item.type === 'message'
        ? item.content.length === 0
        : item.type === 'reasoning' || isHalfCall(item) || isClosingOutput(item);
    if (!isLeftOut) digest = hashed(digest, contentOf(item));
    return digest;
  });
};

/** The most digests with which a session is looked for by a history. */
const MOST_REPEATED = 32;

/**
 * The digests that turns have whose history the items repeat, the longest history first: a history ends with what the
 * model said or called.
 */
export function repeatedDigests(items: readonly Item[]): string[] {
  const sent = items.slice(leadingInstructions(items).length);
  const digests = digestsOf(EMPTY_DIGEST, sent);
  const ends = digests.filter((digest, index) => {
    const next = sent[index + 1];
    return isOfModel(sent[index]!) && digest !== EMPTY_DIGEST && next !== undefined && !isOfModel(next);
  });
  return [...new Set(ends.reverse())].slice(0, MOST_REPEATED);
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

/** A match that may be the beginning of a longer one. */
type Reached = HistoryMatch & { digest: string };

/**
 * Finds the turn whose branch is the longest prefix of `items`. `tree` may be only the head if only a match
 * with the head is of interest. Opening instructions of the items are not compared, except with branches of
 * earlier versions, whose digests include them. A branch may begin with digests of an earlier version and
 * continue with digests of this version.
 */
export function matchHistory(items: readonly Item[], tree: readonly MatchedNode[]): HistoryMatch {
  const opening = leadingInstructions(items).length;
  const nothing: Reached = { parent: null, line: 0, shared: opening, digest: EMPTY_DIGEST };
  let match = longestMatch(items, nothing, tree);
  if (match.parent === null && opening > 0) match = longestMatch(items, { ...nothing, shared: 0 }, tree);
  const { parent, line, shared } = match;
  return parent === null ? { parent, line, shared: 0 } : { parent, line, shared };
}

function longestMatch(items: readonly Item[], from: Reached, tree: readonly MatchedNode[]): Reached {
  for (let match = from; ; ) {
    const now = matchFrom(items, match, tree, digestsOf);
    // The remaining items hold nothing from the model, so earlier digests cannot find more.
    const isWhole = now.parent !== null && !isFullHistory(items.slice(now.shared));
    const earlier = isWhole ? [] : [writtenDigestsOf, earlierDigestsOf];
    const longer = earlier
      .map((digests) => matchFrom(items, match, tree, digests))
      .reduce((best, other) => (other.shared > best.shared ? other : best), now);
    if (longer.shared === match.shared) return match;
    match = longer;
  }
}

function matchFrom(
  items: readonly Item[],
  from: Reached,
  tree: readonly MatchedNode[],
  digests: Digests,
): Reached {
  const shared = new Map([[from.digest, from.shared]]);
  for (const [index, digest] of digests(from.digest, items.slice(from.shared)).entries()) {
    const item = items[from.shared + index]!;
    // A client may add an item that does not count, such as an approval, right after the shared items.
    const mayBeNew = shared.has(digest) && item.type !== 'message' && !isOfModel(item);
    if (!mayBeNew) shared.set(digest, from.shared + index + 1);
  }
  shared.delete(EMPTY_DIGEST);
  let best = from;
  for (const { id, digest, line } of tree) {
    const count = line === null ? 0 : (shared.get(digest) ?? 0);
    // Of turns with the same content, the last one wins: the client saw it last.
    if (count > 0 && count >= best.shared) best = { parent: id, line: line!, shared: count, digest };
  }
  return best;
}

/**
 * The items of a client's full history that are new to the branch that it continues. Left out at the beginning:
 * items that digests do not count and that the branch's last answer has.
 */
export function unsharedItems(items: Item[], shared: number, branch: readonly BranchTurn[]): Item[] {
  const counted = items.findIndex((item, index) => index >= shared && isCounted(item));
  const uncounted = items.slice(shared, counted === -1 ? items.length : counted);
  if (uncounted.length === 0) return items.slice(shared);
  const known = new Set(branch.at(-1)?.turn.output.map(contentOf));
  const isNew = (item: Item) => !known.has(contentOf(item));
  const first = uncounted.findIndex(isNew);
  return items.slice(shared + (first === -1 ? uncounted.length : first));
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

/** How many of the first items have the content of `start`; 0 if the items do not begin with it. */
function lengthOf(start: readonly Item[], items: readonly Item[]): number {
  return digestsOf(EMPTY_DIGEST, items).indexOf(digestItems(EMPTY_DIGEST, start)) + 1;
}

/**
 * Whether `items` begin with the content of `start`. If `start` has no content, `items` must have none either.
 */
export function beginsWith(items: readonly Item[], start: readonly Item[]): boolean {
  return digestItems(EMPTY_DIGEST, start) === EMPTY_DIGEST
    ? isSame(items, start)
    : lengthOf(start, items) > 0;
}

/**
 * How many of the items are already at the end of a branch. The branch's last question must have come alone,
 * and the items must begin with it: some clients keep the conversation only since then and send that part as a
 * whole (the tool loops of SDKs do so).
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
 * `newItems` is `input` without the opening instructions that the branch has.
 */
export function isAskedAgain(input: Item[], newItems: Item[], branch: readonly BranchTurn[]): boolean {
  const last = branch.at(-1)?.turn;
  if (!last || !isBroken(last)) return false;
  const asked = last.input.slice(ownInstructions(last));
  return beginsWith(newItems, asked) || beginsWith(input, last.input);
}

/** The same for a full history that has the digest of the branch: only the input of the broken turn counts in it. */
export const isHistoryAskedAgain = (last: Turn): boolean =>
  isBroken(last) && digestItems(EMPTY_DIGEST, last.output) === EMPTY_DIGEST;
