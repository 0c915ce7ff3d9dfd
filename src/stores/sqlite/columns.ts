import type { SessionId } from '../../core/ids.ts';
import type { Tenant } from '../../core/request.ts';

/**
 * Rows as the threads pass them to each other, with the columns of SQLite. `store.ts` writes and reads them.
 */

/** The last part of a turn's id: what follows its session, which is stored beside it. */
export type TurnSuffix = string & { readonly turnSuffix: unique symbol };

export interface TurnKey {
  tenant: Tenant;
  session: SessionId;
  id: TurnSuffix;
}

/** A turn as the view `turn_rows` shows it, without its places in the file. */
export interface TurnColumns extends TurnKey {
  parent: TurnSuffix | null;
  createdAt: number;
  state: number;
  dialect: string;
  listed: number;
  deleted: number;
  model: string;
  tokens: number;
  totalTokens: number;
  digest: string;
  line: number | null;
  metadata: string | null;
  hidden: string | null;
  body: string;
}

export interface SessionColumns {
  tenant: Tenant;
  id: SessionId;
  name: string | null;
  createdAt: number;
  head: TurnSuffix | null;
  main: number;
  edits: number;
  metadata: string | null;
  /** JSON; `null` when empty. */
  tags: string | null;
}
