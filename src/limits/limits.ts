import { hash } from 'node:crypto';
import { Fault } from '../core/errors.ts';
import type { Allowance, Quota } from '../core/quota.ts';
import type { Tenant } from '../core/request.ts';
import { Hold, type TokenEstimate } from './hold.ts';
import type { Count, RateStore, Want } from './rate-store.ts';

/** CallerLimits of one caller, model or gateway. What is absent is not limited. */
export interface RateLimits {
  readonly requestsPerMinute?: number;
  /** Tokens of input and output together. */
  readonly tokensPerMinute?: number;
  /** Turns with a streamed answer that run at the same time. */
  readonly streams?: number;
}

/** All limits of a gateway. */
export interface LimitSettings {
  /** Of all callers together. */
  readonly global: RateLimits;
  /** Of each key that has none in `keys`. */
  readonly perKey: RateLimits;
  /** Of single keys, by name. */
  readonly keys: ReadonlyMap<string, RateLimits>;
  /** Of each end user of a tenant. */
  readonly perUser: RateLimits;
  /** Of models, by the name that requests ask for, for all callers together. */
  readonly models: ReadonlyMap<string, RateLimits>;
}

/** What the limits need to know of a request for a turn. */
export interface LimitedRequest {
  tenant: Tenant;
  /** The name of the key. */
  key: string;
  /** The model that the request asks for. */
  model: string;
  /** The caller's own id of its end user. */
  user?: string;
  isStreamed: boolean;
  /** Called only where tokens are limited. */
  estimate(): TokenEstimate;
}

type Kind = 'requests' | 'tokens' | 'streams';

/** One counter with its limit. */
interface Limit extends Omit<Want, 'amount'> {
  kind: Kind;
  /** What is limited, in the words of the error: `the key "website"`. */
  of: string;
}

/** A counter, and what a request takes of it. */
type Bucket = Limit & Want;

const NO_TOKENS: TokenEstimate = { input: 0, other: 0 };

/** The limits of callers: every turn that a caller asks for takes its share of each of them, or is refused. */
export class CallerLimits {
  private areSet: boolean;
  private running = 0;
  private ofGateway: readonly Limit[];
  /** Of each key and model that had a request: their number is small. */
  private readonly made = {
    key: new Map<string, readonly Limit[]>(),
    model: new Map<string, readonly Limit[]>(),
  };

  constructor(
    private readonly store: RateStore,
    private settings: LimitSettings,
  ) {
    this.areSet = hasAny(settings);
    this.ofGateway = limitsOfGateway(settings);
  }

  /** False where no request is limited: then `take` need not be called. */
  get active(): boolean {
    return this.areSet;
  }

  /** How many turns hold a share now. */
  get holds(): number {
    return this.running;
  }

  /** The counters stay: a changed limit is compared with what was used before. */
  reconfigure(settings: LimitSettings): void {
    this.settings = settings;
    this.areSet = hasAny(settings);
    this.ofGateway = limitsOfGateway(settings);
    this.made.key.clear();
    this.made.model.clear();
  }

  /**
   * What the turn holds until it ends; `undefined` where nothing limits it. Rejects with `rate_limit_exceeded` where
   * a limit is reached, and with `request_over_limit` where the request alone is larger than a limit. Nothing is
   * taken then.
   */
  async take(request: LimitedRequest): Promise<Hold | undefined> {
    const limits = this.limitsOf(request);
    if (limits.length === 0) return undefined;
    const estimate = limits.some(({ kind }) => kind === 'tokens') ? request.estimate() : NO_TOKENS;
    const buckets = bucketsOf(limits, estimate);
    const { taken, at, counts } = await this.store.take(buckets);
    const quota = quotaOf(buckets, counts);
    if (!taken) throw refusal(buckets, counts, quota);
    const shares: Record<Kind, Bucket[]> = { requests: [], tokens: [], streams: [] };
    for (const bucket of buckets) shares[bucket.kind].push(bucket);
    this.running++;
    return new Hold({
      store: this.store,
      at,
      requests: shares.requests,
      tokens: shares.tokens,
      streams: shares.streams,
      estimate,
      quota,
      ended: () => this.running--,
    });
  }

  /** The limits that count the request. */
  private limitsOf({ tenant, key, model, user, isStreamed }: LimitedRequest): readonly Limit[] {
    const { perKey, keys, perUser, models } = this.settings;
    const limits = [...this.ofGateway, ...this.limitsFor('key', key, keys.get(key) ?? perKey)];
    const ofModel = models.get(model);
    if (ofModel) limits.push(...this.limitsFor('model', model, ofModel));
    if (user !== undefined)
      limits.push(...limitsNamed(`user ${tenant} ${shortName(user)}`, perUser, 'this user'));
    return isStreamed ? limits : limits.filter(({ kind }) => kind !== 'streams');
  }

