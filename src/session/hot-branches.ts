import type { SessionId } from '../core/ids.ts';
import type { BranchTurn, Session, Tenant } from '../core/turn.ts';
import type { KnownHead } from './store.ts';

/** A session's branch in memory, as far back as `window` tokens. It is right while the store says `known`. */
export interface HotBranch {
  known: KnownHead;
  window: number;
  branch: BranchTurn[];
}

/** About four bytes a token: some tens of megabytes. */
const MAX_TOKENS = 8_000_000;

/**
 * Branches of sessions that were used lately, so that a follow-up need not read and decode them again. A
 * view, never the truth: whoever takes one asks the store whether the session is still as it was, so that
 * other processes may write too. The least lately used go first.
 */
export class HotBranches {
  private readonly bySession = new Map<string, HotBranch>();
  private tokens = 0;

  find(tenant: Tenant, id: SessionId, window: number): HotBranch | undefined {
    const hot = this.bySession.get(sessionKey(tenant, id));
    return hot && hot.window >= window ? hot : undefined;
  }

  keep({ tenant, id }: Session, hot: HotBranch): void {
    this.forget(tenant, id);
    const tip = hot.branch.at(-1);
    if (!tip) return;
    // The root stays in front, as the store gives it, for its standing instructions.
    const since = tip.totalTokens - hot.window;
    const branch = hot.branch.filter(({ totalTokens }, index) => index === 0 || totalTokens > since);
    this.bySession.set(sessionKey(tenant, id), { ...hot, branch });
    this.tokens += weight(branch);
    for (const [key, oldest] of this.bySession) {
      if (this.tokens <= MAX_TOKENS) return;
      this.drop(key, oldest);
    }
  }

  forget(tenant: Tenant, id: SessionId): void {
    const key = sessionKey(tenant, id);
    const hot = this.bySession.get(key);
    if (hot) this.drop(key, hot);
  }

  private drop(key: string, { branch }: HotBranch): void {
    this.bySession.delete(key);
    this.tokens -= weight(branch);
  }
}

const sessionKey = (tenant: Tenant, id: SessionId): string => `${tenant}\n${id}`;

/** Even an empty turn takes room. */
const weight = (branch: readonly BranchTurn[]): number =>
  branch.reduce((sum, { tokens }) => sum + tokens + 100, 0);
