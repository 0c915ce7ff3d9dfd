import { type Candidate, candidateKey } from '../core/candidate.ts';
import type { Strategy } from '../core/routing.ts';
import type { Group, GroupMember } from './resolve.ts';

/** What strategies know about a candidate. Absent numbers are not known yet. */
export interface HealthView {
  /** The candidate is not held back: others are not called first. */
  isAvailable: boolean;
  /** Calls that run. */
  inFlight: number;
  /** The last call failed, not long ago. */
  hasFailed?: boolean;
  /** Moving averages: milliseconds to the first token, tokens per second, tokens of an answer. */
  firstTokenMs?: number;
  tokensPerSecond?: number;
  answerTokens?: number;
  /** The same for answers that were not streamed. */
  wholeMs?: number;
  /** 95 % of the recent calls were faster to their first token. */
  firstTokenP95Ms?: number;
}

/** What strategies decide by. Everything is computed only where a strategy asks for it. */
export interface Facts {
  healthOf(candidate: Candidate): HealthView;
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
export interface RoutingFacts extends Pick<Facts, 'healthOf' | 'connectMs' | 'region' | 'random' | 'turnOf'> {
  /** The gateway is overloaded: turns make no calls that they could do without. */
  isBusy(): boolean;
}

/** A member that is ranked. */
interface Ranked {
  member: GroupMember;
  /** The lowest is first. */
  key: number;
  /** Decides between equal keys; computed only for them, because it costs more than most keys. */
  tie: number | undefined;
}

/** What each strategy sorts by. The weight alone decides where all keys are equal. */
const KEYS: Record<Exclude<Strategy, 'round_robin'>, (member: GroupMember, facts: Facts) => number> = {
  ordered: ({ order }) => order,
  weighted: () => 0,
  least_cost: ({ candidate }, { cost }) => cost(candidate) ?? Infinity,
  lowest_latency: ({ candidate }, { healthOf }) => expectedMs(healthOf(candidate)),
  highest_throughput: ({ candidate }, { healthOf }) => -expectedSpeed(healthOf(candidate)),
  nearest: ({ candidate }, facts) => distance(candidate, facts),
};

/** The members of a group in the order of its strategy. Ties are broken by weight. */
export function rank({ members, strategy, name }: Group, facts: Facts): GroupMember[] {
  if (members.length === 1) return [...members];
  const keys =
    strategy === 'round_robin'
      ? inTurn(members, facts.turnOf(name), facts)
      : members.map((member) => KEYS[strategy](member, facts));
  const tieOf = tieBreaker(facts);
  const ranked = members.map((member, index): Ranked => ({ member, key: keys[index]!, tie: undefined }));
  ranked.sort((a, b) => compare(a.key, b.key) || compare(tieOf(a), tieOf(b)));
  if (strategy === 'lowest_latency') fasterOfTwo(ranked, tieOf, facts);
  return ranked.map(({ member }) => member);
}

/** Infinite keys are equal. */
const compare = (a: number, b: number): number => (a === b ? 0 : a - b);

type TieOf = (ranked: Ranked) => number;

/**
 * Weighted rendezvous hashing: the lowest value is first with a probability in proportion to its weight, and
 * candidates that come or go move no other requests (Mosharaf and others, "Weighted distributed hash tables").
 */
function tieBreaker({ sticky, random }: Facts): TieOf {
  const seed = sticky === undefined ? undefined : Bun.hash.xxHash32(sticky);
  return (ranked) => {
    if (ranked.tie !== undefined) return ranked.tie;
    const { candidate, weight, hash } = ranked.member;
    const chance =
      seed === undefined
        ? random()
        : mixed(seed ^ (hash ?? Bun.hash.xxHash32(candidateKey(candidate)))) / 2 ** 32;
    ranked.tie = weight > 0 ? -Math.log(1 - chance) / weight : Infinity;
    return ranked.tie;
  };
}

/** Every bit of the result depends on every bit of `hash`: the last step of MurmurHash3. */
function mixed(hash: number): number {
  let bits = hash;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** What is not measured counts as fast, so that it is measured: by one call at a time, and not soon after a failure. */
const isMeasuredNow = ({ inFlight, hasFailed }: HealthView): boolean => inFlight === 0 && !hasFailed;

/** Tokens per second. */
const expectedSpeed = (health: HealthView): number =>
  health.tokensPerSecond ?? (isMeasuredNow(health) ? Infinity : 0);

/** The time of a whole answer. */
function expectedMs(health: HealthView): number {
  const { firstTokenMs, tokensPerSecond, answerTokens = 0, wholeMs } = health;
  if (firstTokenMs !== undefined)
    return firstTokenMs + (tokensPerSecond ? (answerTokens / tokensPerSecond) * 1000 : 0);
  return wholeMs ?? (isMeasuredNow(health) ? 0 : Infinity);
}

/**
 * The power of two choices: the faster of two that are drawn by weight comes first. If all requests went to the
 * fastest one, it would soon be the slowest (Mitzenmacher, "The power of two choices in randomized load balancing").
 */
function fasterOfTwo(ranked: Ranked[], tieOf: TieOf, { healthOf }: Facts): void {
  let one: Ranked | undefined;
  let other: Ranked | undefined;
  for (const each of ranked) {
    if (!healthOf(each.member.candidate).isAvailable) continue;
    if (!one || tieOf(each) < tieOf(one)) [one, other] = [each, one];
    else if (!other || tieOf(each) < tieOf(other)) other = each;
  }
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

/**
 * The place of each member when every model comes first in turn. The instances of a model, which are side by side, share
 * its turn. Models that are held back have no turn: otherwise, the one after them would have two.
 */
function inTurn(members: readonly GroupMember[], turn: number, { healthOf }: Facts): readonly number[] {
  let models = 0;
  let last: Candidate | undefined;
  const places = members.map(({ candidate }) => {
    if (!healthOf(candidate).isAvailable) return Infinity;
    if (!last || !isSameModel(candidate, last)) models++;
    last = candidate;
    return models - 1;
  });
  const first = turn % models;
  return places.map((place) => (place < first ? place + models : place));
}

const isSameModel = (one: Candidate, other: Candidate): boolean =>
  one.model === other.model && one.provider === other.provider;
