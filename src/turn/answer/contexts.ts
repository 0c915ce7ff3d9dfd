import { type Assembled, assemble } from '../../context/assemble.ts';
import type { Recalled } from '../../context/recalled.ts';
import {
  cachedPriceOf,
  historyWindow,
  type TokenBudget,
  worthwhileTokens,
} from '../../context/token-budget.ts';
import {
  inStep,
  LEARNED_MARGIN,
  REFUSED,
  type TokenRatio,
  type TokenRatios,
  UNLEARNED,
} from '../../context/token-ratios.ts';
import { encodingOf } from '../../context/tokenizer/encodings.ts';
import type { CountedParts, TokenCounter } from '../../context/tokenizer/token-counter.ts';
import { isGuessed } from '../../context/tokens.ts';
import { type CacheLife, cacheLifeOf } from '../../core/cache-life.ts';
import { type Candidate, candidateName } from '../../core/candidate.ts';
import type { ContextWish } from '../../core/context-policy.ts';
import { Fault } from '../../core/errors.ts';
import { ownInstructions } from '../../core/opening.ts';
import type { ContextReceipt } from '../../core/receipt.ts';
import type { Ask, BranchTurn, PlacedIntent } from '../../core/turn.ts';
import type { Seals } from '../../security/seals.ts';

/** Tokens, where the catalogue does not know the model. */
const ASSUMED_CONTEXT = 128_000;
const ASSUMED_OUTPUT = 4_096;
/** OpenAI's Responses API refuses a limit below this. */
export const LEAST_LIMIT = 16;
/** A prompt with less than this share of its room fits, however wrong its estimate is. */
const NEAR = 0.7;
/** The same where it is known how the model counts. */
const NEAR_LEARNED = 0.9;

/** The properties of a candidate that limit a prompt. The provider is empty if no model is asked. */
export type Limits = Pick<Candidate, 'contextLimit' | 'outputLimit' | 'protocol' | 'provider' | 'price'>;

/** How much of the candidate's context the turn may use, in estimated tokens. */
export function budgetOf(
  { contextLimit, outputLimit, provider, protocol, price }: Limits,
  ask: Pick<Ask, 'settings'>,
  { policy, historyTokens }: ContextWish,
  { safe: ratio, margin }: TokenRatio = UNLEARNED,
): TokenBudget {
  const context = (contextLimit ?? ASSUMED_CONTEXT) / ratio;
  const asked = ask.settings.max_output_tokens;
  const answer = (asked ?? Math.min(outputLimit ?? ASSUMED_OUTPUT, ASSUMED_OUTPUT)) / ratio;
  const leastAnswer = contextLimit && Math.min((asked ?? LEAST_LIMIT) / ratio, context / 2);
  // Anthropic has such items too, but its API itself leaves out the items before them.
  const compactionsOf = protocol === 'openai-responses' ? provider || undefined : undefined;
  // Agents build on every call and output before: what they have is not left out for its price.
  const isAgent = (ask.settings.tools?.length ?? 0) > 0;
  return {
    context,
    answer: Math.min(answer, context / 2),
    leastAnswer,
    policy,
    ratio,
    margin,
    compactionsOf,
    cachedPrice: isAgent ? undefined : cachedPriceOf(price),
    historyTokens,
  };
}

/** A prompt of so many estimated tokens fits surely: it needs no past, also where it is counted or refused. */
export const sureRoom = ({ context, answer, margin }: TokenBudget): number =>
  (context - answer) * (margin === LEARNED_MARGIN ? NEAR_LEARNED : NEAR);

/** How much of its history a turn reads, and what happens to a history that does not fit. */
export interface Reach {
  wish: ContextWish;
  /** Tokens of history that the candidate with the largest context can use: a branch is read once for all. */
  window: number;
  /** Of all candidates. */
  budgets: readonly TokenBudget[];
}

