import type { Database } from 'bun:sqlite';
import { type Clock, systemClock } from '../../core/clock.ts';
import { ClaimOperations } from './claim-operations.ts';
import { GatewayOperations } from './gateway-operations.ts';
import { LeaseOperations } from './lease-operations.ts';
import { LineOperations } from './line-operations.ts';
import { Statements } from './statements.ts';
import { TurnOperations } from './turn-operations.ts';
import { ValueOperations } from './value-operations.ts';

type Public<Part> = Pick<Part, keyof Part>;
type All = Public<TurnOperations> &
  Public<LeaseOperations> &
  Pick<LineOperations, 'readLines' | 'addLine'> &
  Pick<ValueOperations, 'readValue' | 'listValues' | 'changeValue'> &
  Public<ClaimOperations> &
  Public<GatewayOperations>;

/** The name of an operation of the store's thread. */
export type OperationName = keyof All;
/** What an operation gets. */
export type OperationArgs<Name extends OperationName> = Parameters<All[Name]>;
/** What an operation returns. */
export type OperationResult<Name extends OperationName> = ReturnType<All[Name]>;

/**
 * What the store's thread can be asked, in plain values that travel between threads. Each operation runs
 * inside the transaction of its group. One that throws a `Fault` has written nothing. Times are this
 * thread's: callers say only how long a lease lasts, or how old something may be.
 */
export class Operations {
  readonly turns: TurnOperations;
  readonly leases: LeaseOperations;
  readonly lines: LineOperations;
  readonly values: ValueOperations;
  readonly claims: ClaimOperations;
  readonly gateway: GatewayOperations;
  private readonly statements: Statements;

  constructor(db: Database, clock: Clock = systemClock) {
    this.statements = new Statements(db);
    this.lines = new LineOperations(this.statements);
    this.values = new ValueOperations(this.statements, clock);
    this.turns = new TurnOperations(this.statements, clock, this.lines, this.values);
    this.leases = new LeaseOperations(this.statements, clock, this.turns);
    this.claims = new ClaimOperations(this.statements, clock);
    this.gateway = new GatewayOperations(this.statements, clock);
  }

  perform<Name extends OperationName>(name: Name, args: OperationArgs<Name>): OperationResult<Name> {
    const { turns, leases, lines, values, claims, gateway } = this;
    const part = [turns, leases, lines, values, claims, gateway].find((one) => name in one) as unknown as All;
    const operation = part[name] as (...args: OperationArgs<Name>) => OperationResult<Name>;
    return operation.apply(part, args);
  }

  finalize(): void {
    this.statements.finalize();
  }
}
