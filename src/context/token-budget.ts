import type { ContextPolicy } from '../core/context-policy.ts';
import { Fault } from '../core/errors.ts';
import type { Item } from '../core/items.ts';
import { openingMessages } from '../core/opening.ts';
import type { Settings } from '../core/settings.ts';
import type { BranchTurn } from '../core/turn.ts';
import type { Price } from '../core/usage.ts';
import { estimateTokens, isGuessed, itemsTokens, itemTokens, toolsTokens } from './tokens.ts';

/** The estimated tokens that one model accepts, what they cost, and what to do with a history that is larger. */
export interface TokenBudget extends Economy, Measure {
  policy: ContextPolicy;
  /**
   * The model can read `compaction` items: those of the caller and those of its own provider, which is named here.
   * The history before the latest one is left out. Another provider's compaction is not sent, so nothing before it
   * may be left out.
   */
  compactionsOf?: string;
}

/** How a length is measured: a budget is in estimated tokens, and callers are told the model's own. */
export interface Measure {
  /** Tokens of prompt and answer together, and those of them that are reserved for the answer. */
  context: number;
  answer: number;
  /** How many tokens the model counts for an estimated one; absent: 1. */
  ratio?: number;
  /** A text may have fewer tokens than estimated, by less than this factor; absent: `ESTIMATE_MARGIN`. */
  margin?: number;
  /**
   * Tokens that the answer needs at least: a request that leaves fewer is refused. Absent where the limit of the
   * model is not known: then its provider decides.
   */
  leastAnswer?: number;
}

/** `Measure.margin` where nothing is known of the model: no usual text is estimated higher (tested). */
export const ESTIMATE_MARGIN = 1.3;

/**
 * What a prompt may have of a history, so that it costs less than the whole history, and no more than the whole
 * history from the provider's prompt cache. `npm run bench:cost` shows the curve.
 */
export interface Economy {
  /**
   * The price of a token that is read from the provider's prompt cache, relative to other input: 1 where it costs the
   * same. Absent where the model's price is unknown or zero: then only its limit counts.
   */
  cachedPrice?: number;
  /** The most tokens of history, also where the model accepts more. Absent: by the price. */
  historyTokens?: number;
}

/** The most tokens of history that a turn with this budget can use. */
export function historyWindow({ context, policy, margin = ESTIMATE_MARGIN }: TokenBudget): number {
  return Math.ceil(context * (policy === 'full' ? margin : 1));
}

/** The parts of a prompt that are there whatever its history is. */
type Own = Pick<RequestParts, 'input' | 'instructions' | 'settings'>;

/** The tokens of a prompt besides its history. */
export const ownTokens = (parts: Own): number => itemsTokens(parts.input) + fixedTokens(parts);

/** The tokens of instructions and tools. */
export const fixedTokens = ({ instructions = '', settings }: Omit<Own, 'input'>): number =>
  estimateTokens(instructions) + toolsTokens(settings.tools);

/** The tokens of history that fit beside so many others, and those of them that are worth their price. */
export function historyRoom(
  history: number,
  own: number,
  budget: TokenBudget,
): { most: number; room: number } {
  const most = Math.max(0, budget.context - budget.answer - own);
  const room = budget.policy === 'full' ? most : Math.min(most, worthwhileTokens(history, budget));
  return { most, room };
}

/** `Economy.cachedPrice` for a model with this price. */
export function cachedPriceOf(price: Price | undefined): number | undefined {
  if (!price || price.input === 0) return undefined;
  return Math.min(1, (price.cacheRead ?? price.input) / price.input);
}

/** Above this price, the cache alone does not save enough of a long history. */
const DEAR = 0.3;
/** From so many tokens on, a history that is dear is not sent as a whole, but so many tokens of it. */
const LONG_HISTORY = 28_000;
const SENT_OF_LONG = 8_000;
/** More recent turns and excerpts than this find little (`docs/benchmarks.md`). */
const MOST_DOUBLINGS = 2;

/**
 * The most tokens of a history of this length that are worth their price. The value changes only when the history has
 * doubled, so that a cut stays where it is for many turns.
 */