/** The reach of a turn that may be answered by any of these candidates. */
export function reachWith(
  candidates: readonly Candidate[],
  ask: Ask,
  wish: ContextWish,
  ratios: Pick<TokenRatios, 'of'>,
): Reach {
  const budgets = candidates.map((candidate) => budgetOf(candidate, ask, wish, ratios.of(candidate)));
  return { wish, window: Math.max(...budgets.map(historyWindow)), budgets };
}

/** What is known of how models count tokens. */
export interface TokenKnowledge {
  ratios: TokenRatios;
  counter: TokenCounter;
}

/** What of a turn its prompts depend on. */
export type AskedPrompt = Pick<
  PlacedIntent,
  'id' | 'tenant' | 'dialect' | 'createdAt' | 'input' | 'inputNatives' | 'instructions' | 'settings' | 'marks'
> & { position: Pick<PlacedIntent['position'], 'opening' | 'parent'> & { inputTokens?: number } };

/** What the contexts of a turn are assembled from. */
export interface ContextSource {
  intent: AskedPrompt;
  branch: readonly BranchTurn[];
  /** How many tokens back `branch` was read. */
  window: number;
  wish: ContextWish;
  /** Nothing is refused for its length: the prompt is only measured. */
  isMeasured?: boolean;
  recalled?: Recalled;
  seals: Pick<Seals, 'open'>;
  tokens: TokenKnowledge;
}

/**
 * The context of a turn for each of its candidates, which have different limits. A context is assembled when a
 * candidate is about to be called, once for each budget.
 */
export class Contexts {
  private readonly made: { budget: TokenBudget; assembled: Assembled }[] = [];
  private readonly byCandidate = new Map<Candidate, Assembled>();
  /** The ratios of prompts that were counted or refused, by the name of the candidate. */
  private readonly corrected = new Map<string, TokenRatio>();
  private readonly counted = new Map<Assembled, Counted>();
  private readonly refused = new Set<Candidate>();

  constructor(private readonly source: ContextSource) {}

  /** Throws `context_length_exceeded` where the conversation does not fit the candidate. */
  for(candidate: Candidate): Assembled {
    const known = this.byCandidate.get(candidate);
    if (known) return known;
    const assembled = this.within(this.budget(candidate));
    this.byCandidate.set(candidate, assembled);
    return assembled;
  }

  /** What of the session is in the candidate's prompt. */
  receipt(candidate: Candidate): ContextReceipt {
    const context = this.for(candidate);
    const counted = this.counted.get(context) ?? calibrated(context, this.ratio(candidate));
    return contextReceipt(context, this.budget(candidate), counted);
  }

  /**
   * Counts the prompts that are near the limit of their candidate, where its tokenizer is known, and assembles them
   * again where they are over it. Returns `undefined` where there are none, as for most turns.
   */
  countNear(candidates: readonly Candidate[]): Promise<void> | undefined {
    const near = candidates.filter((candidate) => this.isNear(candidate));
    return near.length > 0 ? this.count(near) : undefined;
  }

  /** The same wherever the prompt is. */
  async countAll(candidates: readonly Candidate[]): Promise<void> {
    await this.count(candidates.filter(encodingOf));
  }

  private isNear(candidate: Candidate): boolean {
    // Without a history, there is nothing to decide: the provider counts anyway.
    if (this.source.branch.length === 0 || !encodingOf(candidate)) return false;
    const context = this.fitting(candidate);
    if (context === undefined) return false;
    const { context: limit, answer } = this.budget(candidate);
    return context.tokens > NEAR * (limit - answer);
  }

  private async count(candidates: readonly Candidate[]): Promise<void> {
    for (const candidate of candidates) {
      const encoding = encodingOf(candidate)!;
      let before: Assembled | undefined;
      for (let context = this.fitting(candidate); context; context = this.fitting(candidate)) {
        const tokens = await this.source.tokens.counter.count(partsOf(this.source.intent, context), encoding);
        this.counted.set(context, { tokens, countedBy: encoding });
        const { context: limit, answer, ratio = 1 } = this.budget(candidate);
        if (tokens <= (limit - answer) * ratio || before?.tokens === context.tokens) break;
        before = context;
        this.correct(candidate, ratioOfCounted(tokens / context.tokens));
      }
    }
  }

