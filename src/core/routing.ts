import type { ContextPolicy } from './context-policy.ts';

/**
 * How the candidates of a request are chosen: what its caller wants, what its key may use, and what the operator
 * configured for a name.
 */

/** How the candidates behind one name are ordered. */
export const STRATEGIES = [
  'ordered',
  'weighted',
  'round_robin',
  'least_cost',
  'lowest_latency',
  'highest_throughput',
  'nearest',
] as const;

/** A way to order candidates. */
export type Strategy = (typeof STRATEGIES)[number];

/** The `provider` object of a request, in the form that OpenRouter made common (openrouter.ai/docs, "Provider Routing"). */
export interface ProviderWishes {
  /** Providers to ask first, in this order. */
  order?: string[];
  /** No other provider is asked. */
  only?: string[];
  /** These providers are not asked. */
  ignore?: string[];
  sort?: 'price' | 'latency' | 'throughput';
  /** US dollars per million tokens. */
  max_price?: { prompt?: number; completion?: number };
  /** Only candidates that support every parameter of the request are asked. */
  require_parameters?: boolean;
  /** With `deny`, only providers that keep no data and train on none are asked. */
  data_collection?: 'allow' | 'deny';
  /** With `false`, only the first candidate is asked: of `order`, where it names any, or of `model`. */
  allow_fallbacks?: boolean;
  /** Fields that only OpenRouter knows. */
  [field: string]: unknown;
}

/** Limits of the calls of one turn, in milliseconds. Where several are given for one thing, the strictest holds. */
export interface TurnLimits {
  /** For the whole turn, with all its calls. */
  turnMs?: number;
  firstTokenMs?: number;
  signOfLifeMs?: number;
  idleMs?: number;
  /** For one call. */
  totalMs?: number;
}

/** What a caller wants of the routing of its request. */
export interface RoutingWishes {
  provider?: ProviderWishes;
  limits?: TurnLimits;
  /** The most calls for the answer. */
  attempts?: number;
  /** The request headers that rules of aliases read. */
  headers?: Readonly<Record<string, string>>;
  /** Failures to simulate, for tests of fallbacks. */
  faults?: readonly SimulatedFault[];
}

/** Calls of matching candidates fail with a code, before the answer or after some bursts of it. */
export interface SimulatedFault {
  /** `provider/model`; `*` stands for any text. */
  target: string;
  code: string;
  /** After how many bursts of the answer; 0: before it. */
  after: number;
}

/** What the operator allows a key to use. */
export interface KeyRules {
  /** Names of models, as callers write them or as `provider/model`; `*` stands for any text. */
  models?: readonly string[];
  /** Only claws in these regions are asked. */
  regions?: readonly string[];
  dataCollection?: 'allow' | 'deny';
  limits?: TurnLimits;
  context?: ContextPolicy;
  /** `ContextWish.historyTokens`. */
  historyTokens?: number;
}

/** A condition of a rule: the request has one of these values; `*` stands for any text. */
export type Matches = Readonly<Record<string, readonly string[]>>;

/** One model of an alias. */
export interface AliasMember {
  /** `provider/model`. In an alias whose name has a `*`, a `*` here stands for the same text. */
  model: string;
  weight: number;
  /** Members with a lower number are asked first. */
  order: number;
  region?: string;
}

/** A name of the operator's own for one or several models. */
export interface Alias {
  name: string;
  strategy: Strategy;
  members: readonly AliasMember[];
  /** The first rule that matches replaces the members by another name. */
  rules: readonly { when: Matches; use: string }[];
  /** Asked where the conversation does not fit the members. */
  tooLong: readonly string[];
  /** Asked where a member refuses the content. */
  refused: readonly string[];
  /** Asked where everything else failed: another model, or a fixed answer. */
  lastResort?: { model: string } | { answer: string };
  /** Ask the next candidate too, where the first one is slower than usual, or than so many milliseconds. */
  hedge?: { afterMs?: number };
  /** How long to wait for the first candidate after a failure that may pass, in milliseconds. */
  patienceMs?: number;
  limits?: TurnLimits;
  context?: ContextPolicy;
  /** `ContextWish.historyTokens`. */
  historyTokens?: number;
}

/** Why the first candidate is the first one. */
export type RouteReason =
  /** It is the only one, or the caller named it first. */
  | 'asked'
  /** The caller's `provider` object puts it first. */
  | 'wish'
  /** It answered the turn before, and probably has the conversation in its prompt cache. */
  | 'affinity'
  | 'strategy';

/** Whether a pattern, in which `*` stands for any text, matches the whole text. */
export function matches(pattern: string, text: string): boolean {
  return pattern === text || (pattern.includes('*') && captureOf(pattern, text) !== undefined);
}

/** The text that the first `*` of a pattern stands for; `undefined` where the pattern does not match. */
export function captureOf(pattern: string, text: string): string | undefined {
  let expression = expressions.get(pattern);
  if (!expression) {
    const escaped = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    expression = new RegExp(`^${escaped.join('(.*)')}$`, 's');
    if (expressions.size < MOST_EXPRESSIONS) expressions.set(pattern, expression);
  }
  return expression.exec(text)?.[1];
}

/** Patterns come from the configuration; their number is small. */
const expressions = new Map<string, RegExp>();
const MOST_EXPRESSIONS = 10_000;
