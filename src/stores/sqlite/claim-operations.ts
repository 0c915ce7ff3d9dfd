import type { Clock } from '../../core/clock.ts';
import type { Tenant } from '../../core/request.ts';
import type { Claim, Replaceable } from '../../session/claim-store.ts';
import type { TurnKey } from './columns.ts';
import claimSql from './sql/claim.sql' with { type: 'text' };
import eraseClaimedTurnsSql from './sql/erase-claimed-turns.sql' with { type: 'text' };
import findByFingerprintSql from './sql/find-by-fingerprint.sql' with { type: 'text' };
import findClaimSql from './sql/find-claim.sql' with { type: 'text' };
import forgetClaimsSql from './sql/forget-claims.sql' with { type: 'text' };
import forgetFingerprintsSql from './sql/forget-fingerprints.sql' with { type: 'text' };
import type { Statements } from './statements.ts';

/** How much is forgotten in one transaction: a few milliseconds' worth, because turns wait meanwhile. */
const AT_ONCE = 200;

/** Where a turn is, within the tenant that was asked for. */
type FoundTurn = Omit<TurnKey, 'tenant'>;

/** The operations of `ClaimStore`, with columns. */
export class ClaimOperations {
  constructor(
    private readonly statements: Statements,
    private readonly clock: Clock,
  ) {}

  claim(tenant: Tenant, claim: Claim, { over, olderThanMs }: Replaceable = {}): Claim {
    const { key, fingerprint, target, holder } = claim;
    const now = this.clock();
    const replaced = {
      overHolder: over?.holder ?? null,
      overTarget: over?.target ?? null,
      before: olderThanMs === undefined ? null : now - olderThanMs,
    };
    this.statements.run(claimSql, { tenant, key, fingerprint, target, holder, ...replaced, now });
    return this.find(tenant, key, 0)!;
  }

  findClaim(tenant: Tenant, key: string, maxAgeMs: number): Claim | undefined {
    return this.find(tenant, key, this.clock() - maxAgeMs);
  }

  findByFingerprint(tenant: Tenant, fingerprint: string, maxAgeMs: number): FoundTurn | undefined {
    const since = this.clock() - maxAgeMs;
    return this.statements.first<FoundTurn>(findByFingerprintSql, { tenant, fingerprint, since });
  }

  /** Forgets some old claims, and what was kept for them; true where there may be more. */
  forgetClaims(maxAgeMs: number): boolean {
    const values = { before: this.clock() - maxAgeMs, limit: AT_ONCE };
    this.statements.run(eraseClaimedTurnsSql, values);
    return this.statements.change(forgetClaimsSql, values) === AT_ONCE;
  }

  /** Forgets some old fingerprints; true where there may be more. */
  forgetFingerprints(maxAgeMs: number): boolean {
    const values = { before: this.clock() - maxAgeMs, limit: AT_ONCE };
    return this.statements.change(forgetFingerprintsSql, values) === AT_ONCE;
  }

  private find(tenant: Tenant, key: string, since: number): Claim | undefined {
    return this.statements.first<Claim>(findClaimSql, { tenant, key, since });
  }
}