  /**
   * The candidate's provider has refused its prompt for its length; `tokens` is what it has counted, where it says
   * so. Returns whether there is a shorter prompt, once.
   */
  shorten(candidate: Candidate, tokens?: number): boolean {
    const {
      tokens: { ratios },
      wish: { policy },
    } = this.source;
    const context = this.for(candidate);
    const { context: limit, ratio = 1 } = this.budget(candidate);
    const isText = !context.items.some(({ item }) => isGuessed(item));
    // Without a number, the refusal of a prompt that seemed too long anyway says nothing new.
    const isNews = tokens !== undefined || (candidate.contextLimit !== undefined && context.tokens <= limit);
    if (isText && isNews) ratios.refused(candidate, context.tokens, tokens);
    if (policy === 'full' || this.refused.has(candidate)) return false;
    this.refused.add(candidate);
    this.correct(candidate, ratioOfCounted(tokens === undefined ? ratio * REFUSED : tokens / context.tokens));
    return (this.fitting(candidate)?.tokens ?? Infinity) < context.tokens;
  }

  private correct(candidate: Candidate, ratio: TokenRatio): void {
    this.corrected.set(candidateName(candidate), ratio);
    this.byCandidate.delete(candidate);
  }

  private ratio(candidate: Candidate): TokenRatio {
    const corrected = this.corrected.size > 0 && this.corrected.get(candidateName(candidate));
    return corrected || this.source.tokens.ratios.of(candidate);
  }

  private within(budget: TokenBudget): Assembled {
    for (const { budget: other, assembled } of this.made) {
      if (givesSame(budget, other, assembled)) return assembled;
    }
    const assembled = this.assembled(budget);
    this.made.push({ budget, assembled });
    return assembled;
  }

  private assembled(budget: TokenBudget): Assembled {
    const { intent, branch, recalled, seals } = this.source;
    const { id, tenant, input, position } = intent;
    const open = (seal: string) => seals.open(seal, tenant);
    const { opening, parent, inputTokens } = position;
    const own = ownInstructions({ id, input, opening, parent });
    // A turn that is not kept has no counts.
    const parts = { branch, budget, recalled, opening, inputTokens: inputTokens || undefined };
    return assemble({ ...intent, ...parts, ownInstructions: own, open });
  }

  /** How long the candidate's provider should cache the prompt; `undefined` where it takes no marks. */
  cacheLife({ protocol }: Candidate): CacheLife | undefined {
    const { branch, intent } = this.source;
    return protocol === 'anthropic' ? cacheLifeOf(branch, intent.createdAt) : undefined;
  }

  /** A prompt that was sent; `undefined` where it was not assembled in this process. */
  sent(called: Pick<Candidate, 'provider' | 'model'>): Assembled | undefined {
    for (const [{ provider, model }, context] of this.byCandidate)
      if (provider === called.provider && model === called.model) return context;
    return undefined;
  }

  /** The tokens of the candidate's prompt as it counts them; `undefined` where the conversation does not fit it. */
  tokensFor(candidate: Candidate): number | undefined {
    const context = this.fitting(candidate);
    return context && (this.counted.get(context)?.tokens ?? this.asCounted(candidate, context.tokens));
  }

  /** Estimated tokens, as the candidate probably counts them. */
  asCounted(candidate: Pick<Candidate, 'provider' | 'model'>, estimated: number): number {
    return Math.round(estimated * this.source.tokens.ratios.of(candidate).typical);
  }

  /** What the candidate would be sent; `undefined` where the conversation does not fit it. */
  fitting(candidate: Candidate): Assembled | undefined {
    try {
      return this.byCandidate.get(candidate) ?? this.within(this.budget(candidate));
    } catch (failure) {
      if (isExceeded(failure)) return undefined;
      throw failure;
    }
  }

