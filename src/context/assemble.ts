import { type CacheMark, withMarks } from '../core/cache-marks.ts';
import type { ContextPolicy } from '../core/context-policy.ts';
import { Fault } from '../core/errors.ts';
import type { TurnId } from '../core/ids.ts';
import { lastingId } from '../core/item-positions.ts';
import type { Item, Message, Reasoning } from '../core/items.ts';
import { openingMessages, openingTurn, ownInstructions } from '../core/opening.ts';
import type { PromptItem } from '../core/prompt.ts';
import { isSeal, type Thought } from '../core/seal.ts';
import type { Settings } from '../core/settings.ts';
import {
  callIdOf,
  DistinctIds,
  isClientCall,
  isClientOutput,
  isHalfCall,
  isOutput,
  isServerRun,
  type OpenCall,
  OpenCalls,
} from '../core/tool-calls.ts';
import { type BranchTurn, type DialectName, isBroken, type Opening, type Turn } from '../core/turn.ts';
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
import { estimateTokens, itemsTokens, toolsTokens } from './tokens.ts';

/** The tokens that one model accepts, and what to do with a history that is larger. */
export interface Budget {
  /** Tokens of prompt and answer together. */
  context: number;
  /** Tokens of `context` that are reserved for the answer. */
  answer: number;
  policy: ContextPolicy;
  /**
   * The model can read `compaction` items: those of the caller and those of its own provider, which is named here.
   * The history before the latest one is left out. Another provider's compaction is not sent, so nothing before it
   * may be left out.
   */
  compactionsOf?: string;
}

export interface AssembleInput {
  /**
   * Oldest first: the end of the branch, within `historyWindow`, and before it the branch's root and the turn
   * that holds the line's opening instructions.
   */
  branch: readonly BranchTurn[];
  input: readonly Item[];
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
  budget: Budget;
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
  keptTurns: number;
  /** Tokens of history that did not fit. */
  droppedTokens: number;
  /** Parts of dropped turns that are in the prompt nevertheless, and their tokens. */
  recalledTokens: number;
  pinned: readonly Excerpt[];
  retrieved: readonly RetrievedExcerpt[];
}

/**
 * An estimate may be too high, by less than this factor. A history is refused only where it exceeds the limit
 * by more.
 */
const ESTIMATE_MARGIN = 1.3;
/**
 * History is cut at multiples of this share of the limit, so that the prefix, which providers cache, stays the
 * same for many turns.
 */
const CUT_STEP = 1 / 8;

/** The most tokens of history that a turn with this budget can use. */
export function historyWindow(budget: Budget): number {
  return Math.ceil(budget.context * (budget.policy === 'full' ? ESTIMATE_MARGIN : 1));
}

/**
 * Builds the context of a turn: a pure function of the branch, the new input and the budget. Throws
 * `context_length_exceeded` where the history does not fit and `budget.policy` is `full`.
 */
