import type { Capabilities } from '../../claws/claw.ts';
import { type Assembled, assemble, type Budget, historyWindow } from '../../context/assemble.ts';
import { cachedPriceOf, worthwhileTokens } from '../../context/economy.ts';
import type { Recalled } from '../../context/recalled.ts';
import { estimateTokens } from '../../context/tokens.ts';
import { type CacheLife, cacheLifeOf } from '../../core/cache-life.ts';
import type { Candidate } from '../../core/candidate.ts';
import type { ContextWish } from '../../core/context-policy.ts';
import { Fault } from '../../core/errors.ts';
import { parseItemId } from '../../core/ids.ts';
import type { Item, Part } from '../../core/items.ts';
import { ownInstructions } from '../../core/opening.ts';
import type { Prompt, PromptItem } from '../../core/prompt.ts';
import type { ContextReceipt } from '../../core/receipt.ts';
import { type Ask, type BranchTurn, isBackground, isStreamed, type PlacedIntent } from '../../core/turn.ts';
import { isReadable } from '../../routing/filters.ts';
import type { Seals } from '../../security/seals.ts';
import { withOwnCallIds } from './call-ids.ts';

/** Tokens, where the catalogue does not know the model. */
const ASSUMED_CONTEXT = 128_000;
const ASSUMED_ANSWER = 4_096;

/** The properties of a candidate that limit a prompt. The provider is absent if no model is asked. */
export type Limits = Pick<Candidate, 'contextLimit' | 'outputLimit' | 'protocol' | 'price'> &
  Partial<Pick<Candidate, 'provider'>>;

/** How much of the candidate's context the turn may use. */
export function budgetOf(
  { contextLimit, outputLimit, provider, protocol, price }: Limits,
  ask: Pick<Ask, 'settings'>,
  { policy, historyTokens }: ContextWish,
): Budget {
  const context = contextLimit ?? ASSUMED_CONTEXT;
  const answer = ask.settings.max_output_tokens ?? Math.min(outputLimit ?? ASSUMED_ANSWER, ASSUMED_ANSWER);
  // Anthropic has such items too, but its API itself leaves out the items before them.
  const compactionsOf = protocol === 'openai-responses' ? provider : undefined;
  // Agents build on every call and output before: what they have is not left out for its price.
  const isAgent = (ask.settings.tools?.length ?? 0) > 0;
  const economy = { cachedPrice: isAgent ? undefined : cachedPriceOf(price), historyTokens };
  return { context, answer: Math.min(answer, context / 2), policy, compactionsOf, ...economy };
}

/** How much of its history a turn reads, and what happens to a history that does not fit. */
export interface Reach {
  wish: ContextWish;
  /** Tokens of history that the candidate with the largest context can use: a branch is read once for all. */
  window: number;
  /** Of all candidates. */
  budgets: readonly Budget[];
}

export function reachWith(candidates: readonly Candidate[], ask: Ask, wish: ContextWish): Reach {
  const budgets = candidates.map((candidate) => budgetOf(candidate, ask, wish));
  return { wish, window: Math.max(...budgets.map(historyWindow)), budgets };
}

/** What the contexts of a turn are assembled from. */
export interface ContextSource {
  intent: PlacedIntent;
  branch: readonly BranchTurn[];
  /** How many tokens back `branch` was read. */
  window: number;
  wish: ContextWish;
  recalled?: Recalled;
  seals: Pick<Seals, 'open'>;
}

/**
 * The context of a turn for each of its candidates, which have different limits. A context is assembled when a
 * candidate is about to be called, once for each budget.
 */
