import { Fault } from '../core/errors.ts';
import type { Item } from '../core/items.ts';
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
  const items: PromptItem[] = cut > 0 ? standingInstructions(branch[0], kept) : [];
  for (const turn of kept) addTurn(items, turn);
  input.forEach((item, index) => {
    items.push({ item, native: parts.inputNatives?.[index] });
  });
  const keptTokens = kept.reduce((sum, { tokens }) => sum + tokens, 0);
  return {
    items: withoutOrphans(items),
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

/** The instructions that opened the session stay, even when its beginning does not. */
function standingInstructions(root: BranchTurn | undefined, kept: readonly BranchTurn[]): PromptItem[] {
  if (!root || kept[0] === root) return [];
  return root.turn.input
    .filter((_, index) => !root.hidden.includes(`i${index}`))
    .filter((item) => item.type === 'message' && (item.role === 'system' || item.role === 'developer'))
    .map((item) => ({ item }));
}

function addTurn(items: PromptItem[], { turn, hidden }: BranchTurn): void {
  const answeredBy = turn.provider ?? 'nobody';
  turn.input.forEach((item, index) => {
    if (hidden.includes(`i${index}`)) return;
    items.push({ item, native: turn.inputNatives?.[index], answeredBy });
  });
  // A thought that no item followed belongs to an answer that was cut; providers refuse it.
  const end = turn.output.findLastIndex((item) => item.type !== 'reasoning') + 1;
  for (let index = 0; index < end; index++) {
    if (hidden.includes(`o${index}`)) continue;
    const native = turn.outputNatives?.[index];
    items.push({
      item: turn.output[index]!,
      origin: turn.provider,
      protocol: turn.protocol,
      native,
      answeredBy,
    });
  }
}

/**
 * A cut or a deletion may part a call from its output; alone, either would be refused by a provider.
 * Calls without an output are whole only at the very end, where the next turn's input would answer them,
 * and integrity sees to it that it does: so both halves are there, or none is kept.
 */
function withoutOrphans(items: PromptItem[]): PromptItem[] {
  const calls = new Set<unknown>();
  const outputs = new Set<unknown>();
  for (const { item } of items) {
    const { type, call_id } = item as { type: string; call_id?: unknown };
    if (call_id !== undefined) (type.endsWith('_output') ? outputs : calls).add(call_id);
  }
  if (calls.size === 0 && outputs.size === 0) return items;
  return items.filter(({ item }) => {
    const { call_id } = item as { call_id?: unknown };
    return call_id === undefined || (calls.has(call_id) && outputs.has(call_id));
  });
}
