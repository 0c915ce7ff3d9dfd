import type { Changes, Database, SQLQueryBindings, Statement } from 'bun:sqlite';

type Values = Record<string, SQLQueryBindings>;

/** The statements of a database, each prepared once. */
export class Statements {
  private readonly prepared = new Map<string, Statement>();

  constructor(private readonly db: Database) {}

  first<Row>(sql: string, values: Values): Row | undefined {
    return (this.prepare(sql).get(values) as Row | null) ?? undefined;
  }

  all<Row>(sql: string, values: Values = {}): Row[] {
    return this.prepare(sql).all(values) as Row[];
  }

  run(sql: string, values: Values): Changes {
    return this.prepare(sql).run(values);
  }

  /** How many rows changed. */
  change(sql: string, values: Values): number {
    return this.run(sql, values).changes;
  }

  finalize(): void {
    for (const statement of this.prepared.values()) statement.finalize();
    this.prepared.clear();
  }

  private prepare(sql: string): Statement {
    let statement = this.prepared.get(sql);
    if (!statement) {
      statement = this.db.prepare(sql);
      this.prepared.set(sql, statement);
    }
    return statement;
  }
}
