import type { Clock } from '../../core/clock.ts';
import type { SessionId } from '../../core/ids.ts';
import type { Tenant } from '../../core/request.ts';
import type { NamedValue, SessionValue, ValueCondition } from '../../core/values.ts';
import {
  bytesOf,
  outcomeOf,
  type ValueChange,
  type ValueOutcome,
  type ValueState,
  written,
} from '../../session/value-store.ts';
import deleteValueSql from './sql/delete-value.sql' with { type: 'text' };
import eraseValuesSql from './sql/erase-values.sql' with { type: 'text' };
import findValueSql from './sql/find-value.sql' with { type: 'text' };
import listValuesSql from './sql/list-values.sql' with { type: 'text' };
import raiseValueFloorSql from './sql/raise-value-floor.sql' with { type: 'text' };
import valueStateSql from './sql/value-state.sql' with { type: 'text' };
import writeValueSql from './sql/write-value.sql' with { type: 'text' };
import type { Statements } from './statements.ts';

/** The operations of `ValueStore`, and the values that commits set. */
export class ValueOperations {
  constructor(
    private readonly statements: Statements,
    private readonly clock: Clock,
  ) {}

  readValue(tenant: Tenant, session: SessionId, key: string): SessionValue | undefined {
    return this.statements.first<SessionValue>(findValueSql, { tenant, session, key });
  }

  listValues(tenant: Tenant, session: SessionId): SessionValue[] {
    return this.statements.all<SessionValue>(listValuesSql, { tenant, session });
  }

  changeValue(
    tenant: Tenant,
    session: SessionId,
    key: string,
    change: ValueChange,
    condition: ValueCondition,
  ): ValueOutcome {
    const state = this.stateOf(tenant, session, key);
    if (!state) return { kind: 'no-session' };
    const outcome = outcomeOf(state, key, change, condition, this.clock());
    if (outcome.kind !== 'done') return outcome;
    if (change.kind === 'delete') this.delete(tenant, session, outcome.value);
    else this.write(tenant, session, outcome.value);
    return outcome;
  }

  /** Sets values within the transaction of a commit. Does nothing where there is no such session. */
  setAll(tenant: Tenant, session: SessionId, values: readonly NamedValue[]): void {
    for (const { key, json } of values) {
      const state = this.stateOf(tenant, session, key);
      if (state) this.write(tenant, session, written(state, key, json, this.clock()));
    }
  }

  eraseAll(tenant: Tenant, session: SessionId): void {
    this.statements.run(eraseValuesSql, { tenant, session });
  }

  private stateOf(tenant: Tenant, session: SessionId, key: string): ValueState | undefined {
    const totals = this.statements.first<Omit<ValueState, 'current'>>(valueStateSql, { tenant, session });
    return totals && { ...totals, current: this.readValue(tenant, session, key) };
  }

  private delete(tenant: Tenant, session: SessionId, { key, version }: SessionValue): void {
    this.statements.run(deleteValueSql, { tenant, session, key });
    this.statements.run(raiseValueFloorSql, { tenant, session, version });
  }

  private write(tenant: Tenant, session: SessionId, value: SessionValue): void {
    this.statements.run(writeValueSql, { tenant, session, ...value, bytes: bytesOf(value.json) });
  }
}
