import { type Candidate, candidateKey, candidateName } from '../core/candidate.ts';
import type { Strategy } from '../core/routing.ts';
import type { Group, Member } from './resolve.ts';

/** What strategies know about a candidate. Absent numbers are not known yet. */
export interface Standing {
  /** A call would be made now: the candidate is not held back. */
  isAvailable: boolean;
  /** Calls that run. */
  inFlight: number;
  /** Moving averages: milliseconds to the first token, tokens per second, tokens of an answer. */
  firstTokenMs?: number;
  tokensPerSecond?: number;
  answerTokens?: number;
  /** 95 % of the recent calls were faster to their first token. */
  firstTokenP95Ms?: number;
}

/** What strategies decide by. Everything is computed only where a strategy asks for it. */
export interface Facts {
  standing(candidate: Candidate): Standing;
  /** The expected cost of the answer, in US dollars; `undefined` without a known price. */
  cost(candidate: Candidate): number | undefined;
  /** Milliseconds to connect to the candidate's server; `undefined` where it was not measured. */
  connectMs(candidate: Candidate): number | undefined;
  /** Where the gateway runs, as the configuration says. */
  region?: string;
  /**
   * Requests with the same text go to the same candidates, as far as weights allow: a session, for example.
   * Absent: each request is distributed for itself.
   */
  sticky?: string;
  /** From 0 up to 1, without 1. */
  random(): number;
  /** 0, 1, 2… for each name. */
  turnOf(name: string): number;
}

/** What the gateway knows about candidates and about itself; the rest of `Facts` is about one turn. */
export interface RoutingFacts extends Pick<Facts, 'standing' | 'connectMs' | 'region' | 'random' | 'turnOf'> {
  /** The gateway is overloaded: turns make no calls that they could do without. */
  isBusy(): boolean;
}

/** The members of a group in the order of its strategy. Ties are broken by weight. */
export function rank(group: Group, facts: Facts): Member[] {
  const { members, strategy, name } = group;
  if (members.length === 1) return [...members];
  const turn = strategy === 'round_robin' ? inTurn(members, facts.turnOf(name)) : undefined;
  const ranked = members.map((member, index) => ({
    ...{ member, index },
    key: member.order,
    tie: tieOf(member, facts),
  }));
  const rankers: Record<Strategy, (entry: { member: Member; index: number }) => number> = {
    ordered: ({ member }) => member.order,
    weighted: () => 0,
    round_robin: ({ member }) => turn!(member.candidate),
    least_cost: ({ member }) => facts.cost(member.candidate) ?? Infinity,
    lowest_latency: ({ member }) => expectedMs(facts.standing(member.candidate)),
    highest_throughput: ({ member }) => -(facts.standing(member.candidate).tokensPerSecond ?? Infinity),
    nearest: ({ member }) => distance(member.candidate, facts),
  };
  const keyOf = rankers[strategy];
  for (const entry of ranked) entry.key = keyOf(entry);
  ranked.sort((a, b) => compare(a.key, b.key) || a.tie - b.tie || a.index - b.index);
  if (strategy === 'lowest_latency') fasterOfTwo(ranked, facts);
  return ranked.map(({ member }) => member);
}

/** Infinite keys are equal. */
const compare = (a: number, b: number): number => (a === b ? 0 : a - b);

/**
 * Weighted rendezvous hashing: the lowest value is first with a probability in proportion to its weight, and
 * candidates that come or go move no other requests (Mosharaf and others, "Weighted distributed hash tables").
 */
function tieOf({ candidate, weight }: Member, { sticky, random }: Facts): number {
  const chance =
    sticky === undefined ? random() : Bun.hash.xxHash32(`${sticky} ${candidateKey(candidate)}`) / 2 ** 32;
  return weight > 0 ? -Math.log(1 - chance) / weight : Infinity;
}

/** The time of a whole answer. What is not measured counts as fast, so that it is measured: by one call at a time. */
function expectedMs({ firstTokenMs, tokensPerSecond, answerTokens = 0, inFlight }: Standing): number {
  if (firstTokenMs === undefined) return inFlight === 0 ? 0 : Infinity;
  return firstTokenMs + (tokensPerSecond ? (answerTokens / tokensPerSecond) * 1000 : 0);
}

/**
 * The power of two choices: the faster of two that are drawn by weight comes first. If all requests went to the
 * fastest one, it would soon be the slowest (Mitzenmacher, "The power of two choices in randomized load balancing").
 */
function fasterOfTwo(ranked: { member: Member; key: number; tie: number }[], facts: Facts): void {
  const available = ranked.filter(({ member }) => facts.standing(member.candidate).isAvailable);
  const [one, other] = available.sort((a, b) => a.tie - b.tie);
  if (!one || !other) return;
  const faster = one.key <= other.key ? one : other;
  ranked.splice(ranked.indexOf(faster), 1);
  ranked.unshift(faster);
}

/** Candidates in the gateway's region first, then those that connect fastest. */
function distance(candidate: Candidate, { region, connectMs }: Facts): number {
  const isHere = region !== undefined && candidate.region === region;
  return isHere ? -1 : (connectMs(candidate) ?? Infinity);
}

/** The position of each model when every one comes first in turn. The instances of a model share its turn. */
function inTurn(members: readonly Member[], turns: number): (candidate: Candidate) => number {
  const models = [...new Set(members.map(({ candidate }) => candidateName(candidate)))];
  const start = turns % models.length;
  return (candidate) => (models.indexOf(candidateName(candidate)) - start + models.length) % models.length;
}
