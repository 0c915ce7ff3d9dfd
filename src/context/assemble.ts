import { Fault } from '../core/errors.ts';
import type { Item } from '../core/items.ts';
import type { PromptItem } from '../core/prompt.ts';
import type { Settings } from '../core/settings.ts';
import { callIdOf, isClientOutput, isHalfCall, isJsonObject, OpenCalls } from '../core/tool-calls.ts';
import { type BranchTurn, isBroken, type Turn } from '../core/turn.ts';
import { estimateTokens, itemsTokens, toolsTokens } from './tokens.ts';

/** The tokens that one model accepts, and what to do beyond them. */
export interface Budget {
  /** Tokens of prompt and answer together. */
  context: number;
  /** Tokens of `context` that are reserved for the answer. */
  answer: number;
  /** For a history that does not fit: leave out its oldest turns, or refuse the request. */
  overflow: 'truncate' | 'error';
}

export interface AssembleInput {
  /** Oldest first: the end of the branch, within `historyWindow`, and before it the branch's root. */
  branch: readonly BranchTurn[];
  input: readonly Item[];
  inputNatives?: Record<number, unknown>;
  instructions?: string;
  settings: Settings;
  budget: Budget;
}

/** The context of a turn. All counts of tokens are estimates (`tokens.ts`). */
export interface Assembled {
  items: PromptItem[];
  /** Tokens of the whole prompt. */
  tokens: number;
  keptTurns: number;
  /** Tokens of history that did not fit. */
  droppedTokens: number;
}

/** Estimates are high rather than low: a history is refused only where it exceeds the limit by more than their error. */
const ESTIMATE_MARGIN = 1.3;
/** History is cut at multiples of this share of the limit: so the prefix, which providers cache, stays the same for many turns. */
const CUT_STEP = 1 / 8;

/** The most tokens of history that a turn with this budget can use. */
export function historyWindow(budget: Budget): number {
  return Math.ceil(budget.context * (budget.overflow === 'error' ? ESTIMATE_MARGIN : 1));
}

/**
 * Builds the context of a turn: a pure function of the branch, the new input and the budget. Throws
 * `context_length_exceeded` where the history does not fit and `budget.overflow` is `error`.
 */
export function assemble(parts: AssembleInput): Assembled {
  const { branch, input, budget } = parts;
  const history = branch.at(-1)?.totalTokens ?? 0;
  const own =
    itemsTokens(input) + estimateTokens(parts.instructions ?? '') + toolsTokens(parts.settings.tools);
  const room = Math.max(0, budget.context - budget.answer - own);
  const cut = cutAt(history, room, budget);
  const kept = branch.filter(({ tokens, totalTokens }) => totalTokens - tokens >= cut);
  const items: Entry[] = cut > 0 ? rootInstructions(branch[0], kept) : [];
  for (const turn of kept) addTurn(items, turn);
  input.forEach((item, index) => {
    items.push({ item, native: parts.inputNatives?.[index] });
  });
  const keptTokens = kept.reduce((sum, { tokens }) => sum + tokens, 0);
  return {
    items: items.some(({ item }) => item.type !== 'message') ? withoutLooseReasoning(inPairs(items)) : items,
    tokens: own + keptTokens,
    keptTurns: kept.length,
    droppedTokens: history - keptTokens,
  };
}

/** The tokens of history to leave out, from the root on. With 0, the whole history is kept. */
function cutAt(history: number, room: number, budget: Budget): number {
  if (history <= room) return 0;
  if (budget.overflow === 'error') {
    if (history <= room * ESTIMATE_MARGIN) return 0;
    throw new Fault(
      'context_length_exceeded',
      `The conversation has about ${history} tokens; the model has room for ${room} beside this request.`,
    );
  }
  const step = Math.max(1, Math.floor(budget.context * CUT_STEP));
  return Math.ceil((history - room) / step) * step;
}

/** An item and the turn that it is an output of; absent for input items. */
type Entry = PromptItem & { answer?: BranchTurn };

/** The instructions at the session's beginning are kept, also where the root itself is left out. */
function rootInstructions(root: BranchTurn | undefined, kept: readonly BranchTurn[]): Entry[] {
  if (!root || kept[0] === root) return [];
  return root.turn.input
    .filter((_, index) => !root.hidden.includes(`i${index}`))
    .filter((item) => item.type === 'message' && (item.role === 'system' || item.role === 'developer'))
    .map((item) => ({ item }));
}

/** `PromptItem.answeredBy` of turns without a provider's answer: appended ones, and failed ones. */
const NO_PROVIDER = '';

function addTurn(items: Entry[], answer: BranchTurn): void {
  const { turn, hidden } = answer;
  const { provider: origin, protocol } = turn.answeredBy ?? {};
  const answeredBy = origin ?? NO_PROVIDER;
  turn.input.forEach((item, index) => {
    if (hidden.includes(`i${index}`)) return;
    items.push({ item, native: turn.inputNatives?.[index], answeredBy });
  });
  turn.output.forEach((item, index) => {
    if (hidden.includes(`o${index}`) || isCutAtProvider(item, turn)) return;
    items.push({ item, origin, protocol, native: turn.outputNatives?.[index], answeredBy, answer });
  });
}

/** A hosted tool's call that was cut has no result, so it is of no use to any provider. */
const isCutAtProvider = (item: Item, turn: Turn): boolean =>
  isBroken(turn) &&
  item.type !== 'message' &&
  item.type !== 'reasoning' &&
  (item as { status?: unknown }).status === 'incomplete' &&
  !isHalfCall(item);

/**
 * A limit or a deletion may separate a call from its output. Providers refuse a call or an output alone, so it is
 * left out. Calls that are open at the same time and have the same id get different ids, and so do their outputs.
 * A half call that has an output is sent as a call without arguments.
 */
function inPairs(items: readonly Entry[]): Entry[] {
  const calls = new OpenCalls();
  const ids = new Map<number, string>();
  items.forEach(({ item }, index) => {
    const call = calls.add(item, index);
    if (!call) return;
    ids.set(call.index, call.distinctId);
    ids.set(index, call.distinctId);
  });
  return items.flatMap((entry, index) => {
    const id = callIdOf(entry.item);
    if (id === undefined) return [entry];
    const distinctId = ids.get(index);
    if (distinctId === undefined) return [];
    const item = withoutHalfArguments(entry.item);
    if (distinctId === id) return item === entry.item ? [entry] : [{ ...entry, item }];
    return [{ ...entry, item: { ...item, call_id: distinctId } as Item }];
  });
}

function withoutHalfArguments(item: Item): Item {
  if (item.type !== 'function_call' || !isHalfCall(item) || isJsonObject(item.arguments)) return item;
  return { ...item, arguments: '{}', status: 'completed' };
}

/** Providers refuse reasoning without the item that followed it in the same answer, which may be cut or deleted. */
function withoutLooseReasoning(items: readonly Entry[]): Entry[] {
  const kept: Entry[] = [];
  let next: Entry | undefined;
  for (const entry of items.toReversed()) {
    if (entry.item.type === 'reasoning' && !(next && isFromModel(next.item) && next.answer === entry.answer))
      continue;
    kept.push(entry);
    next = entry;
  }
  return kept.reverse();
}

const isFromModel = (item: Item): boolean =>
  item.type === 'message' ? item.role === 'assistant' : !isClientOutput(item);
