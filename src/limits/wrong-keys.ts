import { Fault } from '../core/errors.ts';
import type { RateStore } from './rate-store.ts';

/** Attempts with a wrong key within a minute, of everybody together. */
const MOST = 10;

/** Limits how often somebody may try wrong keys to sign in. */
export class WrongKeys {
  constructor(private readonly store: RateStore) {}

  /**
   * Takes an attempt into account, which counts if it `isWrong`. Rejects with `rate_limit_exceeded` where there were
   * too many before it, and with `store_unavailable` where the counter cannot be reached.
   */
  async expectFew(isWrong: boolean): Promise<void> {
    const amount = isWrong ? 1 : 0;
    const want = { counter: 'wrong keys', counts: 'minute', amount, limit: MOST - 1 + amount } as const;
    const { taken, counts } = await this.store.take([want]);
    if (taken) return;
    const retryAfter = Math.max(1, Math.ceil((counts[0]?.fitsInMs ?? 0) / 1_000));
    throw new Fault('rate_limit_exceeded', 'There were too many attempts with a wrong key.', { retryAfter });
  }
}
