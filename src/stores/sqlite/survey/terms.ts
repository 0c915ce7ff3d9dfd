import type { Statements } from '../statements.ts';
import addTermSql from './sql/add-term.sql' with { type: 'text' };
import findTermSql from './sql/find-term.sql' with { type: 'text' };

/** The tenant of names of tenants, and of names that sums of all tenants share. */
export const NO_TENANT = 0;
/** How many names have their numbers in memory. */
const REMEMBERED = 20_000;

/** Names as numbers. */
export class Terms {
  private readonly known = new Map<string, number>();

  constructor(private readonly statements: Statements) {}

  find(tenant: number, kind: string, value: string): number | undefined {
    const key = `${tenant} ${kind} ${value}`;
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const found = this.statements.first<{ id: number }>(findTermSql, { tenant, kind, value })?.id;
    if (found !== undefined) this.remember(key, found);
    return found;
  }

  /** The number of a name that may be new. */
  of(tenant: number, kind: string, value: string): number {
    const found = this.find(tenant, kind, value);
    if (found !== undefined) return found;
    this.statements.run(addTermSql, { tenant, kind, value });
    return this.find(tenant, kind, value)!;
  }

  /** A transaction was undone: numbers that it gave may be given again. */
  forget(): void {
    this.known.clear();
  }

  private remember(key: string, id: number): void {
    if (this.known.size >= REMEMBERED) this.known.clear();
    this.known.set(key, id);
  }
}
