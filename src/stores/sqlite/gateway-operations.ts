import type { Clock } from '../../core/clock.ts';
import type { SealKey } from '../../security/seal-key-store.ts';
import type { MemberId } from '../../session/members.ts';
import addSealKeySql from './sql/add-seal-key.sql' with { type: 'text' };
import beatSql from './sql/beat.sql' with { type: 'text' };
import deleteKeySql from './sql/delete-key.sql' with { type: 'text' };
import findKeySql from './sql/find-key.sql' with { type: 'text' };
import findMemberSql from './sql/find-member.sql' with { type: 'text' };
import forgetChangesSql from './sql/forget-changes.sql' with { type: 'text' };
import removeMemberSql from './sql/remove-member.sql' with { type: 'text' };
import sealKeysSql from './sql/seal-keys.sql' with { type: 'text' };
import setKeySql from './sql/set-key.sql' with { type: 'text' };
import type { Statements } from './statements.ts';

/** What the file holds about the gateway itself: its processes and its keys. */
export class GatewayOperations {
  constructor(
    private readonly statements: Statements,
    private readonly clock: Clock,
  ) {}

  beat(id: MemberId): void {
    this.statements.run(beatSql, { id, now: this.clock() });
  }

  silentFor(id: MemberId): number | undefined {
    const found = this.statements.first<{ seenAt: number }>(findMemberSql, { id });
    // The clock may have been set back.
    return found && Math.max(0, this.clock() - found.seenAt);
  }

  removeMember(id: MemberId): void {
    this.statements.run(removeMemberSql, { id });
  }

  findKey(name: string): string | undefined {
    return this.statements.first<{ hash: string }>(findKeySql, { name })?.hash;
  }

  setKey(name: string, hash: string): void {
    this.statements.run(setKeySql, { name, hash });
  }

  removeKey(name: string): void {
    this.statements.run(deleteKeySql, { name });
  }

  sealKeys(): SealKey[] {
    return this.statements.all<SealKey>(sealKeysSql, {});
  }

  addSealKey({ id, secret, createdAt }: SealKey): void {
    this.statements.run(addSealKeySql, { id, secret, createdAt });
  }

  /** Deletes changes that the survey has seen. */
  forgetChanges(until: number): void {
    this.statements.run(forgetChangesSql, { until });
  }
}
