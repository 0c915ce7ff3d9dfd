import { Fault } from '../core/errors.ts';
import type { Item } from '../core/items.ts';
import { callIdOf, isAnswer, OpenCalls } from '../core/pairs.ts';
import type { PromptItem } from '../core/prompt.ts';
import type { Settings } from '../core/settings.ts';
import type { BranchTurn } from '../core/turn.ts';
import { estimateTokens, itemsTokens, toolsTokens } from './tokens.ts';

/** What one model can take. */
export interface Budget {
  /** Tokens of prompt and answer together. */
  context: number;
  /** Tokens to keep free for the answer. */
  answer: number;
  /** What happens to a history that does not fit: its oldest turns are left out, or the request is refused. */
  overflow: 'truncate' | 'error';
}

export interface AssembleInput {
  /** Oldest first: a suffix of the branch, with the root before it. Read with `historyWindow`. */
  branch: readonly BranchTurn[];
  input: readonly Item[];
  inputNatives?: Record<number, unknown>;
  instructions?: string;
  settings: Settings;
  budget: Budget;
}

/** The context of a turn, and its account. Tokens are estimates (`tokens.ts`). */
export interface Assembled {
  items: PromptItem[];
  /** Tokens of the whole prompt. */
  tokens: number;
  keptTurns: number;
  /** Tokens of history that did not fit. */
  droppedTokens: number;
}

/** Estimates run high; a history is refused only when it is over the limit beyond their error. */
const ESTIMATE_MARGIN = 1.3;
/** History is cut at multiples of this share of the limit, so that the prefix, which providers cache, stays the same for many turns. */
const CUT_STEP = 1 / 8;

/** How many tokens of history are worth reading for a budget. */
export function historyWindow(budget: Budget): number {
  return Math.ceil(budget.context * (budget.overflow === 'error' ? ESTIMATE_MARGIN : 1));
}

/** Builds the context of a turn: a pure function of the branch, the new input and the budget. */
export function assemble(parts: AssembleInput): Assembled {
  const { branch, input, budget } = parts;
  const history = branch.at(-1)?.totalTokens ?? 0;
  const own =
    itemsTokens(input) + estimateTokens(parts.instructions ?? '') + toolsTokens(parts.settings.tools);
  const room = Math.max(0, budget.context - budget.answer - own);
  const cut = cutAt(history, room, budget);
  const kept = branch.filter(({ tokens, totalTokens }) => totalTokens - tokens >= cut);
  const items: Placed[] = cut > 0 ? standingInstructions(branch[0], kept) : [];
  for (const turn of kept) addTurn(items, turn);
  input.forEach((item, index) => {
    items.push({ item, native: parts.inputNatives?.[index] });
  });
  const keptTokens = kept.reduce((sum, { tokens }) => sum + tokens, 0);
  return {
    items: items.some(({ item }) => item.type !== 'message') ? withoutLooseThoughts(inPairs(items)) : items,
    tokens: own + keptTokens,
    keptTurns: kept.length,
    droppedTokens: history - keptTokens,
  };
}

/** The token at which the kept history begins; 0 keeps everything. */
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

/** An item with the answer that it is part of; absent for what the caller wrote. */
type Placed = PromptItem & { answer?: BranchTurn };

/** The instructions that opened the session stay, even when its beginning does not. */
function standingInstructions(root: BranchTurn | undefined, kept: readonly BranchTurn[]): Placed[] {
  if (!root || kept[0] === root) return [];
  return root.turn.input
    .filter((_, index) => !root.hidden.includes(`i${index}`))
    .filter((item) => item.type === 'message' && (item.role === 'system' || item.role === 'developer'))
    .map((item) => ({ item }));
}

function addTurn(items: Placed[], answer: BranchTurn): void {
  const { turn, hidden } = answer;
  const answeredBy = turn.provider ?? 'nobody';
  turn.input.forEach((item, index) => {
    if (hidden.includes(`i${index}`)) return;
    items.push({ item, native: turn.inputNatives?.[index], answeredBy });
  });
  const { provider: origin, protocol } = turn;
  turn.output.forEach((item, index) => {
    if (hidden.includes(`o${index}`)) return;
    items.push({ item, origin, protocol, native: turn.outputNatives?.[index], answeredBy, answer });
  });
}

/**
 * A limit or a deletion may part a call from its output; alone, either would be refused by a provider. Both
 * halves are there, or none is kept. Those whose ids do not tell them apart get ids that do.
 */
function inPairs(items: readonly Placed[]): Placed[] {
  const calls = new OpenCalls();
  const ids = new Map<number, string>();
  items.forEach(({ item }, place) => {
    const call = calls.take(item, place);
    if (!call) return;
    ids.set(call.place, call.distinct);
    ids.set(place, call.distinct);
  });
  return items.flatMap((entry, place) => {
    const id = callIdOf(entry.item);
    if (id === undefined) return [entry];
    const distinct = ids.get(place);
    if (distinct === undefined) return [];
    return distinct === id ? [entry] : [{ ...entry, item: { ...entry.item, call_id: distinct } as Item }];
  });
}

/** Thoughts belong to what they led to in the same answer. Where that was cut or deleted, providers refuse them. */
function withoutLooseThoughts(items: readonly Placed[]): Placed[] {
  const kept: Placed[] = [];
  let next: Placed | undefined;
  for (const entry of items.toReversed()) {
    if (entry.item.type === 'reasoning' && !(next && isOfModel(next.item) && next.answer === entry.answer))
      continue;
    kept.push(entry);
    next = entry;
  }
  return kept.reverse();
}

const isOfModel = (item: Item): boolean =>
  item.type === 'message' ? item.role === 'assistant' : !isAnswer(item);
