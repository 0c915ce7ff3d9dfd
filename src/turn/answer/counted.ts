import type { Assembled, Budget } from '../../context/assemble.ts';
import { inStep, type TokenRatio, type TokenRatios } from '../../context/token-ratios.ts';
import type { Counted as CountedParts, TokenCounter } from '../../context/tokenizer/token-counter.ts';
import type { ContextReceipt } from '../../core/receipt.ts';
import type { Ask } from '../../core/turn.ts';

/** What is known of how models count tokens. */
export interface TokenKnowledge {
  ratios: TokenRatios;
  counter: TokenCounter;
}

/** The tokens of a prompt as its model counts them, and how they are known. */
export type Counted = Required<Pick<ContextReceipt, 'tokens' | 'countedBy'>>;

/** The tokens that a model probably counts, by those that it counted before. */
export function calibrated({ tokens }: Assembled, { typical, safe }: TokenRatio): Counted {
  const isLearned = typical !== 1 || safe !== 1;
  return { tokens: Math.round(tokens * typical), countedBy: isLearned ? 'calibration' : 'estimate' };
}

/** The parts of a prompt that a tokenizer counts. */
export const partsOf = (
  { instructions, settings: { tools } }: Pick<Ask, 'instructions' | 'settings'>,
  { items }: Assembled,
): CountedParts => ({ items: items.map(({ item }) => item), instructions, tools });

/** The ratio of one prompt that was counted: nothing more is allowed for. */
export function ratioOfCounted(ratio: number): TokenRatio {
  const safe = inStep(ratio);
  return { typical: ratio, safe, margin: 1 };
}

/** A context as its receipt shows it, in tokens of the model. */
export function contextReceipt(
  { tokens: estimated, keptTurns, droppedTokens, recalledTokens, pinned, retrieved }: Assembled,
  { policy, context, answer, ratio = 1 }: Budget,
  { tokens, countedBy }: Counted,
): ContextReceipt {
  const told = (part: number) => (estimated > 0 ? Math.round((part * tokens) / estimated) : part);
  return {
    policy,
    limit: Math.round(context * ratio),
    reserved: Math.round(answer * ratio),
    tokens,
    estimated,
    countedBy,
    keptTurns,
    droppedTokens: told(droppedTokens),
    cut: droppedTokens,
    ...(recalledTokens > 0 && { recalledTokens: told(recalledTokens) }),
    ...(pinned.length > 0 && { pinned: pinned.map(({ item }) => item) }),
    ...(retrieved.length > 0 && {
      retrieved: retrieved.map(({ item, score }) => ({ id: item, score: Math.round(score * 1000) / 1000 })),
    }),
  };
}
