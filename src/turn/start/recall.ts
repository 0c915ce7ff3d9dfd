import type { Recalled, RetrievedExcerpt } from '../../context/recalled.ts';
import type { Hit, Query } from '../../context/retrieval/passage.ts';
import { passagesOf } from '../../context/retrieval/turn-passages.ts';
import { historyRoom, ownTokens, type TokenBudget } from '../../context/token-budget.ts';
import { itemId } from '../../core/ids.ts';
import { type Item, messageText } from '../../core/items.ts';
import type { Tenant } from '../../core/request.ts';
import type { KeyRules } from '../../core/routing.ts';
import { type Ask, isKept } from '../../core/turn.ts';
import type { Resumed } from '../../session/resumed.ts';
import { sureRoom } from '../answer/contexts.ts';
import type { Past } from '../past/past.ts';
import type { RecallEmbeddings } from '../past/recall-model.ts';
import type { TurnPath } from '../path.ts';

/** More excerpts than a prompt has room for. */
const MOST_HITS = 300;
/** Turns before this one that tell what it is about. */
const EARLIER_TURNS = 2;

/** A turn that may need its past. */
export interface Recalling {
  tenant: Tenant;
  /** Of the caller's key. */
  rules?: KeyRules;
  ask: Pick<Ask, 'input' | 'instructions' | 'settings'>;
  session: Resumed;
  /** Of all candidates. All have the same policy. */
  budgets: readonly TokenBudget[];
}

/**
 * What of its past a turn may have in its prompt, beside the latest turns. `undefined` where the policy asks for
 * nothing, and where every candidate gets the whole conversation. Rejects with `context_lost` where a turn of the
 * branch is missing.
 */
export async function recall(
  recalling: Recalling,
  {
    pasts,
    clock,
    embeddings,
  }: Pick<TurnPath, 'pasts' | 'clock'> & {
    embeddings: Pick<RecallEmbeddings, 'query' | 'for'>;
  },
): Promise<Recalled | undefined> {
  const { tenant, rules, session, budgets } = recalling;
  const policy = budgets[0]?.policy;
  const { branch, id } = session;
  const tip = branch.at(-1)?.turn;
  if (!tip || policy === 'full' || policy === 'truncate' || isWithinRoom(recalling)) return undefined;
  // What only a connection holds is not kept anywhere else.
  if (tip.kind === 'ask' && !isKept(tip.retention)) return undefined;
  const wanted = { tenant, session: id, tip: tip.id, branch, edits: session.session?.edits ?? 0 };
  const texts = textsOf(session);
  // While the past is brought up to date.
  const vector = embeddings.query(queryOf(texts), { tenant, rules });
  return pasts.use(
    wanted,
    async (past) => recalledOf(past, { texts, at: clock(), vector: await vector }),
    embeddings.for({ tenant, rules })?.key,
  );
}

function isWithinRoom({ ask, session, budgets }: Recalling): boolean {
  const history = session.branch.at(-1)!.totalTokens;
  const own = ownTokens(ask);
  return budgets.every(
    (budget) => history + own <= sureRoom(budget) && history <= historyRoom(history, own, budget).room,
  );
}

/** A text with fewer words needs the one before it to say what it is about. */
const ENOUGH_WORDS = 4;

/** The text whose vector is looked for: the newest one, with the end of the one before it where it is short. */
function queryOf(texts: readonly string[]): string {
  const newest = texts.at(-1) ?? '';
  const before = texts.at(-2) ?? '';
  const isEnough = newest.length > MOST_BEFORE || newest.trim().split(/\s+/).length >= ENOUGH_WORDS;
  return isEnough ? newest : `${before.slice(-MOST_BEFORE)}\n${newest}`;
}

/** Characters. */
const MOST_BEFORE = 200;

function recalledOf(past: Past, query: Query): Recalled {
  const { pins } = past;
  const saidAt = new Map(pins.map((pin) => [pin.source.turn, past.saidAt(pin)]));
  return {
    pins,
    saidAt,
    query: query.texts.join('\n'),
    hits: past.index.search(query, MOST_HITS).map((hit) => excerptOf(hit, past)),
  };
}

function excerptOf({ passage, score }: Hit, past: Past): RetrievedExcerpt {
  const { turn, speaker, role, text, at } = passage;
  const item = itemId(role === 'tool' ? 'function_call_output' : 'message', passage);
  return { turn, item, speaker: speaker ?? role, text, tokens: past.tokensOf(passage), at, score };
}

/** What the turn is about: what the latest turns said, and the new input, newest last. */
function textsOf({ branch, input }: Resumed): string[] {
  const earlier = branch.slice(-EARLIER_TURNS).map((turn) => {
    const said = passagesOf(turn).filter(({ role }) => role !== 'tool');
    return said.map(({ text }) => text).join('\n');
  });
  return [...earlier, input.map(textOf).join('\n')];
}

function textOf(item: Item): string {
  return item.type === 'message' && item.role === 'user' ? messageText(item) : '';
}