export function assemble(parts: AssembleInput): Assembled {
  const { branch, input, budget } = parts;
  const before = budget.compactionsOf === undefined ? 0 : tokensBeforeCompaction(parts);
  const history = (branch.at(-1)?.totalTokens ?? 0) - before;
  const own =
    itemsTokens(input) + estimateTokens(parts.instructions ?? '') + toolsTokens(parts.settings.tools);
  const room = Math.max(0, budget.context - budget.answer - own);
  const recalled = before > 0 ? undefined : parts.recalled;
  const cut = before + cutAt(history, room, budget, recalled && branch.at(-1));
  const kept = branch.filter(({ tokens, totalTokens }) => totalTokens - tokens >= cut);
  const keptTokens = kept.reduce((sum, { tokens }) => sum + tokens, 0);
  const { pinned, retrieved } = recalled ? recalledWithin(parts, recalled, room, kept, keptTokens) : NOTHING;
  const conversation: Entry[] = [];
  for (const turn of kept) addTurn(conversation, turn, parts);
  const added = input.map((item, index) => entryOf(item, parts.inputNatives?.[index], parts.open));
  const instructions = added.splice(0, parts.ownInstructions ?? 0);
  // What a provider's prompt cache can hold ends here, because excerpts differ from question to question.
  conversation.push(
    ...(retrieved.entries.length > 0 ? placedBefore(added, hitMessage(retrieved.entries), parts) : added),
  );
  const items = [
    ...(instructions.length > 0 ? instructions : instructionsOf(parts)),
    ...(pinned.entries.length > 0
      ? placedBefore(conversation, pinMessage(pinned.entries), parts)
      : sinceCompaction(conversation, budget)),
  ];
  return {
    items: items.some(({ item }) => item.type !== 'message')
      ? withoutLooseReasoning(inPairs(items, parts.marks))
      : marked(items, parts.marks),
    tokens: own + keptTokens + pinned.tokens + retrieved.tokens,
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
  { input }: AssembleInput,
  recalled: Recalled,
  room: number,
  kept: readonly BranchTurn[],
  keptTokens: number,
) {
  const turns = new Set(kept.map(({ turn }) => turn.id));
  const isInPrompt = (turn: TurnId) => turns.has(turn);
  const pinned = chosenPins(recalled, room, isInPrompt);
  // Nothing may stand between calls and their outputs.
  if (isAnswerToCalls(input)) return { pinned, retrieved: NONE };
  const most = Math.min(room - keptTokens - pinned.tokens, MOST_EXCERPTS);
  return { pinned, retrieved: chosenWithin(recalled.hits, most, isInPrompt) };
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

const isAnswerToCalls = ([first]: readonly Item[]): boolean => first !== undefined && isOutput(first);

/**
 * The tokens of history to leave out, from the root on. With 0, the whole history is kept. Beside a recalled past,
 * a part of the room is for pins and excerpts; the turn before this one is kept where it fits all the same, because
 * the input may be about it, or answer its calls.
 */
function cutAt(history: number, all: number, budget: Budget, lastBesideRecalled?: BranchTurn): number {
  if (history <= all) return 0;
  if (budget.policy === 'full') {
    if (history <= all * ESTIMATE_MARGIN) return 0;
    throw new Fault(
      'context_length_exceeded',
      `The conversation has about ${history} tokens; the model has room for ${all} beside this request.`,
    );
  }
  const excerpts = Math.min(all * EXCERPT_SHARE[budget.policy], MOST_EXCERPTS);
  const room = lastBesideRecalled ? all * (1 - PIN_SHARE) - excerpts : all;
  const step = Math.max(1, Math.floor(budget.context * CUT_STEP));
  const cut = Math.ceil((history - room) / step) * step;
  const last = lastBesideRecalled?.tokens ?? Infinity;
  return last <= all * (1 - PIN_SHARE) ? Math.min(cut, history - last) : cut;
}

const marked = (items: Entry[], marks?: readonly CacheMark[]): Entry[] =>
  marks ? withMarks(items, marks) : items;

/**
 * An item and the turn that it is an output of; absent for input items. A call or output that was deleted is there
 * until calls and outputs are in pairs: an output belongs to its call, also where one of them was deleted.
 */
type Entry = PromptItem & { answer?: BranchTurn; isDeleted?: true };

/** The opening instructions of the line are kept, also where their turn itself is left out. */
function instructionsOf({ branch, opening, dialect }: AssembleInput): Entry[] {
  const holder = openingTurn(branch, opening);
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
function sinceCompaction(items: Entry[], { compactionsOf: provider }: Budget): Entry[] {
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
    const id = lastingId(item, turn.id, 'i', index);
    items.push({ ...entryOf(item, natives?.[index], open), id, answeredBy });
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

/**
 * A limit or a deletion may separate a call from its output. Providers refuse an output without its call, and a
 * client's call without an output, so both are left out. A call that runs at the provider needs no output: it
 * may still run (`program`), or its result is in the item. Calls with the same id get different ids, and their
 * outputs follow. Where it was clear which call an id meant, the provider gets its own id again. A half call
 * that has an output is sent without arguments (`argumentsOf`).
 */
function inPairs(items: readonly Entry[], marks?: readonly CacheMark[]): Entry[] {
  const pairs = pairsOf(items);
  const present = items.filter(({ isDeleted }) => !isDeleted);
  const distinct = new DistinctIds();
  const ids = new Map<OpenCall, string>();
  return marked(present, marks).flatMap((entry) => {
    const id = callIdOf(entry.item);
    // No output can name a client's call without an id.
    if (id === undefined) return isClientCall(entry.item) && !isServerRun(entry.item) ? [] : [entry];
    const call = pairs.get(entry.item);
    if (!call) return isClientCall(entry.item) || isOutput(entry.item) ? [] : [entry];
    const distinctId = ids.get(call) ?? distinct.next(id);
    ids.set(call, distinctId);
    if (distinctId === id) return [entry];
    const callId = entry.callId ?? (call.isAmbiguous ? undefined : id);
    return [{ ...entry, callId, item: { ...entry.item, call_id: distinctId } as Item }];
  });
}

/** The pairs of which neither the call nor the output was deleted, by both items. */
function pairsOf(items: readonly Entry[]): Map<Item, OpenCall> {
  const calls = new OpenCalls();
  const pairs = new Map<Item, OpenCall>();
  items.forEach(({ item, isDeleted }, index) => {
    const call = calls.add(item, index);
    if (!call) return;
    const called = items[call.index]!;
    if (isDeleted || called.isDeleted) return;
    pairs.set(called.item, call);
    pairs.set(item, call);
  });
  return pairs;
}

/**
 * Leaves out reasoning whose next item in the same answer is missing (cut or deleted), because providers refuse
 * it. Reasoning without content stays: it carries a signature for the text before it (`claws/gemini/parts.ts`).
 */
function withoutLooseReasoning(items: readonly Entry[]): Entry[] {
  const kept: Entry[] = [];
  let next: Entry | undefined;
  for (let index = items.length - 1; index >= 0; index--) {
    const entry = items[index]!;
    const isKept =
      entry.item.type !== 'reasoning' ||
      isFromSame(next, entry) ||
      (isBare(entry.item) && isFromSame(items[index - 1], entry));
    if (!isKept) continue;
    kept.push(entry);
    next = entry;
  }
  return kept.reverse();
}

const isFromSame = (other: Entry | undefined, { answer }: Entry): boolean =>
  other !== undefined && isFromModel(other.item) && other.answer === answer;

const isBare = ({ summary, content, encrypted_content }: Reasoning): boolean =>
  summary.length === 0 && !content?.length && !encrypted_content;

const isFromModel = (item: Item): boolean =>
  item.type === 'message' ? item.role === 'assistant' : !isClientOutput(item);
