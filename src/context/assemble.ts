import type { CacheMark } from '../core/cache-marks.ts';
import type { TurnId } from '../core/ids.ts';
import { interpreted } from '../core/interpreted.ts';
import { lastingId } from '../core/item-positions.ts';
import type { Item, Message, Reasoning } from '../core/items.ts';
import { openingMessages, openingTurn, ownInstructions } from '../core/opening.ts';
import { isBroken } from '../core/outcome.ts';
import type { PromptItem } from '../core/prompt.ts';
import { isSeal, type Thought } from '../core/seal.ts';
import type { Settings } from '../core/settings.ts';
import { callIdOf, isHalfCall, isOutput } from '../core/tool-calls.ts';
import type { BranchTurn, DialectName, Opening, Turn } from '../core/turn.ts';
import { type Entry, inPairs, marked, withoutLooseReasoning } from './entries.ts';
import {
  chosenPins,
  chosenWithin,
  type Excerpt,
  hitMessage,
  PIN_SHARE,
  pinMessage,
  type Recalled,
  type RetrievedExcerpt,
} from './recalled.ts';
import {
  cutShare,
  ESTIMATE_MARGIN,
  expectRoom,
  fixedTokens,
  historyRoom,
  openingTokens,
  type TokenBudget,
  tooLong,
  worthwhileExcerpts,
  worthwhileTokens,
} from './token-budget.ts';
import { itemsTokens } from './tokens.ts';

/** What a context is assembled from. */
export interface AssembleInput {
  /**
   * Oldest first: the end of the branch, within `historyWindow`, and before it the branch's root and the turn
   * that holds the line's opening instructions.
   */
  branch: readonly BranchTurn[];
  input: readonly Item[];
  /** Estimated tokens of `input`, where they are known. */
  inputTokens?: number;
  /** The turn's opening; absent where its turn notes none. */
  opening?: Opening;
  /** How many items of `input` are opening instructions that the turn itself brings. */
  ownInstructions?: number;
  inputNatives?: Record<number, unknown>;
  /** The dialect of `inputNatives`: of turns that were asked for in another dialect, natives are left out. */
  dialect?: DialectName;
  marks?: readonly CacheMark[];
  instructions?: string;
  settings: Settings;
  budget: TokenBudget;
  /** Of turns that may not be in the prompt; used with the policies `retrieve` and `auto`. */
  recalled?: Recalled;
  /** Opens a seal that a client sends back; returns `undefined` if it cannot be opened. */
  open(seal: string): Thought | undefined;
}

/** The context of a turn. All counts of tokens are estimates (`tokens.ts`). */
export interface Assembled {
  items: PromptItem[];
  /** Tokens of the whole prompt. */
  tokens: number;
  /** Tokens of its beginning, which later prompts can have too: all but the excerpts and the new input. */
  repeatedTokens: number;
  keptTurns: number;
  /** Tokens of history that did not fit. */
  droppedTokens: number;
  /** Parts of dropped turns that are in the prompt nevertheless, and their tokens. */
  recalledTokens: number;
  pinned: readonly Excerpt[];
  retrieved: readonly RetrievedExcerpt[];
}

/**
 * Builds the context of a turn: a pure function of the branch, the new input and the budget. Throws
 * `context_length_exceeded` where the history does not fit and `budget.policy` is `full`, and where not even the
 * instructions, the tools and the new input fit.
 */
export function assemble(parts: AssembleInput): Assembled {
  const { branch, input, budget } = parts;
  const before = budget.compactionsOf === undefined ? 0 : tokensBeforeCompaction(parts);
  const history = (branch.at(-1)?.totalTokens ?? 0) - before;
  const fixed = fixedTokens(parts);
  const own = (parts.inputTokens ?? itemsTokens(input)) + fixed;
  const holder = parts.ownInstructions ? undefined : openingTurn(branch, parts.opening);
  // The opening is a part of the history, and stays where its turn is left out.
  const isWhole = budget.policy === 'full' || history <= historyRoom(history, own, budget).room;
  const opening = isWhole ? 0 : openingTokens(holder);
  expectRoom(parts, holder, own + opening);
  const { most, room } = historyRoom(history, own + opening, budget);
  if (budget.policy === 'full' && history > room * (budget.margin ?? ESTIMATE_MARGIN)) {
    throw tooLong(parts, holder, { reserved: budget.answer, history });
  }
  const recalled = before > 0 ? undefined : parts.recalled;
  const isSaving = room < most;
  const last = recalled || isSaving ? currentTokens(parts) : Infinity;
  const cut = before + cutAt(history, { all: room, most, last, leavesRoom: recalled !== undefined }, budget);
  const kept = branch.filter(({ tokens, totalTokens }) => totalTokens - tokens >= cut);
  const keptTokens = kept.reduce((sum, { tokens }) => sum + tokens, 0);
  const heldTokens = holder && kept.includes(holder) ? 0 : opening;
  const left = { room, keptTokens, dropped: history - keptTokens };
  const { pinned, retrieved } = recalled ? recalledWithin(parts, recalled, left, kept) : NOTHING;
  const conversation: Entry[] = [];
  for (const turn of kept) addTurn(conversation, turn, parts);
  const added = input.map((item, index) => entryOf(item, parts.inputNatives?.[index], parts.open));
  const instructions = added.splice(0, parts.ownInstructions ?? 0);
  // What a provider's prompt cache can hold ends here, because excerpts differ from question to question.
  conversation.push(
    ...(retrieved.entries.length > 0 ? withExcerpts(added, hitMessage(retrieved.entries), parts) : added),
  );
  const items = [
    ...(instructions.length > 0 ? instructions : instructionsOf(holder, parts.dialect)),
    ...(pinned.entries.length > 0
      ? placedBefore(conversation, pinMessage(pinned.entries), parts)
      : sinceCompaction(conversation, budget)),
  ];
  return {
    items: items.some(({ item }) => item.type !== 'message')
      ? withoutLooseReasoning(inPairs(items, parts.marks))
      : marked(items, parts.marks),
    tokens: own + heldTokens + keptTokens + pinned.tokens + retrieved.tokens,
    repeatedTokens: fixed + heldTokens + keptTokens + pinned.tokens,
    recalledTokens: pinned.tokens + retrieved.tokens,
    keptTurns: kept.length,
    droppedTokens: history - keptTokens,
    pinned: pinned.entries,
    retrieved: retrieved.entries,
  };
}