export class Contexts {
  private readonly made: { budget: Budget; assembled: Assembled }[] = [];
  private readonly byCandidate = new Map<Candidate, Assembled>();

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
    return contextReceipt(this.for(candidate), this.budget(candidate));
  }

  private within(budget: Budget): Assembled {
    for (const { budget: other, assembled } of this.made) {
      if (givesSame(budget, other, assembled)) return assembled;
    }
    const assembled = this.assembled(budget);
    this.made.push({ budget, assembled });
    return assembled;
  }

  private assembled(budget: Budget): Assembled {
    const { intent, branch, recalled, seals } = this.source;
    const { id, tenant, input, position } = intent;
    const open = (seal: string) => seals.open(seal, tenant);
    const { opening, parent } = position;
    const own = ownInstructions({ id, input, opening, parent });
    return assemble({ ...intent, branch, budget, recalled, opening, ownInstructions: own, open });
  }

  /** How long the candidate's provider should cache the prompt; `undefined` where it takes no marks. */
  cacheLife({ protocol }: Candidate): CacheLife | undefined {
    const { branch, intent } = this.source;
    return protocol === 'anthropic' ? cacheLifeOf(branch, intent.createdAt) : undefined;
  }

  /** The tokens of a prompt that was sent; `undefined` where it was not assembled in this process. */
  knownTokens(called: Pick<Candidate, 'provider' | 'model'>): number | undefined {
    for (const [{ provider, model }, { tokens }] of this.byCandidate)
      if (provider === called.provider && model === called.model) return tokens;
    return undefined;
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

  /** Throws the last candidate's `context_length_exceeded` where the conversation fits none of them. */
  expectFit(candidates: readonly Candidate[]): void {
    let exceeded: unknown;
    for (const candidate of candidates) {
      try {
        this.for(candidate);
        return;
      } catch (failure) {
        if (!isExceeded(failure)) throw failure;
        exceeded = failure;
      }
    }
    throw exceeded;
  }

  /** A candidate that was chosen after the branch was read gets no more history than was read. */
  private budget(candidate: Candidate): Budget {
    const { intent, window, wish } = this.source;
    const budget = budgetOf(candidate, intent, wish);
    const wanted = historyWindow(budget);
    if (wanted > window) budget.context = Math.floor((budget.context * window) / wanted);
    return budget;
  }
}

export function contextReceipt(
  { tokens, keptTurns, droppedTokens, recalledTokens, pinned, retrieved }: Assembled,
  { policy, context: limit, answer: reserved }: Budget,
): ContextReceipt {
  return {
    ...{ policy, limit, reserved, tokens, keptTurns, droppedTokens },
    ...(recalledTokens > 0 && { recalledTokens }),
    ...(pinned.length > 0 && { pinned: pinned.map(({ item }) => item) }),
    ...(retrieved.length > 0 && {
      retrieved: retrieved.map(({ item, score }) => ({ id: item, score: Math.round(score * 1000) / 1000 })),
    }),
  };
}

/** Whether a budget gives the context that another one gave: it is equal, or the whole history fits both. */
function givesSame(budget: Budget, other: Budget, { tokens, droppedTokens }: Assembled): boolean {
  const { context, answer, compactionsOf, cachedPrice } = budget;
  if (compactionsOf !== other.compactionsOf) return false;
  if (context === other.context && answer === other.answer && cachedPrice === other.cachedPrice) return true;
  const isWorthwhile = budget.policy === 'full' || tokens <= worthwhileTokens(tokens, budget);
  return droppedTokens === 0 && tokens <= context - answer && isWorthwhile;
}

export const isExceeded = (failure: unknown): boolean =>
  failure instanceof Fault && failure.code === 'context_length_exceeded';

/** OpenAI's Responses API refuses a limit below this. */
const LEAST_LIMIT = 16;

/** The prompt for a candidate: the context of a turn in the form that this candidate can read. */
export function promptFor(
  candidate: Candidate,
  able: Capabilities,
  ask: Ask,
  context: Assembled,
  said = '',
): Prompt {
  const items = (context.items.some(isRenamed) ? withOwnCallIds(context.items, candidate) : context.items)
    .filter((entry) => !isUnreadableReasoning(candidate, entry))
    .map((entry) => seenBy(candidate, readable(candidate, able, entry), ask));
  const prompt: Prompt = {
    model: candidate.model,
    instructions: ask.instructions,
    items,
    settings: ask.settings,
    marks: ask.marks,
    outputLimit: candidate.outputLimit,
    // A background answer is streamed too: every delta that has come is journaled and survives a crash.
    stream: isStreamed(ask.delivery) || isBackground(ask.delivery),
    dialect: ask.vocabulary,
    extra: extraFor(candidate, ask),
  };
  return said === '' ? prompt : continuing(prompt, said);
}

/** OpenRouter routes among its own providers; it reads `provider` itself. */
function extraFor({ provider }: Candidate, { extra, verbatim, routing }: Ask): Ask['extra'] {
  const wishes = provider === 'openrouter' ? routing?.provider : undefined;
  const all = verbatim ? { ...extra, ...verbatim } : extra;
  return wishes ? { ...all, provider: wishes } : all;
}

