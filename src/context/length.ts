import { Fault } from '../core/errors.ts';
import type { Item } from '../core/items.ts';
import { openingMessages } from '../core/opening.ts';
import type { Settings } from '../core/settings.ts';
import type { BranchTurn } from '../core/turn.ts';
import { estimateTokens, isGuessed, itemsTokens, itemTokens, toolsTokens } from './tokens.ts';

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

/** What is in every prompt for a request. */
export interface Request {
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
export function expectRoom(request: Request, holder: BranchTurn | undefined, least: number): void {
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
  { input, ownInstructions = 0, instructions, settings, budget }: Request,
  holder: BranchTurn | undefined,
  { reserved, history }: { reserved: number; history: number },
): Fault {
  const opening = ownInstructions > 0 ? itemsTokens(input.slice(0, ownInstructions)) : openingTokens(holder);
  const fixed = opening + estimateTokens(instructions ?? '') + toolsTokens(settings.tools);
  const { ratio = 1, context, margin } = budget;
  const told = (tokens: number) => Math.round(tokens * ratio);
  const parts: [number, string][] = [
    [told(history), 'of the conversation'],
    [told(fixed), 'of instructions and tools'],
    [told(itemsTokens(input.slice(ownInstructions))), 'of new input'],
    [told(reserved), 'reserved for the answer'],
  ];
  const sum = parts.reduce((all, [tokens]) => all + tokens, 0);
  const listed = parts.flatMap(([tokens, what]) => (tokens > 0 ? [`${inWords(tokens)} ${what}`] : []));
  const [about, least] = [margin === 1 ? '' : 'about ', history > 0 ? '' : 'at least '];
  return new Fault(
    'context_length_exceeded',
    `The request needs ${least}${about}${inWords(sum)} tokens (${listed.join(', ')}); the model accepts ${inWords(told(context))}.`,
  );
}

const inWords = (tokens: number): string => tokens.toLocaleString('en-US');