/** The share of the room for history that is left to excerpts, by policy. They may also take what is left of the rest. */
const EXCERPT_SHARE = { retrieve: 0.9, auto: 0.6, truncate: 0, full: 0 } as const;
/** The most tokens of excerpts: more of them find little (`docs/benchmarks.md`), and no prompt cache holds them. */
const MOST_EXCERPTS = 16_000;

const NONE = { entries: [], tokens: 0 };
const NOTHING = { pinned: NONE, retrieved: NONE };

/** What of the recalled past is in the prompt: nothing of the turns that are in it as a whole. */
function recalledWithin(
  { input, budget }: AssembleInput,
  recalled: Recalled,
  { room, keptTokens, dropped }: { room: number; keptTokens: number; dropped: number },
  kept: readonly BranchTurn[],
) {
  const turns = new Set(kept.map(({ turn }) => turn.id));
  const isInPrompt = (turn: TurnId) => turns.has(turn);
  const pinned = chosenPins(recalled, room, isInPrompt);
  // Nothing may stand between calls and their outputs.
  if (isAnswerToCalls(input)) return { pinned, retrieved: NONE };
  const excerpts = Math.min(
    room - keptTokens - pinned.tokens,
    MOST_EXCERPTS,
    worthwhileExcerpts(dropped, budget),
  );
  return { pinned, retrieved: chosenWithin(recalled.hits, excerpts, isInPrompt) };
}

/**
 * Entries after a message of the gateway. It is joined to a message of the user, because some models refuse two
 * messages of one role in a row; but not where the caller has marked parts of its messages.
 */
function placedBefore(
  [next, ...others]: readonly Entry[],
  message: Message,
  { marks }: Pick<AssembleInput, 'marks'>,
): Entry[] {
  if (next?.item.type !== 'message' || next.item.role !== 'user' || marks) {
    return [{ item: message }, ...(next ? [next] : []), ...others];
  }
  const content = [...message.content, ...next.item.content];
  return [{ ...next, item: { ...next.item, content } as Item }, ...others];
}

/** The new input after its excerpts. */
function withExcerpts(
  added: readonly Entry[],
  message: Message,
  parts: Pick<AssembleInput, 'marks'>,
): Entry[] {
  const [first, ...others] = placedBefore(added, message, parts);
  return [{ ...first!, excerpts: message.content.length }, ...others];
}

const isAnswerToCalls = ([first]: readonly Item[]): boolean => first !== undefined && isOutput(first);

/**
 * The tokens of the turns that the input follows without a break: of the turn before it, or, where it answers calls,
 * of all turns since the latest message of the user.
 */
function currentTokens({ branch, input }: AssembleInput): number {
  let tokens = branch.at(-1)?.tokens ?? 0;
  if (!isAnswerToCalls(input)) return tokens;
  for (let index = branch.length - 1; index > 0 && !branch[index]!.turn.input.some(isFromUser); index--) {
    tokens += branch[index - 1]!.tokens;
  }
  return tokens;
}

const isFromUser = (item: Item): boolean => item.type === 'message' && item.role === 'user';

interface Cutting {
  /** The room for history, and that which the model has. */
  all: number;
  most: number;
  /** Tokens of the latest turns, which are kept where they fit. */
  last: number;
  /** A part of the room is for pins and excerpts. */
  leavesRoom: boolean;
}

/**
 * The tokens of history to leave out, from the root on. With 0, the whole history is kept. History is cut at multiples
 * of a share of the room, so that the prefix, which providers cache, stays the same for many turns.
 */
