import type { Outcome } from '../core/outcome.ts';
import type { Quota } from '../core/quota.ts';
import type { Awaitable, RateStore, Share } from './rate-store.ts';

/** The tokens that a turn is expected to use. */
export interface TokenEstimate {
  /** Of the input items of the request. */
  input: number;
  /** Of everything else: instructions, tools and the answer. */
  other: number;
}

/** What a turn has taken from the counters that limit it. */
export interface HoldParts {
  store: RateStore;
  /** When it was taken, by the store's clock. */
  at: number;
  /** The turn itself, as one request. */
  requests: readonly Share[];
  /** The estimated tokens; empty where no limit counts tokens. */
  tokens: readonly Share[];
  /** The turn's stream; empty where no limit counts streams, or the turn has none. */
  streams: readonly Share[];
  estimate: TokenEstimate;
  /** What is left of the strictest limits. */
  quota: Quota;
  /** Called once, when everything is given back or settled. */
  ended(): void;
}

/** What a turn holds of its limits, from its acceptance to its end. It ends once; further calls have no effect. */
export class Hold {
  /** Tokens of history that were added to the estimate, and when. */
  private history: { tokens: number; at: Awaitable<number> } | undefined;
  /** The tokens that the turn has used; `unknown` where its estimate is the best that is known. */
  private used: number | 'unknown' = 0;
  private hasEnded = false;

  constructor(private readonly parts: HoldParts) {}

  get quota(): Quota {
    return this.parts.quota;
  }

  /**
   * The prompt has `tokens` of items: those of the request, and the history of its session. The turn holds them all
   * from now on. It is not refused for them, because its session was not known when its request was checked.
   */
  expectPrompt(tokens: number): void {
    const { store, estimate } = this.parts;
    const history = tokens - estimate.input;
    if (history <= 0 || this.history || this.parts.tokens.length === 0) return;
    this.history = { tokens: history, at: store.add(this.tokens(history)) };
  }

  /** How the turn ended: the tokens of all of its calls. Without it, the turn has used none. */
  report({ usage, answeredBy }: Pick<Outcome, 'usage' | 'answeredBy'>): void {
    if (usage) this.used = usage.input + usage.output;
    else this.used = answeredBy ? 'unknown' : 0;
  }

  /** The turn has ended: its stream is given back, and the counters have the tokens that it used. */
  async settle(): Promise<void> {
    if (this.hasEnded) return;
    this.hasEnded = true;
    const { store, at, streams, tokens } = this.parts;
    if (streams.length > 0) await store.giveBack(streams, at);
    if (tokens.length > 0 && this.used !== 'unknown') await this.settleTokens(this.used);
    this.parts.ended();
  }

  /** The turn did not begin: everything is given back, also its request. */
  async cancel(): Promise<void> {
    if (this.hasEnded) return;
    const settled = this.settle();
    const { store, at, requests } = this.parts;
    if (requests.length > 0) await store.giveBack(requests, at);
    await settled;
  }

  private async settleTokens(used: number): Promise<void> {
    const { store, at, estimate } = this.parts;
    const history = this.history?.tokens ?? 0;
    const unused = estimate.input + estimate.other + history - used;
    if (unused < 0) await store.add(this.tokens(-unused));
    if (unused <= 0) return;
    const ofHistory = Math.min(unused, history);
    if (this.history && ofHistory > 0) await store.giveBack(this.tokens(ofHistory), await this.history.at);
    if (unused > ofHistory) await store.giveBack(this.tokens(unused - ofHistory), at);
  }

  private tokens(amount: number): Share[] {
    return this.parts.tokens.map((share) => ({ ...share, amount }));
  }
}