  private limitsFor(what: 'key' | 'model', name: string, limits: RateLimits): readonly Limit[] {
    let made = this.made[what].get(name);
    if (!made) {
      made = limitsNamed(`${what} ${name}`, limits, `the ${what} "${name}"`);
      this.made[what].set(name, made);
    }
    return made;
  }
}

const limitsOfGateway = ({ global }: LimitSettings): readonly Limit[] =>
  limitsNamed('global', global, 'this gateway');

const isLimited = ({ requestsPerMinute, tokensPerMinute, streams }: RateLimits): boolean =>
  requestsPerMinute !== undefined || tokensPerMinute !== undefined || streams !== undefined;

const hasAny = ({ global, perKey, keys, perUser, models }: LimitSettings): boolean =>
  [global, perKey, perUser, ...keys.values(), ...models.values()].some(isLimited);

/** Ids of users may be as long as a body; OpenAI's API takes 64 characters (`safety_identifier`). */
const LONGEST_NAME = 64;
const shortName = (user: string): string =>
  user.length <= LONGEST_NAME ? user : hash('sha256', user, 'base64url');

/** The limits of one caller, model or gateway. `name` begins the names of its counters; it is unique. */
function limitsNamed(
  name: string,
  { requestsPerMinute, tokensPerMinute, streams }: RateLimits,
  of: string,
): readonly Limit[] {
  const limits: Limit[] = [];
  const add = (kind: Kind, counts: Limit['counts'], limit: number | undefined) => {
    if (limit !== undefined) limits.push({ kind, of, counter: `${kind} of ${name}`, counts, limit });
  };
  add('requests', 'minute', requestsPerMinute);
  add('tokens', 'minute', tokensPerMinute);
  add('streams', 'held', streams);
  return limits;
}

const bucketsOf = (limits: readonly Limit[], { input, other }: TokenEstimate): Bucket[] =>
  limits.map(({ kind, of, counter, counts, limit }) => {
    const amount = kind === 'tokens' ? input + other : 1;
    return { kind, of, counter, counts, limit, amount };
  });

function quotaOf(buckets: readonly Bucket[], counts: readonly Count[]): Quota {
  return { requests: strictest('requests', buckets, counts), tokens: strictest('tokens', buckets, counts) };
}

/** The limit of which the least is left; of equal ones, the one that resets last. */
function strictest(kind: Kind, buckets: readonly Bucket[], counts: readonly Count[]): Allowance | undefined {
  let found: Allowance | undefined;
  for (let index = 0; index < buckets.length; index++) {
    const { kind: itsKind, limit } = buckets[index]!;
    if (itsKind !== kind) continue;
    const { used, resetsInMs } = counts[index]!;
    const remaining = Math.max(0, limit - used);
    const isStricter =
      !found ||
      remaining < found.remaining ||
      (remaining === found.remaining && resetsInMs > found.resetsInMs);
    if (isStricter) found = { limit, remaining, resetsInMs };
  }
  return found;
}

/** Seconds after which a stream may have ended. */
const STREAM_RETRY_AFTER = 5;

/** The refusal names the limit that a caller has to wait for the longest, or one that waiting does not help with. */
function refusal(buckets: readonly Bucket[], counts: readonly Count[], quota: Quota): Fault {
  const refusing = buckets.flatMap((bucket, index) => {
    const { used, fitsInMs } = counts[index]!;
    const isOver = bucket.counts === 'minute' && bucket.amount > bucket.limit;
    const seconds = fitsInMs === undefined ? STREAM_RETRY_AFTER : Math.ceil(fitsInMs / 1_000);
    return fitsInMs === 0 ? [] : [{ ...bucket, used, seconds: isOver ? Number.POSITIVE_INFINITY : seconds }];
  });
  const longest = refusing.reduce((one, other) => (other.seconds > one.seconds ? other : one));
  const { kind, of, limit, used, amount, seconds } = longest;
  if (seconds === Number.POSITIVE_INFINITY) {
    const message = `The request may need ${amount} tokens, and ${of} has a limit of ${limit} tokens per minute.`;
    return new Fault('request_over_limit', message, { quota });
  }
  const per = kind === 'streams' ? 'streams at a time' : `${kind} per minute`;
  const wanted = kind === 'tokens' ? `, and this request may need ${amount} more` : '';
  const message = `The limit of ${of} is reached: ${used} of ${limit} ${per} are used${wanted}.`;
  return new Fault('rate_limit_exceeded', message, { retryAfter: Math.max(1, seconds), quota });
}
