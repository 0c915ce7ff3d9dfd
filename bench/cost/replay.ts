import type { Provider } from '../../src/claws/claw.ts';
import type { ContextPolicy } from '../../src/core/context-policy.ts';
import type { Tenant } from '../../src/core/request.ts';
import type { BranchTurn, PlacedIntent } from '../../src/core/turn.ts';
import type { Resumed } from '../../src/session/resumed.ts';
import { Contexts, promptFor, reachWith } from '../../src/turn/answer/prompt.ts';
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

const TENANT = 'bench' as Tenant;
/** Between two turns of one day, in milliseconds. Between two days, every cache forgets. */
const PAUSE = 60_000;

/**
 * Sends the conversation turn by turn, over the gateway's own assembly and the request of its claw. With the policy
 * `full`, every prompt has the whole history, as if the model had no limit.
 */
export async function replay(
  conversation: Conversation,
  { candidate: own, protocol, cache: cacheOf }: PricedModel,
  policy: ContextPolicy,
): Promise<Costs> {
  const branch = branchOf(conversation.passages);
  const times = timesOf(branch);
  const candidate = policy === 'full' ? { ...own, contextLimit: 1e9 } : own;
  const provider: Provider = { id: own.provider, baseUrl: '', quirks: {} };
  const clock = { ms: 0 };
  const cache = cacheOf(() => clock.ms);
  const pasts = new Pasts({ readBranch: () => Promise.reject(new Error('The branch is given whole.')) });
  const costs: TurnCost[] = [];
  for (const [index, turn] of branch.entries()) {
    clock.ms = times[index]!;
    const intent = intentOf(turn, clock.ms);
    const before = branch.slice(0, index);
    const reach = reachWith([candidate], intent, { policy });
    const { input } = intent;
    const session = { kind: 'beside', id: intent.session, session: undefined, branch: before, input };
    const recalled = await recall(
      { tenant: TENANT, ask: intent, session: session as unknown as Resumed, ...reach },
      { pasts, clock: () => clock.ms },
    );
    const contexts = new Contexts({ intent, branch: before, ...reach, recalled, seals: NO_SEALS });
    const able = { ...protocol.capabilities, lackedTools: () => [], lackedSettings: () => [] };
    const prompt = promptFor(candidate, able, intent, contexts.for(candidate));
    const blocks = blocksOf(protocol.request(prompt, provider).body);
    costs.push(priced(cache.call('key', candidate.model, blocks), own));
  }
  return costs;
}

const NO_SEALS = { open: () => undefined };

function priced({ input, cached, wrote }: CacheUse, { price }: PricedModel['candidate']): TurnCost {
  const usage = { input, output: 0, reasoning: 0 };
  const dollars = (cacheRead: number, cacheWrite: number) =>
    costOf({ ...usage, cacheRead, cacheWrite }, price).amount / 1e9;
  return { tokens: input, cost: dollars(cached, wrote), uncached: dollars(0, 0) };
}

function timesOf(branch: readonly BranchTurn[]): number[] {
  let last = 0;
  return branch.map(({ turn }) => {
    last = Math.max(last + PAUSE, turn.createdAt);
    return last;
  });
}

function intentOf({ turn }: BranchTurn, createdAt: number): PlacedIntent {
  const { id, input, inputNatives, parent } = turn;
  return {
    ...{ kind: 'placed', id, tenant: TENANT, session: 'bench', createdAt },
    ...{ dialect: 'chat', vocabulary: 'openai-chat', model: '', input, inputNatives },
    instructions: INSTRUCTIONS,
    ...{ settings: {}, extra: {}, metadata: {}, delivery: 'whole', retention: 'session' },
    position: { parent },
  } as unknown as PlacedIntent;
}

const INSTRUCTIONS = 'You are a helpful assistant.';