  /** Throws `context_length_exceeded` with the most room of all where the conversation fits none of them. */
  expectFit(candidates: readonly Candidate[]): void {
    let exceeded: { failure: unknown; limit: number } | undefined;
    for (const candidate of candidates) {
      try {
        this.for(candidate);
        return;
      } catch (failure) {
        if (!isExceeded(failure)) throw failure;
        const { contextLimit = 0 } = candidate;
        if (!exceeded || contextLimit > exceeded.limit) exceeded = { failure, limit: contextLimit };
      }
    }
    throw exceeded?.failure;
  }

  /** A candidate that was chosen after the branch was read gets no more history than was read. */
  private budget(candidate: Candidate): TokenBudget {
    const { intent, window, wish, isMeasured } = this.source;
    const policy = wish.policy === 'full' && isMeasured ? 'truncate' : wish.policy;
    const budget = budgetOf(candidate, intent, { ...wish, policy }, this.ratio(candidate));
    if (isMeasured) budget.leastAnswer = undefined;
    const wanted = historyWindow(budget);
    if (wanted > window) budget.context = Math.floor((budget.context * window) / wanted);
    return budget;
  }
}

/** Whether a budget gives the context that another one gave: it is equal, or the whole history fits both. */
function givesSame(budget: TokenBudget, other: TokenBudget, { tokens, droppedTokens }: Assembled): boolean {
  const { context, answer, compactionsOf, cachedPrice } = budget;
  if (compactionsOf !== other.compactionsOf) return false;
  if (context === other.context && answer === other.answer && cachedPrice === other.cachedPrice) return true;
  const isWorthwhile = budget.policy === 'full' || tokens <= worthwhileTokens(tokens, budget);
  return droppedTokens === 0 && tokens <= context - answer && isWorthwhile;
}

/** Whether a conversation does not fit a candidate. */
export const isExceeded = (failure: unknown): boolean =>
  failure instanceof Fault && failure.code === 'context_length_exceeded';

/** The tokens of a prompt as its model counts them, and how they are known. */
type Counted = Required<Pick<ContextReceipt, 'tokens' | 'countedBy'>>;

/** The tokens that a model probably counts, by those that it counted before. */
function calibrated({ tokens }: Assembled, { typical, safe }: TokenRatio): Counted {
  const isLearned = typical !== 1 || safe !== 1;
  return { tokens: Math.round(tokens * typical), countedBy: isLearned ? 'calibration' : 'estimate' };
}

/** The parts of a prompt that a tokenizer counts. */
const partsOf = (
  { instructions, settings: { tools } }: Pick<Ask, 'instructions' | 'settings'>,
  { items }: Assembled,
): CountedParts => ({ items: items.map(({ item }) => item), instructions, tools });

/** The ratio of one prompt that was counted: nothing more is allowed for. */
function ratioOfCounted(ratio: number): TokenRatio {
  const safe = inStep(ratio);
  return { typical: ratio, safe, margin: 1 };
}

/** A context as its receipt shows it, in tokens of the model. */
function contextReceipt(
  { tokens: estimated, keptTurns, droppedTokens, recalledTokens, pinned, retrieved }: Assembled,
  { policy, context, answer, ratio = 1 }: TokenBudget,
  { tokens, countedBy }: Counted,
): ContextReceipt {
  const scaled = (part: number) => (estimated > 0 ? Math.round((part * tokens) / estimated) : part);
  return {
    policy,
    limit: Math.round(context * ratio),
    reserved: Math.round(answer * ratio),
    tokens,
    estimated,
    countedBy,
    keptTurns,
    droppedTokens: scaled(droppedTokens),
    cut: droppedTokens,
    ...(recalledTokens > 0 && { recalledTokens: scaled(recalledTokens) }),
    ...(pinned.length > 0 && { pinned: pinned.map(({ item }) => item) }),
    ...(retrieved.length > 0 && {
      retrieved: retrieved.map(({ item, score }) => ({ id: item, score: Math.round(score * 1000) / 1000 })),
    }),
  };
}