function cutAt(history: number, { all, most, last, leavesRoom }: Cutting, budget: TokenBudget): number {
  if (history <= all || budget.policy === 'full') return 0;
  const excerpts = Math.min(all * EXCERPT_SHARE[budget.policy], MOST_EXCERPTS);
  const room = leavesRoom ? all * (1 - PIN_SHARE) - excerpts : all;
  const scale = Math.min(budget.context, worthwhileTokens(history, budget));
  const step = Math.max(1, Math.floor(scale * cutShare(budget)));
  const cut = Math.ceil((history - room) / step) * step;
  return last <= most * (1 - PIN_SHARE) ? Math.min(cut, history - last) : cut;
}

/** The opening instructions of the line are kept, also where their turn itself is left out. */
function instructionsOf(holder: BranchTurn | undefined, dialect: DialectName | undefined): Entry[] {
  if (!holder) return [];
  const isSame = holder.turn.dialect === dialect;
  return openingMessages(holder).map((item) => ({
    item,
    native: isSame ? nativeOf(holder, item) : undefined,
  }));
}

const nativeOf = ({ turn }: BranchTurn, item: Item): unknown => turn.inputNatives?.[turn.input.indexOf(item)];

const isCompaction = ({ type }: { type: string }): boolean => type === 'compaction';

/** The tokens of the turns before the one with the latest compaction. */
function tokensBeforeCompaction({ branch, input, budget }: AssembleInput): number {
  if (input.some(isCompaction)) return branch.at(-1)?.totalTokens ?? 0;
  const found = branch.findLast(
    ({ turn }) =>
      turn.input.some(isCompaction) ||
      (turn.answeredBy?.provider === budget.compactionsOf && turn.output.some(isCompaction)),
  );
  return found ? found.totalTokens - found.tokens : 0;
}

/** A compaction stands for everything before it. */
function sinceCompaction(items: Entry[], { compactionsOf: provider }: TokenBudget): Entry[] {
  if (provider === undefined) return items;
  const latest = items.findLastIndex(
    ({ item, origin }) => isCompaction(item) && (origin === undefined || origin === provider),
  );
  return latest === -1 ? items : items.slice(latest);
}

const isCompactionTrigger = ({ type }: { type: string }): boolean => type === 'compaction_trigger';

/** `PromptItem.answeredBy` of turns without a provider's answer: appended ones, and failed ones. */
const NO_PROVIDER = '';

/**
 * An item of the caller. Sealed reasoning is replaced by the original of its provider, so no provider is given
 * a seal.
 */
function entryOf(item: Item, native: unknown, open: AssembleInput['open']): Entry {
  if (item.type !== 'reasoning' || !isSeal(item.encrypted_content)) return { item, native };
  const { encrypted_content: seal, ...rest } = item;
  const thought = open(seal);
  if (!thought) return { item: rest };
  const { origin, protocol } = thought;
  return { item: { ...thought.item, id: item.id } as Reasoning, origin, protocol, native: thought.native };
}

function addTurn(
  items: Entry[],
  answer: BranchTurn,
  { open, dialect }: Pick<AssembleInput, 'open' | 'dialect'>,
): void {
  const { turn, hidden } = answer;
  const natives = turn.dialect === dialect ? turn.inputNatives : undefined;
  const { provider: origin, protocol } = turn.answeredBy ?? {};
  const answeredBy = origin ?? NO_PROVIDER;
  const opening = ownInstructions(turn);
  turn.input.forEach((item, index) => {
    // A trigger asks the provider to compact what came before it, once.
    if (index < opening || isCompactionTrigger(item)) return;
    if (hidden.includes(`i${index}`)) {
      addDeleted(items, item);
      return;
    }
    const entry = entryOf(item, natives?.[index], open);
    const isOfOther = turn.dialect !== dialect && entry.origin === undefined;
    const read = isOfOther ? interpreted(entry.item) : entry.item;
    if (!read) return;
    const id = lastingId(item, turn.id, 'i', index);
    items.push({ ...entry, item: read, id, answeredBy });
  });
  turn.output.forEach((item, index) => {
    if (hidden.includes(`o${index}`)) {
      addDeleted(items, item);
      return;
    }
    if (isCutAtProvider(item, turn)) return;
    const native = turn.outputNatives?.[index];
    const callId = turn.kind === 'ask' ? turn.callIds?.[index] : undefined;
    const id = lastingId(item, turn.id, 'o', index);
    items.push({ item, id, origin, protocol, native, callId, answeredBy, answer });
  });
}

function addDeleted(items: Entry[], item: Item): void {
  if (callIdOf(item) !== undefined) items.push({ item, isDeleted: true });
}

/** A cut call of a hosted tool has no result, so no provider can use it. */
const isCutAtProvider = (item: Item, turn: Turn): boolean =>
  isBroken(turn) &&
  item.type !== 'message' &&
  item.type !== 'reasoning' &&
  (item as { status?: unknown }).status === 'incomplete' &&
  !isHalfCall(item);