export function worthwhileTokens(history: number, { cachedPrice = 0, historyTokens }: Economy): number {
  if (historyTokens !== undefined) return historyTokens;
  if (cachedPrice <= DEAR || history < LONG_HISTORY) return Infinity;
  const doublings = Math.min(MOST_DOUBLINGS, Math.floor(Math.log2(history / LONG_HISTORY)));
  return SENT_OF_LONG * 2 ** doublings;
}

/**
 * The share of the room for history that is left out at once. After each cut, all that is kept is sent at the full
 * price once; the cheaper the cache is, the more turns must pass before the next one.
 */
export function cutShare({ cachedPrice = 1 }: Economy): number {
  if (cachedPrice >= 0.75) return 1 / 8;
  if (cachedPrice > DEAR) return 1 / 4;
  return cachedPrice >= 0.05 ? 2 / 3 : 3 / 4;
}

/** The rest of what the cut saves pays for sending the kept turns again. */
const EXCERPTS_OF_SAVING = 0.5;

/**
 * The most tokens of excerpts beside a history of which so many tokens are left out. Excerpts are never in a cache:
 * they may cost a part of what the whole history would have cost from there.
 */
export const worthwhileExcerpts = (dropped: number, { cachedPrice }: Economy): number =>
  cachedPrice === undefined ? Infinity : dropped * cachedPrice * EXCERPTS_OF_SAVING;

/** What is in every prompt for a request. */
interface RequestParts {
  input: readonly Item[];
  /** How many items of `input` are opening instructions that the turn itself brings. */
  ownInstructions?: number;
  instructions?: string;
  settings: Settings;
  budget: Measure;
}

/** Estimated tokens of the opening that a turn before this one holds. */
export const openingTokens = (holder: BranchTurn | undefined): number =>
  holder ? itemsTokens(openingMessages(holder)) : 0;

/**
 * Refuses a request that does not fit even without its history: `least` are its estimated tokens. Images and files
 * are not counted for this: what they have is a guess, and the provider decides.
 */
export function expectRoom(request: RequestParts, holder: BranchTurn | undefined, least: number): void {
  const { context, leastAnswer, margin = ESTIMATE_MARGIN } = request.budget;
  if (leastAnswer === undefined) return;
  const most = (context - leastAnswer) * margin;
  if (least <= most) return;
  const guessed = request.input.filter(isGuessed).reduce((sum, item) => sum + itemTokens(item), 0);
  if (least - guessed > most) throw tooLong(request, holder, { reserved: leastAnswer, history: 0 });
}

/**
 * `context_length_exceeded`, with the numbers: the limit of the model, what is reserved for the answer, and what the
 * parts of the prompt have.
 */
export function tooLong(
  { input, ownInstructions = 0, instructions, settings, budget }: RequestParts,
  holder: BranchTurn | undefined,
  { reserved, history }: { reserved: number; history: number },
): Fault {
  const opening = ownInstructions > 0 ? itemsTokens(input.slice(0, ownInstructions)) : openingTokens(holder);
  const fixed = opening + fixedTokens({ instructions, settings });
  const { ratio = 1, context, margin } = budget;
  const asCounted = (tokens: number) => Math.round(tokens * ratio);
  const parts: [number, string][] = [
    [asCounted(history), 'of the conversation'],
    [asCounted(fixed), 'of instructions and tools'],
    [asCounted(itemsTokens(input.slice(ownInstructions))), 'of new input'],
    [asCounted(reserved), 'reserved for the answer'],
  ];
  const sum = parts.reduce((all, [tokens]) => all + tokens, 0);
  const listed = parts.flatMap(([tokens, what]) => (tokens > 0 ? [`${inWords(tokens)} ${what}`] : []));
  const [about, least] = [margin === 1 ? '' : 'about ', history > 0 ? '' : 'at least '];
  return new Fault(
    'context_length_exceeded',
    `The request needs ${least}${about}${inWords(sum)} tokens (${listed.join(', ')}); the model accepts ${inWords(asCounted(context))}.`,
  );
}

const inWords = (tokens: number): string => tokens.toLocaleString('en-US');
