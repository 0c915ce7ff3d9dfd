import type { ContextPolicy } from '../../src/core/context-policy.ts';
import type { Conversation } from '../recall/conversation.ts';
import type { PricedModel } from './models.ts';
import { type Costs, type Replayed, replay } from './replay.ts';

/** Tokens of the full prompt up to which each row of the curve reaches. */
export const LENGTHS = [
  ...[
    1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 64_000, 100_000, 128_000, 160_000, 200_000, 256_000, 350_000,
  ],
  500_000,
];

const POLICIES = ['auto', 'truncate', 'retrieve'] as const satisfies readonly ContextPolicy[];

/** The mean of the turns of some length: tokens of a prompt, and US dollars for it, without the answer. */
export interface CurveRow {
  data: string;
  model: string;
  policy: ContextPolicy;
  /** Tokens of the full prompts: more than the row before, and at most so many. */
  upTo: number;
  turns: number;
  tokens: number;
  cost: number;
  /** With the whole history in each prompt, as if the model had no limit. */
  full: { tokens: number; cached: number; uncached: number };
  /** The cost of all turns up to here, relative to the cheaper of the two full ones. */
  sinceStart: number;
}

/** Replays all conversations of a data set for one model. */
export async function curveOf(
  data: string,
  conversations: readonly Conversation[],
  model: PricedModel,
  pauseMs: number,
): Promise<CurveRow[]> {
  const full = await replayed(conversations, model, { policy: 'full', pauseMs });
  const rows: CurveRow[] = [];
  for (const policy of POLICIES) {
    const own = await replayed(conversations, model, { policy, pauseMs });
    rows.push(...rowsOf(full, own).map((row) => ({ data, model: model.name, policy, ...row })));
  }
  return rows;
}

async function replayed(
  conversations: readonly Conversation[],
  model: PricedModel,
  how: Replayed,
): Promise<Costs[]> {
  const costs: Costs[] = [];
  for (const conversation of conversations) costs.push(await replay(conversation, model, how));
  return costs;
}

function rowsOf(full: readonly Costs[], own: readonly Costs[]) {
  const turns = full.flatMap((costs, index) =>
    costs.map((whole, turn) => ({ whole, sent: own[index]![turn]! })),
  );
  let from = 0;
  return LENGTHS.flatMap((upTo) => {
    const inside = turns.filter(({ whole }) => whole.tokens > from && whole.tokens <= upTo);
    from = upTo;
    if (inside.length === 0) return [];
    const all = turns.filter(({ whole }) => whole.tokens <= upTo);
    const mean = (measured: (turn: (typeof turns)[number]) => number, of = inside) =>
      of.reduce((sum, turn) => sum + measured(turn), 0) / of.length;
    const cheaper = Math.min(
      mean(({ whole }) => whole.cost, all),
      mean(({ whole }) => whole.uncached, all),
    );
    return {
      ...{ upTo, turns: inside.length },
      tokens: mean(({ sent }) => sent.tokens),
      cost: mean(({ sent }) => sent.cost),
      full: {
        tokens: mean(({ whole }) => whole.tokens),
        cached: mean(({ whole }) => whole.cost),
        uncached: mean(({ whole }) => whole.uncached),
      },
      sinceStart: mean(({ sent }) => sent.cost, all) / cheaper,
    };
  });
}
