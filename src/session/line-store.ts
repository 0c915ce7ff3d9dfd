import type { SessionId, TurnId } from '../core/ids.ts';
import type { Tenant } from '../core/request.ts';

/** A line of a session that is remembered, so that later requests of the same agent find it. */
export interface Line {
  /** 0 is the session's first line. */
  number: number;
  /** The id of the sub-agent that the line belongs to. */
  agent?: string;
  /** The line's latest opening instructions, as `session/likeness.ts` writes them; `''` for none. */
  opening: string;
  /**
   * The line's latest turn; `null` before the first one is recorded. Not kept up to date for the main line,
   * whose latest turn is the session's head.
   */
  tip: TurnId | null;
  /** The digest of `tip` (`TurnRow.digest`); `''` without a tip. */
  digest: string;
}

/** The lines of a session that are remembered, by number. */
export interface SessionLines {
  /** The number of the line that the session's head is on. */
  main: number;
  lines: Line[];
}

/** How many lines are remembered beside the first and the main one: the latest. */
export const REMEMBERED_LINES = 32;

/**
 * The lines of sessions. They are in the same store as the `TurnLog`, because a commit moves a line's tip.
 * Implementations pass `tests/conformance/line-store.ts`. A line survives the process that added it, not
 * necessarily the store's machine, until a turn is committed on it. Failures of the store itself reject with
 * `store_unavailable`.
 */
export interface LineStore {
  /** No lines where none were added, or where there is no such session. */
  readLines(tenant: Tenant, session: SessionId): Promise<SessionLines>;
  /**
   * Adds a line without a turn. False, and nothing changes, where the session has a line with this number: another
   * request was faster. Beyond `REMEMBERED_LINES`, the lines with the smallest numbers are forgotten.
   */
  addLine(
    tenant: Tenant,
    session: SessionId,
    line: Pick<Line, 'number' | 'agent' | 'opening'>,
  ): Promise<boolean>;
  /** Forgets all lines of a session. */
  erase(tenant: Tenant, session: SessionId): Promise<void>;
}
