import type { Provider } from '../../src/claws/claw.ts';
import { TokenRatios } from '../../src/context/token-ratios.ts';
import { TokenCounter } from '../../src/context/tokenizer/token-counter.ts';
import type { ContextPolicy } from '../../src/core/context-policy.ts';
import type { Tenant } from '../../src/core/request.ts';
import type { BranchTurn, PlacedIntent } from '../../src/core/turn.ts';
import type { Usage } from '../../src/core/usage.ts';
import type { Resumed } from '../../src/session/resumed.ts';
import { Contexts, reachWith } from '../../src/turn/answer/contexts.ts';
import { promptFor } from '../../src/turn/answer/prompt.ts';
import { Pasts } from '../../src/turn/past/pasts.ts';
import { recall } from '../../src/turn/start/recall.ts';
import { costOf } from '../../src/usage/prices.ts';
import { blocksOf, type CacheUse } from '../../tests/simulators/provider/prompt-cache.ts';
import type { Conversation } from '../recall/conversation.ts';
import { branchOf } from '../recall/session.ts';
import type { PricedModel } from './models.ts';

/** The prompt of one turn: its tokens, and what it costs in US dollars, without the answer. */
export interface TurnCost {
  tokens: number;
  cost: number;
  /** Without a prompt cache. */
  uncached: number;
}

/** The turns of one conversation in their order. */
export type Costs = readonly TurnCost[];

/** How a conversation is replayed. */
export interface Replayed {
  policy: ContextPolicy;
  /** Between two turns of one day, in milliseconds. */
  pauseMs: number;
}

const TENANT = 'bench' as Tenant;
/**
 * Sends the conversation turn by turn, over the gateway's own assembly and the request of its claw. With the policy
 * `full`, every prompt has the whole history, as if the model had no limit.
 */
export async function replay(
  { passages }: Conversation,
  { candidate: own, protocol, cache: cacheOf }: PricedModel,
  { policy, pauseMs }: Replayed,
): Promise<Costs> {
  const branch = withPauses(branchOf(passages), pauseMs);
  const candidate = policy === 'full' ? { ...own, contextLimit: 1e9 } : own;
  const provider: Provider = { id: own.provider, baseUrl: '', quirks: {} };
  const clock = { ms: 0 };
  const cache = cacheOf(() => clock.ms);
  const readBranch = () => Promise.reject(new Error('The branch is given whole.'));
  const pasts = new Pasts({ readBranch }, { readVectors: async () => [] }, () => {});
  const costs: TurnCost[] = [];
  for (const [index, turn] of branch.entries()) {
    clock.ms = turn.turn.createdAt;
    const intent = intentOf(turn);
    const before = branch.slice(0, index);
    const reach = reachWith([candidate], intent, { policy }, TOKENS.ratios);
    const { input } = intent;
    const session = { kind: 'beside', id: intent.session, session: undefined, branch: before, input };
    const recalled = await recall(
      { tenant: TENANT, ask: intent, session: session as unknown as Resumed, ...reach },
      { pasts, embeddings: WITHOUT_EMBEDDINGS, clock: () => clock.ms },
    );
    const contexts = new Contexts({ intent, branch: before, ...reach, recalled, ...PARTS });
    const able = { ...protocol.capabilities, lackedTools: () => [], lackedSettings: () => [] };
    const prompt = promptFor(candidate, able, intent, contexts.for(candidate));
    // Other clients mark for five minutes.
    if (policy !== 'full') prompt.cacheLife = contexts.cacheLife(candidate);
    const blocks = blocksOf(protocol.request(prompt, provider).body);
    costs.push(priced(cache.call('key', candidate.model, blocks), own));
  }
  return costs;
}

/** The estimates are not corrected: nothing counts the tokens of a replay. */
const TOKENS = { ratios: new TokenRatios(), counter: new TokenCounter() };
const PARTS = { seals: { open: () => undefined }, tokens: TOKENS };
const WITHOUT_EMBEDDINGS = { query: async () => undefined, for: () => undefined };

function priced(use: CacheUse, { price }: PricedModel['candidate']): TurnCost {
  const { input, cached: cacheRead, wrote: cacheWrite, wroteHour: cacheWriteHour } = use;
  const plain = { input, output: 0, reasoning: 0, cacheRead: 0, cacheWrite: 0 };
  const dollars = (usage: Usage) => costOf(usage, price).amount / 1e9;
  return {
    tokens: input,
    cost: dollars({ ...plain, cacheRead, cacheWrite, cacheWriteHour }),
    uncached: dollars(plain),
  };
}

/** The turns of a day follow each other after a pause. Between two days, every cache forgets. */
function withPauses(branch: readonly BranchTurn[], pauseMs: number): BranchTurn[] {
  let last = 0;
  return branch.map((placed) => {
    last = Math.max(last + pauseMs, placed.turn.createdAt);
    return { ...placed, turn: { ...placed.turn, createdAt: last, completedAt: last } };
  });
}

function intentOf({ turn }: BranchTurn): PlacedIntent {
  const { id, input, inputNatives, parent, createdAt } = turn;
  return {
    ...{ kind: 'placed', id, tenant: TENANT, session: 'bench', createdAt },
    ...{ dialect: 'chat', vocabulary: 'openai-chat', model: '', input, inputNatives },
    instructions: INSTRUCTIONS,
    ...{ settings: {}, extra: {}, metadata: {}, delivery: 'whole', retention: 'session' },
    position: { parent },
  } as unknown as PlacedIntent;
}

const INSTRUCTIONS = 'You are a helpful assistant.';
