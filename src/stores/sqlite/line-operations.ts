import type { SessionId } from '../../core/ids.ts';
import type { Tenant } from '../../core/request.ts';
import { REMEMBERED_LINES } from '../../session/line-store.ts';
import type { SessionColumns, TurnColumns, TurnSuffix } from './columns.ts';
import addLineSql from './sql/add-line.sql' with { type: 'text' };
import findSessionSql from './sql/find-session.sql' with { type: 'text' };
import forgetLinesSql from './sql/forget-lines.sql' with { type: 'text' };
import keepHeadAsTipSql from './sql/keep-head-as-tip.sql' with { type: 'text' };
import leaveHeadSql from './sql/leave-head.sql' with { type: 'text' };
import moveTipSql from './sql/move-tip.sql' with { type: 'text' };
import readLinesSql from './sql/read-lines.sql' with { type: 'text' };
import setMainSql from './sql/set-main.sql' with { type: 'text' };
import setOpeningSql from './sql/set-opening.sql' with { type: 'text' };
import type { Statements } from './statements.ts';

/** `Line`, with columns. */
export interface LineColumns {
  number: number;
  agent: string | null;
  opening: string;
  tip: TurnSuffix | null;
  digest: string | null;
}

/** `LineChange`, with columns. */
export interface LineColumnsChange {
  opening?: string;
  tip?: { from: TurnSuffix | null; promotes: boolean };
}

/** The operations of `LineStore`, and what commits change on lines, with columns. */
export class LineOperations {
  constructor(private readonly statements: Statements) {}

  readLines(tenant: Tenant, session: SessionId): { main: number; lines: LineColumns[] } {
    const found = this.statements.first<SessionColumns>(findSessionSql, { tenant, id: session });
    const lines = this.statements.all<LineColumns>(readLinesSql, { tenant, session });
    return { main: found?.main ?? 0, lines };
  }

  addLine(
    tenant: Tenant,
    session: SessionId,
    { number, agent, opening }: Pick<LineColumns, 'number' | 'agent' | 'opening'>,
  ): boolean {
    const values = { tenant, session, number, agent, opening };
    if (this.statements.change(addLineSql, values) === 0) return false;
    const before = number - REMEMBERED_LINES + 1;
    if (before > 1) this.statements.run(forgetLinesSql, { tenant, session, before });
    return true;
  }

  /** Changes the line of a turn that was just appended. */
  change({ tenant, session, id, line: number }: TurnColumns, { opening, tip }: LineColumnsChange): void {
    if (opening !== undefined) this.statements.run(setOpeningSql, { tenant, session, number, opening });
    if (!tip) return;
    const values = { tenant, session, number, from: tip.from, to: id };
    if (this.statements.change(moveTipSql, values) === 0 || !tip.promotes) return;
    if (this.statements.change(keepHeadAsTipSql, { tenant, session }) === 0) return;
    this.statements.run(setMainSql, { tenant, session, line: number, to: id });
  }

  /** Whether the turn's line is not the main one any more; then the turn becomes the line's tip. */
  leaveHead({ tenant, session, id, line: number }: TurnColumns): boolean {
    return this.statements.change(leaveHeadSql, { tenant, session, number, to: id }) === 1;
  }
}
