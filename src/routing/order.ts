import { type Candidate, candidateName } from '../core/candidate.ts';
import type {
  Alias,
  ProviderWishes,
  RouteReason,
  RoutingWishes,
  Strategy,
  TurnLimits,
} from '../core/routing.ts';
import type { Chosen } from './choose.ts';
import type { Group, GroupMember } from './resolve.ts';
import { type Facts, rank } from './strategies.ts';

/** The candidates of a turn, in the order in which they are called, and how they are called. */
export interface Route {
  /** Never empty. */
  candidates: readonly Candidate[];
  /** Called where the conversation does not fit a candidate. */
  tooLong: readonly Candidate[];
  /** Called where a candidate refuses the content. */
  refused: readonly Candidate[];
  /** Called where all others failed; its answer is marked as degraded. */
  lastResort?: Candidate;
  hedge?: Alias['hedge'];
  patienceMs?: number;
  limits: readonly TurnLimits[];
  attempts?: number;
  faults?: RoutingWishes['faults'];
  /** The alias that was asked for, the strategy of its group, and the reason for the first candidate. */
  alias?: string;
  strategy: Strategy;
  reason: RouteReason;
}

/** What the order of a turn depends on, beside its candidates. */
export interface OrderFacts extends Facts {
  wishes?: RoutingWishes;
  /** The limits of the caller's key. */
  keyLimits?: TurnLimits;
  /** The candidate that probably has the conversation in its prompt cache. */
  isWarm(candidate: Candidate): boolean;
  /** The id of a provider that the caller names by one of its other names. */
  providerId(name: string): string;
}

/**
 * Puts the candidates of a turn in order. The caller's `provider` object comes before affinity, and affinity
 * before the strategy; the cost of leaving a warm cache is part of `least_cost`. Candidates that are held back
 * now are called last.
 */
export function order(chosen: Chosen, facts: OrderFacts): Route {
  const { alias, lastResort } = chosen;
  const [first, ...others] = chosen.groups as [Group, ...Group[]];
  const { wishes } = facts;
  const asked = wishes?.provider;
  const strategy = (asked?.sort && SORTS[asked.sort]) ?? first.strategy;
  const main = rank({ ...first, strategy }, facts);
  const warm = takeWarm(main, strategy, facts);
  const members = others.length === 0 ? main : [...main, ...others.flatMap((group) => rank(group, facts))];
  const wished = byWish(members, asked, facts);
  const all = wished ?? members.map(({ candidate }) => candidate);
  const hasFallbacks = asked?.allow_fallbacks !== false;
  const isAlone = first.members.length === 1 || (strategy === 'ordered' && !alias);
  return {
    candidates: availableFirst(hasFallbacks ? all : onlyFirst(all, asked, facts), facts),
    tooLong: hasFallbacks ? candidatesOf(chosen.tooLong, facts) : [],
    refused: hasFallbacks ? candidatesOf(chosen.refused, facts) : [],
    lastResort: hasFallbacks ? lastResort : undefined,
    hedge: alias?.hedge,
    patienceMs: alias?.patienceMs,
    limits: [alias?.limits, facts.keyLimits, wishes?.limits].filter((limits) => limits !== undefined),
    attempts: wishes?.attempts,
    faults: wishes?.faults,
    alias: alias && chosen.name,
    strategy,
    reason: wished ? 'wish' : warm ? 'affinity' : isAlone ? 'asked' : 'strategy',
  };
}

const SORTS = { price: 'least_cost', latency: 'lowest_latency', throughput: 'highest_throughput' } as const;

const candidatesOf = (groups: readonly Group[], facts: OrderFacts): Candidate[] =>
  groups.length === 0
    ? []
    : availableFirst(
        groups.flatMap((group) => rank(group, facts).map(({ candidate }) => candidate)),
        facts,
      );

/**
 * Moves the member with the warm cache to the front, if it can be called now. Where the order is by cost, its cache
 * is a part of the cost already, and it comes first only among equals. A `sort` of the caller comes before affinity.
 */
function takeWarm(members: GroupMember[], strategy: Strategy, facts: OrderFacts): boolean {
  const isByCost = strategy === 'least_cost';
  if (members.length === 1 || (facts.wishes?.provider?.sort && !isByCost)) return false;
  const index = members.findIndex(({ candidate }) => facts.isWarm(candidate));
  if (index === -1 || !facts.healthOf(members[index]!.candidate).isAvailable) return false;
  const costOf = ({ candidate }: GroupMember) => facts.cost(candidate) ?? Infinity;
  if (isByCost && (index === 0 || costOf(members[index]!) > costOf(members[0]!))) return false;
  members.unshift(...members.splice(index, 1));
  return true;
}

/** The providers of `order` first, in its order; `undefined` where it names none of the candidates. */
function byWish(
  members: readonly GroupMember[],
  wishes: ProviderWishes | undefined,
  { providerId }: OrderFacts,
): Candidate[] | undefined {
  if (!wishes?.order) return undefined;
  const places = wishes.order.map(providerId);
  const placeOf = ({ provider }: Candidate) =>
    places.includes(provider) ? places.indexOf(provider) : Infinity;
  const candidates = members.map(({ candidate }) => candidate);
  if (candidates.every((candidate) => placeOf(candidate) === Infinity)) return undefined;
  return candidates.sort((a, b) => (placeOf(a) === placeOf(b) ? 0 : placeOf(a) - placeOf(b)));
}

/** The instances of the first candidate alone; with `order`, the candidates of the providers that it names. */
function onlyFirst(
  candidates: readonly Candidate[],
  { order: wished }: ProviderWishes,
  { providerId }: OrderFacts,
): Candidate[] {
  const named = wished?.map(providerId);
  const inOrder = candidates.filter(({ provider }) => named?.includes(provider));
  if (inOrder.length > 0) return inOrder;
  const name = candidateName(candidates[0]!);
  return candidates.filter((candidate) => candidateName(candidate) === name);
}

function availableFirst(candidates: Candidate[], { healthOf }: OrderFacts): Candidate[] {
  if (candidates.length === 1) return candidates;
  const isAvailable = (candidate: Candidate) => healthOf(candidate).isAvailable;
  if (candidates.every(isAvailable)) return candidates;
  const available = candidates.filter(isAvailable);
  return [...available, ...candidates.filter((candidate) => !available.includes(candidate))];
}
