import type { Clock } from '../../core/clock.ts';
import type { SessionId } from '../../core/ids.ts';
import type { Tenant } from '../../core/request.ts';
import type { SessionRef } from '../../core/turn.ts';
import type { LeaseDenied, LeaseRequest } from '../../session/lease-store.ts';
import type { MemberId } from '../../session/members.ts';
import findLeaseSql from './sql/find-lease.sql' with { type: 'text' };
import leaseHoldersSql from './sql/lease-holders.sql' with { type: 'text' };
import releaseLeaseSql from './sql/release-lease.sql' with { type: 'text' };
import releaseLeasesOfSql from './sql/release-leases-of.sql' with { type: 'text' };
import renewLeaseSql from './sql/renew-lease.sql' with { type: 'text' };
import takeLeaseSql from './sql/take-lease.sql' with { type: 'text' };
import type { Statements } from './statements.ts';
import type { HeadColumns, KnownColumns, TurnOperations } from './turn-operations.ts';

/** `TakenHead`, with columns. */
interface TakenHeadColumns extends HeadColumns {
  token: number;
}

/** The operations of `LeaseStore`, with columns. */
export class LeaseOperations {
  constructor(
    private readonly statements: Statements,
    private readonly clock: Clock,
    private readonly turns: TurnOperations,
  ) {}

  takeHead(
    tenant: Tenant,
    ref: SessionRef,
    window: number,
    { holder, lastsMs }: LeaseRequest,
    known?: KnownColumns,
  ): TakenHeadColumns | LeaseDenied | undefined {
    const session = this.turns.sessionAt(tenant, ref);
    if (!session) return undefined;
    const key = { tenant, session: session.id };
    const now = this.clock();
    const values = { ...key, holder, now, until: end(now, lastsMs) };
    const taken = this.statements.first<{ token: number }>(takeLeaseSql, values);
    if (!taken) {
      const { until } = this.statements.first<{ until: number }>(findLeaseSql, key)!;
      return { expiresInMs: until - now };
    }
    const { token } = taken;
    try {
      return { token, ...this.turns.headOf(session, window, known) };
    } catch (error) {
      this.releaseLease(tenant, session.id, token);
      throw error;
    }
  }

  renewLease(tenant: Tenant, session: SessionId, token: number, lastsMs: number): boolean {
    const until = end(this.clock(), lastsMs);
    return this.statements.change(renewLeaseSql, { tenant, session, token, until }) === 1;
  }

  releaseLease(tenant: Tenant, session: SessionId, token: number): void {
    this.statements.run(releaseLeaseSql, { tenant, session, token });
  }

  leaseHolders(): MemberId[] {
    return this.statements.all<{ holder: MemberId }>(leaseHoldersSql).map(({ holder }) => holder);
  }

  releaseLeasesOf(holder: MemberId): void {
    this.statements.run(releaseLeasesOfSql, { holder });
  }
}

/** A greater number would lose its last digits. */
const end = (now: number, lastsMs: number): number => Math.min(now + lastsMs, Number.MAX_SAFE_INTEGER);
