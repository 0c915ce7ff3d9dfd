import { cacheLifeOf, LONG_MS } from '../../core/cache-life.ts';
import type { Candidate } from '../../core/candidate.ts';
import { type Item, isFullHistory, messageText } from '../../core/items.ts';
import type { AnsweredBy } from '../../core/outcome.ts';
import type { ContextReceipt } from '../../core/receipt.ts';
import { namesSession, type PlacedIntent } from '../../core/turn.ts';
import { type Chosen, choose } from '../../routing/choose.ts';
import { type OrderFacts, order, type Route } from '../../routing/order.ts';
import type { Resumed } from '../../session/resumed.ts';
import { costOf } from '../../usage/prices.ts';
import type { Contexts } from '../answer/contexts.ts';
import type { TurnPath } from '../path.ts';

/** In what order the candidates of a turn are called. */

/** What a route depends on, beside the candidates. */
export interface RouteSource {
  intent: PlacedIntent;
  session: Pick<Resumed, 'branch'>;
  contexts: Contexts;
}

/** What routes are made with. */
type RoutePath = Pick<TurnPath, 'routing' | 'directory' | 'clock'>;

/** The route of a turn that has waited for a candidate. */
export function routeAgain(turn: RouteSource, path: TurnPath): Route {
  return routeOf(choose(turn.intent, turn.intent, path), turn, path);
}

/** Puts the candidates of a turn in order, now that its prompt is known. */
export function routeOf(chosen: Chosen, source: RouteSource, path: RoutePath): Route {
  const { intent } = source;
  const { routing, directory } = path;
  const warm = warmOf(source, path);
  const scene: OrderFacts = {
    healthOf: (candidate) => routing.healthOf(candidate),
    connectMs: (candidate) => routing.connectMs(candidate),
    region: routing.region,
    random: routing.random,
    turnOf: routing.turnOf,
    sticky: stickyOf(intent),
    wishes: intent.routing,
    keyLimits: intent.rules?.limits,
    isWarm: (candidate) => warm !== undefined && isCalled(candidate, warm),
    cost: (candidate) => expectedCost(candidate, source, warm, path),
    providerId: (name) => directory.service(name.toLowerCase())?.provider ?? name,
  };
  return order(chosen, scene);
}

/** Requests of one conversation go to the same candidates, as far as weights allow. */
function stickyOf({ state, session, settings, input }: PlacedIntent): string | undefined {
  if (namesSession(state) || state.kind === 'response') return session;
  return settings.prompt_cache_key ?? (isFullHistory(input) ? firstWords(input) : undefined);
}

/** The beginning of a conversation that its client keeps. */
function firstWords(input: readonly Item[]): string | undefined {
  const first = input.find((item) => item.type === 'message' && item.role === 'user');
  return first?.type === 'message' ? messageText(first).slice(0, 256) : undefined;
}

/** The candidate that answered the turn before, while its provider's cache probably holds the prompt. */
function warmOf(
  { intent, session }: RouteSource,
  { directory, clock }: Pick<TurnPath, 'directory' | 'clock'>,
): AnsweredBy | undefined {
  const last = session.branch.at(-1)?.turn;
  const by = last?.answeredBy;
  if (!last || !by) return undefined;
  const { cacheMs = 0 } = directory.service(by.provider) ?? {};
  const life = isLong(by, intent, session) ? Math.max(cacheMs, LONG_MS) : cacheMs;
  return clock() - last.completedAt < life ? by : undefined;
}

/** Whether the prompt before is kept for an hour: its marks said so. Only Anthropic reads them. */
function isLong(
  { protocol }: AnsweredBy,
  { marks }: PlacedIntent,
  { branch }: RouteSource['session'],
): boolean {
  if (protocol !== 'anthropic') return false;
  if (marks) return marks.some(({ ttl }) => ttl === '1h');
  return cacheLifeOf(branch.slice(0, -1), branch.at(-1)!.turn.createdAt) === 'long';
}

/** Estimated tokens of the candidate's prompt that its provider's cache probably holds. */
export function expectedCacheReadOf(
  candidate: Candidate,
  source: RouteSource,
  path: Pick<TurnPath, 'directory' | 'clock'>,
): number {
  return cacheReadOf(candidate, source, warmOf(source, path));
}

/**
 * What the turn before had as its prompt is read from the cache of the candidate that answered it, except for its
 * excerpts and what followed them. After a cut, the prompt begins otherwise.
 */
function cacheReadOf(
  candidate: Candidate,
  { session, contexts }: RouteSource,
  warm: AnsweredBy | undefined,
): number {
  if (warm === undefined || !isCalled(candidate, warm)) return 0;
  const { turn, tokens, totalTokens } = session.branch.at(-1)!;
  const context = contexts.fitting(candidate);
  const before = turn.kind === 'ask' ? turn.receipt?.context : undefined;
  if (!context || (before && cutOf(before) !== context.droppedTokens)) return 0;
  const unread = before?.retrieved?.length ? tokens : 0;
  const read = Math.max(0, Math.min(context.repeatedTokens, totalTokens) - unread);
  return contexts.asCounted(candidate, read);
}

const cutOf = ({ cut, droppedTokens }: ContextReceipt): number => cut ?? droppedTokens;

const isCalled = (candidate: Candidate, by: AnsweredBy): boolean =>
  candidate.provider === by.provider &&
  candidate.model === (by.calledModel ?? by.model) &&
  candidate.instance === by.instance;

/** Tokens of an answer of which nothing is known. */
const ASSUMED_ANSWER = 500;

/** The expected cost of the answer at a candidate, with the prices of its prompt cache. */
function expectedCost(
  candidate: Candidate,
  source: RouteSource,
  warm: AnsweredBy | undefined,
  { routing }: Pick<TurnPath, 'routing'>,
): number | undefined {
  const { price } = candidate;
  const { intent, contexts } = source;
  if (!price) return undefined;
  const input = contexts.tokensFor(candidate);
  if (input === undefined) return undefined;
  const cacheRead = cacheReadOf(candidate, source, warm);
  // The gateway marks every prompt for Anthropic's cache.
  const cacheWrite = candidate.protocol === 'anthropic' ? input - cacheRead : 0;
  const most = intent.settings.max_output_tokens ?? Infinity;
  const output = Math.min(most, routing.healthOf(candidate).answerTokens ?? ASSUMED_ANSWER);
  const usage = { input, output, cacheRead, cacheWrite, reasoning: 0 };
  return costOf(usage, price, intent.settings.service_tier).amount;
}