/** Whether the provider of a call has another id for it than the session. */
const isRenamed = ({ callId }: PromptItem): boolean => callId !== undefined;

/** Asks for the rest of an answer, within what is left of its tokens. */
function continuing(prompt: Prompt, said: string): Prompt {
  const content = [{ type: 'output_text' as const, text: said, annotations: [] }];
  const item: Item = { type: 'message', role: 'assistant', status: 'incomplete', content };
  const { max_output_tokens: most, ...settings } = prompt.settings;
  const left = most && Math.min(most, Math.max(LEAST_LIMIT, most - estimateTokens(said)));
  return {
    ...prompt,
    items: [...prompt.items, { item }],
    settings: most === undefined ? settings : { ...settings, max_output_tokens: left },
    continues: true,
  };
}

/** A provider accepts its reasoning only in the protocol in which it sent it: it is more than text. */
const isUnreadableReasoning = (candidate: Candidate, { item, origin, protocol }: PromptItem): boolean =>
  item.type === 'reasoning' && origin === candidate.provider && protocol !== candidate.protocol;

/**
 * An item as this candidate may see it. A native in another protocol's form is left out, even for the same
 * provider. Encrypted reasoning that the caller sends back in the provider's own vocabulary counts as
 * the provider's, under the id that the provider gave it; reasoning that is not encrypted stays the caller's.
 */
function seenBy(candidate: Candidate, entry: PromptItem, ask: Ask): PromptItem {
  const { item, origin, native, protocol } = entry;
  if (origin === undefined) {
    const isOwn = item.type === 'reasoning' && candidate.protocol === ask.vocabulary;
    if (!isOwn || !item.encrypted_content) return entry;
    const { id } = item;
    return { ...entry, origin: candidate.provider, native: id && !parseItemId(id) ? { id } : undefined };
  }
  return native !== undefined && protocol !== candidate.protocol ? { ...entry, native: undefined } : entry;
}

/**
 * The ids of the caller's reasoning that this candidate does not get: it cannot be opened, it is of another
 * provider, or the caller sent only its text.
 */
export function leftOutReasoning(
  candidate: Candidate,
  { input, vocabulary }: Ask,
  { items }: Assembled,
): string[] {
  if (!input.some(({ type }) => type === 'reasoning')) return [];
  return items.flatMap(({ item, origin, protocol, native, answeredBy }) => {
    if (item.type !== 'reasoning' || answeredBy !== undefined) return [];
    const isGiven =
      origin === undefined
        ? (Boolean(item.encrypted_content) || native !== undefined) && candidate.protocol === vocabulary
        : origin === candidate.provider && protocol === candidate.protocol;
    return isGiven ? [] : [item.id ?? item.type];
  });
}

/**
 * History as this candidate can read it. A file that the candidate cannot be given (an id of another provider,
 * a URL where only content is accepted, an image for a model that reads none) becomes a line of text that says so, because refusing it would end the
 * session. In new input the claw refuses it.
 */
function readable(candidate: Candidate, able: Capabilities, entry: PromptItem): PromptItem {
  const { item, answeredBy } = entry;
  if (answeredBy === undefined || item.type !== 'message' || item.role === 'assistant') return entry;
  const foreign = answeredBy !== candidate.provider;
  const { inputs } = candidate;
  const lost = (part: Part) => isLost(part, foreign, able) || (inputs && !isReadable(part, inputs));
  if (!item.content.some(lost)) return entry;
  return {
    ...entry,
    item: { ...item, content: item.content.map((part) => (lost(part) ? standIn(part) : part)) },
  };
}

function isLost(part: Part, foreign: boolean, able: Capabilities): boolean {
  if (part.type === 'input_image') return !part.image_url && (foreign || !able.fileUrls);
  if (part.type !== 'input_file' || part.file_data) return false;
  return part.file_url ? !able.fileUrls : foreign;
}

const NAMES = { input_image: 'an image', input_audio: 'a recording' };

function standIn(part: Part): Part {
  const { filename, file_url } = part as { filename?: string | null; file_url?: string | null };
  const name = filename ?? file_url ?? NAMES[part.type as keyof typeof NAMES] ?? 'a file';
  return { type: 'input_text', text: `[Attached earlier, not readable by this model: ${name}]` };
}
